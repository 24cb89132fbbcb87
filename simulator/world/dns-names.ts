const LONGEST_NAME = 255;
/** Printable characters; Route 53 takes more than a host name may hold. */
const LABEL = /^[\x21-\x2d\x2f-\x7e]{1,63}$/;

/**
 * A name as Route 53 keeps it: in lower case, with the dot at the end, `*` as `\052`. Undefined for what is no domain
 * name.
 */
export function canonicalName(name: string): string | undefined {
  const lower = name.toLowerCase().replace(/\.$/, '');
  if (lower.length >= LONGEST_NAME || !lower.split('.').every((label) => LABEL.test(label))) return undefined;
  return `${lower.replaceAll('*', '\\052')}.`;
}

/** Whether a name is that of a domain or one below it; both canonical. */
export function liesIn(name: string, domain: string): boolean {
  return name === domain || name.endsWith(`.${domain}`);
}

/** The order in which Route 53 lists names: by their labels from the last one on. */
export function compareNames(one: string, other: string): number {
  const [first, second] = [one, other].map((name) => name.split('.').reverse().join('.'));
  return first === second ? 0 : (first as string) < (second as string) ? -1 : 1;
}
