import { lookup } from 'node:dns/promises';

/**
 * All addresses of a name; rejects, or gives none, where there are none. The signal says when nobody waits for the
 * answer any more.
 */
export type Resolve = (host: string, signal: AbortSignal) => Promise<readonly string[]>;

/**
 * A look-up cannot be cancelled and keeps one of the process's few (four) threads until the resolver gives up, which
 * takes seconds. Names that do not answer must not take them all: files and the database's names need some, too.
 */
const MAX_LOOKUPS = 2;

/** The system's resolver, hosts file and search list included. */
async function lookUpIpv4(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, family: 4 });
  return found.map(({ address }) => address);
}

/**
 * Asks the system's resolver for IPv4 addresses, two names at a time; who asks for a name that is being looked up
 * gets the same answer.
 *
 * @param lookUp in place of the system's resolver
 */
export function createSystemResolver(
  lookUp: (host: string) => Promise<readonly string[]> = lookUpIpv4,
): Resolve {
  const underWay = new Map<string, Promise<readonly string[]>>();
  const waiting: { signal: AbortSignal; go: () => void }[] = [];

  /** Lets the next one in whom somebody still waits for. */
  function letIn(): void {
    while (underWay.size < MAX_LOOKUPS) {
      const next = waiting.shift();
      if (next === undefined) return;
      if (!next.signal.aborted) next.go();
    }
  }

  function start(host: string): Promise<readonly string[]> {
    const known = underWay.get(host);
    if (known !== undefined) return known;
    const looking = lookUp(host).finally(() => {
      underWay.delete(host);
      letIn();
    });
    underWay.set(host, looking);
    return looking;
  }

  return (host, signal) => {
    if (underWay.has(host) || underWay.size < MAX_LOOKUPS) return start(host);
    return new Promise((resolve, reject) => {
      waiting.push({ signal, go: () => void start(host).then(resolve, reject) });
    });
  };
}

/** The addresses of a name that the operator wrote down, IPv4 before IPv6. */
export async function resolveConfiguredName(host: string): Promise<readonly string[]> {
  const found = await lookup(host, { all: true, verbatim: false });
  return found.map(({ address }) => address);
}
