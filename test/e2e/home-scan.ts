import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** The shortest run of plain characters that tells a secret: it looks the same in a URL, in JSON, HTML or a shell. */
const TELLING_RUN = /[A-Za-z0-9]{12,}/g;

/**
 * A secret in the forms in which it could lie around: plain, escaped in any way, UTF-16, hex, and Base64 at each of its
 * three alignments, in both alphabets.
 */
export function disguises(secret: string | Buffer): Buffer[] {
  const bytes = Buffer.from(secret);
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .replace(/=+$/, '');
    // Characters that hold bits of neighbours say nothing.
    return text.slice(shift === 0 ? 0 : shift + 1, -1);
  });
  const hex = bytes.toString('hex');
  const texts = [
    hex,
    hex.toUpperCase(),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
  const forms = [bytes, ...texts.map((text) => Buffer.from(text))];
  if (typeof secret === 'string')
    forms.push(
      Buffer.from(secret, 'utf16le'),
      Buffer.from(secret, 'utf16le').swap16(),
      ...(secret.match(TELLING_RUN) ?? []).map((run) => Buffer.from(run)),
    );
  return forms;
}

/** Which of the secrets can be read in some content, in whatever disguise: their places in the list. */
export function secretsIn(content: string | Buffer, secrets: readonly (string | Buffer)[]): number[] {
  const bytes = Buffer.from(content);
  return secrets.flatMap((secret, at) =>
    disguises(secret).some((form) => bytes.includes(form)) ? [at] : [],
  );
}

/** Which of the secrets can be read in which files below a folder, in whatever disguise: places in the list, by file. */
export function secretsByFile(
  folder: string,
  secrets: readonly (string | Buffer)[],
  skip: readonly string[] = [],
): Map<string, number[]> {
  const sought = secrets.map(disguises);
  const found = new Map<string, number[]>();
  const walk = (place: string): void => {
    for (const entry of readdirSync(place, { withFileTypes: true })) {
      const path = join(place, entry.name);
      const name = relative(folder, path);
      if (entry.isDirectory()) {
        if (!skip.includes(name)) walk(path);
      } else if (entry.isFile()) {
        const content = readFileSync(path);
        const hits = sought.flatMap((forms, at) =>
          forms.some((form) => content.includes(form)) ? [at] : [],
        );
        if (hits.length > 0) found.set(name, hits);
      }
    }
  };
  walk(folder);
  return found;
}

/** Files below a folder in which any of the secrets can be read; `skip` names folders left out. */
export function filesWithSecrets(
  folder: string,
  secrets: readonly string[],
  skip: readonly string[],
): string[] {
  return [...secretsByFile(folder, secrets, skip).keys()];
}
