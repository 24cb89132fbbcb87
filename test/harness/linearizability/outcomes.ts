import type { ConnectionErrorCode } from '../../../keystore/connection-error-code';
import type { StateEvent } from '../../../keystore/connection-state';

/*
 * How a connect or a disconnect can end by itself, by the world behind the store: what a sequential model of an account
 * needs to know of clusters and proxies. What nobody has seen yet is kept open (several passwords may be in force), and
 * not told apart by several ends: there would be too many.
 */

/** kmsuser of a cluster, as far as it is known. */
export interface Kmsuser {
  /** one of them is its password; sorted */
  passwords: readonly string[];
  /** that were wrong, in a row: between so many and so many */
  wrongTries: readonly [least: number, most: number];
}

/** A cluster, and the store that stands on it. */
interface Cluster {
  type: 'AWS_CLOUDHSM';
  kmsuser: Kmsuser;
  /** passwords that the store knows */
  known: readonly string[];
  /** the password that the store's connects set, which nobody else knows */
  own: string;
}

/** What is behind a store. */
export type Behind = Cluster | { type: 'EXTERNAL_KEY_STORE'; isAccepted: boolean };

/** One end, with what has changed behind the store. */
export interface End {
  event: StateEvent;
  /** of a connect that failed: each of them is possible */
  codes?: readonly ConnectionErrorCode[];
  kmsuser?: Kmsuser;
  /** passwords that the store knows */
  known?: readonly string[];
}

/** What may come between: nothing that a healthy world does not have, or workers that die or freeze at any moment. */
export type Disturbance = 'none' | 'deaths';

/** Wrong passwords in a row after which CloudHSM locks a user. */
const LOCKED = 5;
/** A wrong password is sent so often in one connect: where its answer was late, once more (`spec/kms.md` D18). */
const MOST_TRIES = 2;
/** A proxy has 250 ms for an answer, which a busy machine may take from it. */
const SLOW_PROXY: readonly ConnectionErrorCode[] = ['XKS_PROXY_TIMED_OUT', 'XKS_PROXY_NOT_REACHABLE'];
/**
 * Of a cluster, where workers die: two logins were sent that nobody lived to hear of (a third would help to lock the
 * user); one that was frozen logged in when its store was long disconnected, and that session shuts others out; and
 * nobody counts how often a wrong password was sent.
 */
const DEATHS: readonly ConnectionErrorCode[] = ['NETWORK_ERRORS', 'USER_LOGGED_IN', 'USER_LOCKED_OUT'];

const failed = (codes: readonly ConnectionErrorCode[], changes: Omit<End, 'event' | 'codes'> = {}): End => ({
  event: 'connect-failed',
  codes,
  ...changes,
});

/** The ends of a connect. With the right secret none is for a wrong one, whoever dies: no password is ever lost. */
export function endsOfConnect(behind: Behind, disturbance: Disturbance): End[] {
  if (behind.type === 'EXTERNAL_KEY_STORE') {
    return behind.isAccepted
      ? [{ event: 'connect-succeeded' }, failed(SLOW_PROXY)]
      : [failed(['INVALID_CREDENTIALS', ...SLOW_PROXY])];
  }
  const { kmsuser, own } = behind;
  const { right, wrong } = passwordsOf(behind);
  const [least, most] = disturbance === 'deaths' ? [0, LOCKED] : kmsuser.wrongTries;
  const ends: End[] = [];
  if (right.length > 0 && least < LOCKED) {
    // Logged in and rotated: from now on only this store knows kmsuser's password.
    const after = { passwords: [own], wrongTries: [0, 0] } as const;
    ends.push({ event: 'connect-succeeded', kmsuser: after, known: [own] });
  }
  if (wrong.length > 0 && least < LOCKED) {
    const wrongTries = [least + 1, Math.min(most + MOST_TRIES, LOCKED)] as const;
    ends.push(failed(['INVALID_CREDENTIALS'], { kmsuser: { passwords: wrong, wrongTries } }));
  }
  if (disturbance === 'deaths') ends.push(failed(DEATHS, cutOff(behind)));
  else if (most >= LOCKED || (wrong.length > 0 && most + MOST_TRIES > LOCKED)) {
    ends.push(failed(['USER_LOCKED_OUT'], { kmsuser: { ...kmsuser, wrongTries: [LOCKED, LOCKED] } }));
  }
  return ends;
}

/** The end of a disconnect. `overtook`: a connect, which may have come to any point. */
export function endOfDisconnect(behind: Behind, overtook: boolean): End {
  const event = 'disconnect-succeeded';
  return behind.type === 'AWS_CLOUDHSM' && overtook ? { event, ...cutOff(behind) } : { event };
}

/** After a connect that was cut off: before its login, after it, or after the rotation. */
function cutOff(cluster: Cluster): Pick<End, 'kmsuser' | 'known'> {
  const { kmsuser, known, own } = cluster;
  const { right, wrong } = passwordsOf(cluster);
  const [least, most] = kmsuser.wrongTries;
  if (least >= LOCKED) return {};
  const mostAfter = wrong.length > 0 ? Math.min(most + MOST_TRIES, LOCKED) : most;
  if (right.length === 0) return { kmsuser: { ...kmsuser, wrongTries: [least, mostAfter] } };
  const passwords = [...new Set([...kmsuser.passwords, own])].sort();
  return { kmsuser: { passwords, wrongTries: [0, mostAfter] }, known: [...new Set([...known, own])] };
}

/** Of the passwords that may be in force, those with which the store's connect succeeds, and the others. */
function passwordsOf({ kmsuser, known }: Cluster): { right: string[]; wrong: string[] } {
  return {
    right: kmsuser.passwords.filter((password) => known.includes(password)),
    wrong: kmsuser.passwords.filter((password) => !known.includes(password)),
  };
}

/** Whether a store knows kmsuser's password, whichever it is. */
export function knowsIt(behind: Behind): boolean {
  return behind.type === 'AWS_CLOUDHSM' && passwordsOf(behind).wrong.length === 0;
}
