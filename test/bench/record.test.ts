import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readOptions } from '../../bench/options';
import { recordPart } from '../../bench/record';
import { limitRow, plainRow, whole } from '../../bench/report';

const folder = mkdtempSync(join(tmpdir(), 'keymoor-record-'));
afterAll(() => rmSync(folder, { recursive: true }));

const found = {
  title: 'starting everything',
  machine: '2 × CPU',
  rows: [
    limitRow({ what: 'events', value: 36, unit: whole, most: 35 }),
    plainRow({ what: 'bytes', ours: '3.1 kB' }),
  ],
  notes: ['one line', 'a profile\n  of two lines'],
};

it('what benchmarks found is kept in a part of its own for each, with the command that repeats it', () => {
  recordPart({ ...found, name: 'history' }, folder);
  const file = recordPart({ ...found, name: 'growth', asked: ' --operations 500' }, folder);
  expect(readdirSync(folder)).toEqual(['bench-growth.json', 'bench-history.json']);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual({
    part: 'bench-growth',
    title: 'Speed: starting everything',
    command: 'npm run bench -- --only growth --record --operations 500',
    machine: '2 × CPU',
    commit: expect.stringMatching(/^[0-9a-f]{10}\+?$/) as string,
    at: expect.stringMatching(/^\d{4}-\d\d-\d\d$/) as string,
    tables: [
      {
        head: ['what', 'Keymoor', 'beside it', 'figure', 'target', 'verdict'],
        rows: [
          ['events', '36', '', '36', '≤ 35', 'MISSED'],
          ['bytes', '3.1 kB', '', '', '', ''],
        ],
      },
    ],
    notes: ['one line', '```text\na profile\n  of two lines\n```'],
  });
});

it('growth runs only where it is named, and with as many operations as are asked for', () => {
  expect(readOptions([]).only).not.toContain('growth');
  const { only, counts, asked } = readOptions(['--only', 'growth', '--operations', '500']);
  expect(asked).toBe(' --operations 500');
  expect(only).toEqual(['growth']);
  expect(counts.operations).toBe(500);
  expect(() => readOptions(['--operations', 'many'])).toThrow('--operations takes a number');
});

it('a quick run is not recorded', () => {
  expect(() => readOptions(['--quick', '--record'])).toThrow('too short to judge by');
});
