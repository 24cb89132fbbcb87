import type { ServerOptions } from 'node:https';
import { CASES } from '../../../conformance/cases';
import type { ProxyUnderTest } from '../../../conformance/proxy-under-test';
import type { Mutation } from './mutating-proxy';

/** What the mutant shows of itself in the TLS handshake. */
export type Certificate = 'right' | 'other-host' | 'expired' | 'other-ca';

/** A proxy with one bug. */
export interface Mutant {
  /** the bug: `a proxy that …` */
  bug: string;
  mutation: Mutation;
  /**
   * ids of the checks that must fail, and no other; `*` stands for anything, and what begins with `!` is taken out
   * again
   */
  fails: readonly string[];
  certificate?: Certificate;
  tls?: ServerOptions;
  /** how it is checked, where that is not as usual */
  proxy?: Partial<Pick<ProxyUnderTest, 'limitMs' | 'load'>>;
}

/** The ids that a mutant's patterns stand for, in the order of the table. */
export function expectedFailures({ fails }: Pick<Mutant, 'fails'>): string[] {
  const matches = (id: string, pattern: string): boolean =>
    new RegExp(`^${pattern.replaceAll('*', '.*')}$`).test(id);
  const wanted = fails.filter((pattern) => !pattern.startsWith('!'));
  const unwanted = fails.filter((pattern) => pattern.startsWith('!')).map((pattern) => pattern.slice(1));
  return CASES.map(({ id }) => id).filter(
    (id) =>
      wanted.some((pattern) => matches(id, pattern)) && !unwanted.some((pattern) => matches(id, pattern)),
  );
}
