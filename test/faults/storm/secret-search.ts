import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { disguises } from '../../e2e/home-scan';

/**
 * Looks for very many secrets at once, in all the disguises of `home-scan.ts`: a storm rotates hundreds of passwords, and
 * one pass over everything must do for all of them.
 */
export class SecretSearch {
  /** forms by their first four bytes, and whether any form begins with bytes of such a hash */
  readonly #forms = new Map<number, Buffer[]>();
  readonly #maybe = new Uint8Array(0x1_0000);

  constructor(secrets: Iterable<string>) {
    const seen = new Set<string>();
    for (const secret of new Set(secrets)) {
      for (const form of disguises(secret)) {
        if (form.length < HEAD || seen.has(form.toString('latin1'))) continue;
        seen.add(form.toString('latin1'));
        const head = form.readUInt32BE(0);
        this.#forms.set(head, [...(this.#forms.get(head) ?? []), form]);
        this.#maybe[hash(head)] = 1;
      }
    }
  }

  /** Whether any of them can be read there. */
  isIn(content: Buffer | string): boolean {
    const bytes = Buffer.from(content);
    let head = 0;
    for (let end = 0; end < bytes.length; end++) {
      head = ((head << 8) | (bytes[end] as number)) >>> 0;
      if (this.#maybe[hash(head)] === 0 || end < HEAD - 1) continue;
      const start = end - HEAD + 1;
      const forms = this.#forms.get(head);
      if (forms?.some((form) => bytes.subarray(start, start + form.length).equals(form))) return true;
    }
    return false;
  }

  /** Files below a folder in which any of them can be read; `skip` names folders left out. */
  filesBelow(folder: string, skip: readonly string[]): string[] {
    const found: string[] = [];
    const walk = (place: string): void => {
      for (const entry of readdirSync(place, { withFileTypes: true })) {
        const path = join(place, entry.name);
        const name = relative(folder, path);
        if (entry.isDirectory()) {
          if (!skip.includes(name)) walk(path);
        } else if (entry.isFile() && this.isIn(contentOf(path))) found.push(name);
      }
    };
    walk(folder);
    return found;
  }
}

/** Empty where the file has gone meanwhile: PostgreSQL lives on. */
function contentOf(path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return Buffer.alloc(0);
    throw error;
  }
}

const HEAD = 4;

function hash(head: number): number {
  return (head ^ (head >>> 16)) & 0xffff;
}
