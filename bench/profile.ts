import type { Profiler, Session } from 'node:inspector';

/** Where the process's main thread spent its time. */
export interface ProfileAnswer {
  /** of the whole profile, milliseconds */
  totalMs: number;
  /** largest first */
  top: { name: string; place: string; selfMs: number }[];
}

const TOP = 12;
/** The inspector's own call, under which V8 counts what beginning a profile costs. */
const PROFILER_ITSELF = { name: 'dispatch', url: '' };

/** Begins to look where this thread spends its time. */
export async function startProfile(session: Session): Promise<object> {
  session.connect();
  await posted((callback) => session.post('Profiler.enable', callback));
  await posted((callback) => session.post('Profiler.start', callback));
  return {};
}

/** What was seen since. */
export async function stopProfile(session: Session): Promise<ProfileAnswer> {
  const profile = await new Promise<Profiler.Profile>((resolve, reject) => {
    session.post('Profiler.stop', (error, result) => {
      if (error) reject(error);
      else resolve(result.profile);
    });
  });
  session.disconnect();
  return topOf(profile);
}

function posted(post: (callback: (error: Error | null) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => {
    post((error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

function topOf({ nodes, samples = [], timeDeltas = [] }: Profiler.Profile): ProfileAnswer {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const selfMs = new Map<string, { name: string; place: string; selfMs: number }>();
  let totalMs = 0;
  samples.forEach((id, index) => {
    const frame = frames.get(id);
    if (!frame || (frame.functionName === PROFILER_ITSELF.name && frame.url === PROFILER_ITSELF.url)) return;
    const ms = (timeDeltas[index] ?? 0) / 1_000;
    totalMs += ms;
    const name = frame.functionName || '(anonymous)';
    const place = frame.url === '' ? '' : `${shortened(frame.url)}:${frame.lineNumber + 1}`;
    const entry = selfMs.get(`${name} ${place}`) ?? { name, place, selfMs: 0 };
    entry.selfMs += ms;
    selfMs.set(`${name} ${place}`, entry);
  });
  const top = [...selfMs.values()].sort((one, other) => other.selfMs - one.selfMs).slice(0, TOP);
  return { totalMs, top };
}

/** From the project's folder on, or the package's. */
function shortened(url: string): string {
  return url.replace(/^.*\/(node_modules|dist)\//, '');
}
