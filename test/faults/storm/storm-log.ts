import { appendFileSync, writeFileSync } from 'node:fs';

/** What happened, line by line, with the time since the start: for whoever reads a failed storm. */
export class StormLog {
  readonly #start = Date.now();

  constructor(readonly file: string) {
    writeFileSync(file, '');
  }

  say(line: string): void {
    const at = ((Date.now() - this.#start) / 1_000).toFixed(3).padStart(9);
    appendFileSync(this.file, `${at} ${new Date().toISOString().slice(11, 23)} ${line}\n`);
  }
}
