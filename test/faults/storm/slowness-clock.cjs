/**
 * A thread of its own, so that what the storm itself computes does not count. It says when the machine was slow: when its
 * clock came late, or when a healthy proxy of the simulated world, asked as the product asks one, was.
 */
const { request } = require('node:https');
const { parentPort, workerData } = require('node:worker_threads');

const { simulatorUrl, host, lateMs } = workerData;
const TICK_MS = 50;
const ASK_EVERY_MS = 250;
/** Longer than it takes for any doubt. */
const GIVE_UP_MS = 2_000;

const late = (ms, aroundMs = 0) =>
  parentPort.postMessage({ from: Date.now() - ms - aroundMs, to: Date.now() + aroundMs });

let last = performance.now();
setInterval(() => {
  const now = performance.now();
  if (now - last - TICK_MS > lateMs) late(now - last);
  last = now;
}, TICK_MS);

async function ask() {
  const answer = await fetch(`${simulatorUrl}/_network/names?host=${host}`);
  const way = await answer.json();
  const from = performance.now();
  await new Promise((resolve) => {
    const asked = request(
      {
        host: way.host,
        port: way.port,
        servername: host,
        method: 'POST',
        path: '/kms/xks/v1/health',
        agent: false,
        rejectUnauthorized: false,
        timeout: GIVE_UP_MS,
      },
      (response) => response.resume().once('close', resolve),
    );
    // Unsigned: it is refused, and that takes as long.
    asked.once('timeout', () => asked.destroy());
    asked.once('error', resolve);
    asked.end('{}');
  });
  const took = performance.now() - from;
  // Nobody looked between this and its neighbours.
  if (took > lateMs) late(took, ASK_EVERY_MS);
}

(async () => {
  for (;;) {
    // The simulator may be dead: that is known otherwise.
    await ask().catch(() => undefined);
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
})();
