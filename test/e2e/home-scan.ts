import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A secret in the forms in which it could lie around: plain, UTF-16, hex, and Base64 at each of its three alignments. */
function disguises(secret: string): Buffer[] {
  const base64 = [0, 1, 2].map((shift) => {
    const text = Buffer.concat([Buffer.alloc(shift), Buffer.from(secret)])
      .toString('base64')
      .replace(/=+$/, '');
    // Characters that hold bits of neighbours say nothing.
    return text.slice(shift === 0 ? 0 : shift + 1, -1);
  });
  return [
    Buffer.from(secret),
    Buffer.from(secret, 'utf16le'),
    Buffer.from(Buffer.from(secret).toString('hex')),
    ...base64.map((text) => Buffer.from(text)),
  ];
}

/** Files below a folder in which any of the secrets can be read, in whatever disguise; `skip` names folders left out. */
export function filesWithSecrets(folder: string, secrets: string[], skip: string[]): string[] {
  const needles = secrets.flatMap(disguises);
  const found: string[] = [];
  const walk = (place: string): void => {
    for (const entry of readdirSync(place, { withFileTypes: true })) {
      const path = join(place, entry.name);
      if (entry.isDirectory()) {
        if (!skip.includes(relative(folder, path))) walk(path);
      } else if (entry.isFile()) {
        const content = readFileSync(path);
        if (needles.some((needle) => content.includes(needle))) found.push(relative(folder, path));
      }
    }
  };
  walk(folder);
  return found;
}
