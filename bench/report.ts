/** One comparison with a target. */
export interface Row {
  what: string;
  /** what was measured of Keymoor, readable */
  ours: string;
  /** what it is compared with */
  beside: string;
  /** the figure that has a target, readable */
  figure: string;
  /** e.g. `≤ 1.5`; empty where there is none */
  target: string;
  met: boolean;
}

/** What the columns of a table are. */
export const HEAD = ['what', 'Keymoor', 'beside it', 'figure', 'target', 'verdict'];

/** A ratio against a target. */
export function ratioRow(row: {
  what: string;
  ours: number;
  beside: number;
  unit: (value: number) => string;
  target: { most: number } | { least: number };
}): Row {
  const ratio = row.ours / row.beside;
  const met = 'most' in row.target ? ratio <= row.target.most : ratio >= row.target.least;
  return {
    what: row.what,
    ours: row.unit(row.ours),
    beside: row.unit(row.beside),
    figure: `${ratio.toFixed(ratio < 0.1 ? 3 : 2)} ×`,
    target: 'most' in row.target ? `≤ ${row.target.most} ×` : `≥ ${row.target.least} ×`,
    met,
  };
}

/** A figure of our own against a limit. */
export function limitRow(row: {
  what: string;
  value: number;
  unit: (value: number) => string;
  most: number;
}): Row {
  return {
    what: row.what,
    ours: row.unit(row.value),
    beside: '',
    figure: row.unit(row.value),
    target: `≤ ${row.unit(row.most)}`,
    met: row.value <= row.most,
  };
}

/** A figure without a target. */
export function plainRow(row: { what: string; ours: string; beside?: string }): Row {
  return { beside: '', figure: '', target: '', met: true, ...row };
}

export const milliseconds = (value: number): string => `${value.toFixed(value < 10 ? 2 : 1)} ms`;
export const perSecond = (value: number): string => `${value < 100 ? value.toFixed(1) : value.toFixed(0)}/s`;
export const megabytes = (value: number): string => `${(value / 1e6).toFixed(0)} MB`;
export const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;
export const seconds = (value: number): string => `${value.toFixed(2)} s`;
export const kilobytes = (value: number): string => `${(value / 1e3).toFixed(1)} kB`;
export const whole = (value: number): string => value.toFixed(0);

/** The table for a terminal. */
export function plainTable(rows: readonly Row[]): string {
  return lines(
    rows,
    (cells, widths) =>
      cells
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    '─',
  ).join('\n');
}

/** The same for a document. */
export function markdownTable(rows: readonly Row[]): string {
  return lines(
    rows,
    (cells, widths) => `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`,
    '-',
  ).join('\n');
}

function lines(
  rows: readonly Row[],
  format: (cells: readonly string[], widths: readonly number[]) => string,
  rule: string,
): string[] {
  const cells = [HEAD, ...rows.map(cellsOf)];
  const widths = HEAD.map((_, column) => Math.max(...cells.map((line) => (line[column] ?? '').length)));
  const [head = [], ...body] = cells;
  return [head, widths.map((width) => rule.repeat(width)), ...body].map((line) => format(line, widths));
}

/** A row of the table, readable. */
export function cellsOf({ what, ours, beside, figure, target, met }: Row): string[] {
  return [what, ours, beside, figure, target, target === '' ? '' : met ? 'met' : 'MISSED'];
}
