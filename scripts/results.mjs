/**
 * Writes docs/results.md from its parts in docs/results/: `npm run results`. With `--check` only says whether the page is what its
 * parts make. Each part is JSON that the script which measured wrote:
 * `{ part, title, command, machine, at, commit, tables: [{ head: [], rows: [[]] }], notes: [] }`, all cells strings.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { PROJECT } from './layout.mjs';

const FOLDER = join(PROJECT, 'docs', 'results');
const PAGE = join(PROJECT, 'docs', 'results.md');

/** Sections in the order of the page: the parts whose names begin so. */
const SECTIONS = [
  { heading: 'Faults', parts: ['faults-', 'crash-points', 'two-of-everything', 'outages'] },
  { heading: 'Replay', parts: ['replay'] },
  { heading: 'Security', parts: ['security'] },
  { heading: 'Speed', parts: ['bench', 'growth', 'start-up'] },
  { heading: 'Tests', parts: ['tests', 'temporal-on-postgresql'] },
];

const parts = readdirSync(FOLDER)
  .filter((name) => name.endsWith('.json'))
  .sort((one, other) => one.localeCompare(other, 'en', { numeric: true }))
  .map((name) => ({ name, ...JSON.parse(readFileSync(join(FOLDER, name), 'utf8')) }));

const homeless = parts.filter(({ name }) => !SECTIONS.some((section) => belongs(section, name)));
if (homeless.length > 0) {
  process.stderr.write(
    `keymoor: no section of docs/results.md for ${homeless.map(({ name }) => name).join(', ')}\n`,
  );
  process.exit(1);
}

const page = await format(
  [
    '# Results',
    '',
    'Written by `npm run results` from the parts in [docs/results](results), each of which the command above it wrote. Speeds are',
    'ratios, measured side by side in one run; run the command to have them for your machine.',
    '',
    ...SECTIONS.flatMap((section) => [
      `## ${section.heading}`,
      '',
      ...parts.filter(({ name }) => belongs(section, name)).flatMap(render),
    ]),
  ].join('\n'),
  { ...(await resolveConfig(PAGE)), parser: 'markdown' },
);

if (process.argv.includes('--check')) {
  if (page !== readFileSync(PAGE, 'utf8')) {
    process.stderr.write('keymoor: docs/results.md is not what its parts make; npm run results writes it\n');
    process.exitCode = 1;
  }
} else {
  writeFileSync(PAGE, page);
}

function belongs({ parts: prefixes }, name) {
  return prefixes.some((prefix) => name.startsWith(prefix));
}

function render({ title, command, machine, at, commit, tables, notes }) {
  return [
    `### ${title}`,
    '',
    `\`${command}\` · ${machine} · ${at}${commit ? ` · commit ${commit}` : ''}`,
    '',
    ...tables.flatMap(({ head, rows }) => [line(head), line(head.map(() => '---')), ...rows.map(line), '']),
    ...notes.flatMap((note) => [note, '']),
  ];
}

function line(cells) {
  return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|').replaceAll('\n', '<br>')).join(' | ')} |`;
}
