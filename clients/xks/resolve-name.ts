import { lookup } from 'node:dns/promises';

/** All addresses of a name; rejects, or gives none, where there are none. */
export type Resolve = (host: string) => Promise<readonly string[]>;

/**
 * A look-up cannot be cancelled and keeps one of the process's few (four) threads until the resolver gives up, which
 * takes seconds. Names that do not answer must not take them all: files and the database's names need some, too.
 */
const MAX_LOOKUPS = 2;

/** Asks the system's resolver (hosts file and search list included) for IPv4 addresses, a few names at a time. */
export function createSystemResolver(): Resolve {
  const underWay = new Map<string, Promise<readonly string[]>>();
  const waiting: (() => void)[] = [];
  let free = MAX_LOOKUPS;

  async function look(host: string): Promise<readonly string[]> {
    if (free === 0) await new Promise<void>((resolve) => waiting.push(resolve));
    else free--;
    try {
      const found = await lookup(host, { all: true, family: 4 });
      return found.map(({ address }) => address);
    } finally {
      underWay.delete(host);
      const next = waiting.shift();
      if (next === undefined) free++;
      else next();
    }
  }

  return (host) => {
    const known = underWay.get(host);
    if (known !== undefined) return known;
    const looking = look(host);
    underWay.set(host, looking);
    return looking;
  };
}

/** The addresses of a name that the operator wrote down, IPv4 before IPv6. */
export async function resolveConfiguredName(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: false });
  return found.map(({ address }) => address);
}
