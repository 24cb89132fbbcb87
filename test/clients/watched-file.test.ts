import { mkdir, mkdtemp, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { InvalidFile, openWatchedFile } from '../../clients/watched-file';
import type { WatchedFile } from '../../clients/watched-file';
import { eventually } from './eventually';

/** As often as a busy machine can keep up with. */
const EVERY_MS = 25;

describe('a file that is kept up with', () => {
  let folder: string;
  let file: string;
  let away: string;
  let log: string[];
  /** every text that was parsed, oldest first */
  let parsed: string[];
  const opened: { close(): void }[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'keymoor-watched-file-'));
    file = join(folder, 'watched.txt');
    away = `${file}.away`;
    log = [];
    parsed = [];
    await writeFile(file, 'good 1');
  });
  afterEach(async () => {
    for (const each of opened.splice(0)) each.close();
    await rm(folder, { recursive: true });
  });

  /** What begins with `bad` is invalid. */
  function parse(text: string): string {
    parsed.push(text);
    if (text.startsWith('bad')) throw new InvalidFile(`it says ${text}`);
    return text;
  }
  async function open(
    options: Partial<Parameters<typeof openWatchedFile<string>>[0]> = {},
  ): Promise<WatchedFile<string>> {
    const logger = pino({ level: 'info' }, { write: (line: string) => void log.push(line) });
    const watched = await openWatchedFile({
      file,
      name: 'test file',
      parse,
      logger,
      everyMs: EVERY_MS,
      ...options,
    });
    opened.push(watched);
    return watched;
  }
  const linesOf = (level: number): Record<string, unknown>[] =>
    log.map((line) => JSON.parse(line) as Record<string, unknown>).filter((line) => line['level'] === level);
  /** The reasons that were logged, oldest first. */
  const complaints = (): unknown[] => linesOf(50).map(({ reason }) => reason);
  const timesOf = (reason: string): number => complaints().filter((one) => one === reason).length;
  const becomes = (holds: () => boolean): Promise<void> => eventually(holds);

  /** In one step, so that nobody finds half of it. */
  async function put(text: string, where = file): Promise<void> {
    await writeFile(`${where}.new`, text);
    await rename(`${where}.new`, where);
  }

  /** Waits for some looks at every file: as many as another one takes, opened later and changed twice. */
  async function someLooks(): Promise<void> {
    const beat = join(folder, 'beat.txt');
    await writeFile(beat, 'none');
    const metronome = await openWatchedFile({
      file: beat,
      name: 'metronome',
      parse: (text) => text,
      logger: pino({ level: 'silent' }),
      everyMs: EVERY_MS,
    });
    opened.push(metronome);
    for (const next of ['one', 'two']) {
      await put(next, beat);
      await becomes(() => metronome.current() === next);
    }
    metronome.close();
  }

  const UNREADABLE = [
    {
      what: 'was removed',
      reason: 'it does not exist',
      takeAway: () => rename(file, away),
      makeRoom: () => Promise.resolve(),
    },
    {
      what: 'has a folder in its place',
      reason: 'it is a folder',
      takeAway: async () => {
        await rename(file, away);
        await mkdir(file);
      },
      makeRoom: () => rmdir(file),
    },
  ];

  describe.each(UNREADABLE)('that $what', ({ reason, takeAway, makeRoom }) => {
    test('keeps its last good value, and is complained of once, however often it is looked at', async () => {
      const watched = await open();
      await takeAway();
      await becomes(() => timesOf(reason) === 1);
      const said = log.length;
      await someLooks();
      expect([watched.current(), log.length, timesOf(reason)]).toEqual(['good 1', said, 1]);
      expect(log.at(-1)).toContain('test file cannot be used; the last good one stays in force');
    });

    test.each([
      { how: 'as another', putBack: () => put('good 2'), text: 'good 2' },
      { how: 'as the very same', putBack: () => rename(away, file), text: 'good 1' },
    ])(
      'is in force again when it is back $how, and complained of once more if it happens again',
      async ({ putBack, text }) => {
        const watched = await open();
        for (const times of [1, 2]) {
          await takeAway();
          await becomes(() => timesOf(reason) === times);
          const before = parsed.length;
          await makeRoom();
          await putBack();
          await becomes(() => parsed.length > before);
          expect([parsed.at(-1), watched.current()]).toEqual([text, text]);
        }
        expect(timesOf(reason)).toBe(2);
      },
    );
  });

  test('another reason why it cannot be read is told, too', async () => {
    await open();
    await rename(file, away);
    await becomes(() => complaints().length === 1);
    await mkdir(file);
    await becomes(() => complaints().length === 2);
    expect(complaints()).toEqual(['it does not exist', 'it is a folder']);
  });

  test('an invalid text keeps the last good value, and is complained of and read once until it changes', async () => {
    const watched = await open();
    await put('bad 1');
    await becomes(() => complaints().length === 1);
    await someLooks();
    expect([watched.current(), parsed]).toEqual(['good 1', ['good 1', 'bad 1']]);

    await put('bad 2');
    await becomes(() => complaints().length === 2);
    await someLooks();
    expect(parsed).toEqual(['good 1', 'bad 1', 'bad 2']);

    await put('good 2');
    await becomes(() => watched.current() === 'good 2');
    expect(complaints()).toEqual(['it says bad 1', 'it says bad 2']);
  });

  test('an invalid text that comes again after a good one is complained of again', async () => {
    const watched = await open();
    await put('bad 1');
    await becomes(() => complaints().length === 1);
    await put('good 2');
    await becomes(() => watched.current() === 'good 2');
    await put('bad 1');
    await becomes(() => complaints().length === 2);
    expect(complaints()).toEqual(['it says bad 1', 'it says bad 1']);
  });

  test.each([
    {
      what: 'that may pass',
      failure: () => new InvalidFile('it needs more', true),
      reason: 'it needs more',
    },
    {
      what: 'that nobody foresaw',
      failure: () => new Error(`not for the log: ${file}`),
      reason: 'it cannot be read',
    },
  ])(
    'a failure $what is tried again at each look, and complained of once until it has passed',
    async ({ failure, reason }) => {
      let fails = false;
      let tries = 0;
      const watched = await open({
        parse: (text) => {
          tries += 1;
          if (fails) throw failure();
          return text;
        },
      });
      for (const times of [1, 2]) {
        const text = `good ${String(times)} and later`;
        fails = true;
        await put(text);
        await becomes(() => complaints().length === times);
        const before = tries;
        await becomes(() => tries >= before + 2);
        expect(watched.current()).not.toBe(text);
        // The file itself stays as it is.
        fails = false;
        await becomes(() => watched.current() === text);
      }
      expect(complaints()).toEqual([reason, reason]);
    },
  );

  test('a good text is read once until it changes', async () => {
    await open();
    await someLooks();
    expect([parsed, log]).toEqual([['good 1'], []]);
  });

  describe('that rests on other files', () => {
    /** The texts of the files that the text names, after the text itself. */
    const parseAll = async (text: string): Promise<string> => {
      parsed.push(text);
      const others = await Promise.all(
        namesIn(text).map((name) =>
          readFile(name, 'utf8').catch(() => {
            throw new InvalidFile(`it needs ${name}`, true);
          }),
        ),
      );
      return [text, ...others].join(' = ');
    };
    const namesIn = (text: string): string[] =>
      (text.split(' = ')[0] ?? '').split(' ').filter((word) => word.startsWith(folder));
    const openResting = (): Promise<WatchedFile<string>> => open({ parse: parseAll, alsoOf: namesIn });

    let first: string;
    let second: string;

    beforeEach(async () => {
      first = join(folder, 'first.txt');
      second = join(folder, 'second.txt');
      await Promise.all([put('one', first), put('two', second), put(`${first} ${second}`)]);
    });

    test('a change of any of them is in force without one of the file itself', async () => {
      const watched = await openResting();
      const named = `${first} ${second}`;
      expect(watched.current()).toBe(`${named} = one = two`);
      await put('uno', first);
      await becomes(() => watched.current() === `${named} = uno = two`);
      await put('due', second);
      await becomes(() => watched.current() === `${named} = uno = due`);
      expect(complaints()).toEqual([]);
    });

    test('as long as none of them changes it is read no more than twice, and nothing is logged', async () => {
      await openResting();
      await someLooks();
      expect(parsed.length).toBeLessThanOrEqual(2);
      const before = parsed.length;
      await someLooks();
      expect([parsed.length, log]).toEqual([before, []]);
    });

    test('one that is taken away leaves the last good value, complained of once, until it is back', async () => {
      const watched = await openResting();
      await someLooks();
      await rename(first, away);
      await becomes(() => complaints().length === 1);
      await someLooks();
      expect(watched.current()).toBe(`${first} ${second} = one = two`);
      await put('uno', first);
      await becomes(() => watched.current() === `${first} ${second} = uno = two`);
      expect(complaints()).toEqual([`it needs ${first}`]);
    });

    test('one that the file names only now is kept up with, too, and one that it names no more is not', async () => {
      await put(first);
      const watched = await openResting();
      await put(second);
      await becomes(() => watched.current() === `${second} = two`);
      await put('due', second);
      await becomes(() => watched.current() === `${second} = due`);
      await someLooks();
      const before = parsed.length;
      await put('uno', first);
      await someLooks();
      expect(parsed).toHaveLength(before);
    });
  });

  test('after close a change is not seen any more', async () => {
    const watched = await open();
    watched.close();
    await put('good 2');
    await someLooks();
    expect([watched.current(), parsed]).toEqual(['good 1', ['good 1']]);
  });

  test.each([
    { what: 'no file', makeSo: () => rename(file, away), says: 'it does not exist' },
    {
      what: 'a folder',
      makeSo: async () => {
        await rename(file, away);
        await mkdir(file);
      },
      says: 'it is a folder',
    },
    { what: 'an invalid text', makeSo: () => put('bad 1'), says: 'it says bad 1' },
  ])('with $what at the start it is not opened, and the reason is told', async ({ makeSo, says }) => {
    await makeSo();
    await expect(open()).rejects.toThrow(new Error(says));
  });
});
