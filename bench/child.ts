import { fork } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { settlesWithin } from '../cli/program';
import type { HeapAnswer, Question } from './probe';
import type { ProfileAnswer } from './profile';

/** A process that can say where its time goes. */
export interface Profiled {
  name: string;
  pid: number;
  startProfile(): Promise<void>;
  stopProfile(): Promise<ProfileAnswer>;
}

/** A process that is measured. */
export interface Child extends Profiled {
  /** bytes in use after a collection */
  heapUsed(): Promise<number>;
  /** asks it to end and waits */
  stop(): Promise<void>;
  kill(): void;
}

export interface ChildConfig {
  name: string;
  /** in `dist` */
  script: string;
  args: readonly string[];
  env: Readonly<Record<string, string>>;
  /** its output goes there */
  logFolder: string;
  isReady: () => Promise<boolean>;
}

const READY_MS = 60_000;
const STOP_MS = 70_000;
const POLL_MS = 50;
const PROBE = join(__dirname, 'probe.js');
const DIST = join(__dirname, '..');

/** Starts one, with the probe in it, and waits until it serves. */
export async function startChild(config: ChildConfig): Promise<Child> {
  const log = join(config.logFolder, `${config.name}.log`);
  const file = openSync(log, 'a');
  const child = fork(join(DIST, config.script), [...config.args], {
    env: config.env,
    execArgv: ['--expose-gc', '--require', PROBE],
    stdio: ['ignore', file, file, 'ipc'],
  });
  closeSync(file);
  const exited = new Promise<string>((resolve) => {
    child.once('exit', (code, signal) => resolve(signal ?? `exit code ${String(code)}`));
    child.once('error', (error) => resolve(error.message));
  });
  let ended: string | undefined;
  void exited.then((how) => {
    ended = how;
  });
  const ask = <T>(question: Question): Promise<T> =>
    new Promise((resolve, reject) => {
      const hear = (message: { question: Question; answer?: T; error?: string }): void => {
        if (message.question !== question) return;
        child.off('message', hear);
        if (message.error === undefined) resolve(message.answer as T);
        else reject(new Error(`${config.name}: ${message.error}`));
      };
      child.on('message', hear);
      void exited.then((how) => reject(new Error(`${config.name} ended: ${how}`)));
      child.send(question);
    });
  const running: Child = {
    name: config.name,
    pid: child.pid ?? 0,
    heapUsed: async () => (await ask<HeapAnswer>('heap')).usedBytes,
    startProfile: () => ask('profile-start'),
    stopProfile: () => ask('profile-stop'),
    async stop() {
      child.kill('SIGTERM');
      if (await settlesWithin(exited, STOP_MS)) return;
      child.kill('SIGKILL');
      await exited;
    },
    kill: () => {
      child.kill('SIGKILL');
    },
  };
  const until = Date.now() + READY_MS;
  while (!(await config.isReady())) {
    if (ended !== undefined || Date.now() > until) {
      running.kill();
      const lastWords = readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n');
      throw new Error(`${config.name} did not start (${ended ?? 'not ready'}):\n${lastWords}`);
    }
    await pause(POLL_MS);
  }
  return running;
}
