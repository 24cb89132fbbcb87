/**
 * What the PKCS#11 library of the stand-in asks: `initialize`, `before-login` and `after-login <CKR code>`, each behind
 * the folder and the library's pid. Answers with a line: `hang`, `crash`, a CKR code, or `0` and what the library needs.
 */
const { change, configuredCluster, faultOf, isLocked, record } = require('./state.cjs');

const [, , folder, pid, request, code] = process.argv;
const CALLS = { initialize: 'C_Initialize', 'before-login': 'C_Login', 'after-login': 'C_Login after' };

function answer() {
  const { effect, returns } = faultOf(folder, CALLS[request]);
  if (request !== 'after-login') record(folder, { name: CALLS[request], pid: Number(pid) });
  if (effect !== undefined) return effect === 'return' ? returns : effect;
  const { cluster, problem } = configuredCluster(folder, 'pkcs11');
  if (problem !== undefined) return 0x30; // CKR_DEVICE_ERROR
  if (request === 'initialize') return `0 ${cluster.tokenConfiguration}`;
  if (request === 'before-login') return isLocked(cluster) ? 0xa4 : 0; // CKR_PIN_LOCKED
  change(folder, cluster.clusterId, (one) => {
    if (Number(code) === 0) one.failedLogins = 0;
    if (Number(code) === 0xa0) one.failedLogins++; // CKR_PIN_INCORRECT
  });
  return 0;
}

process.stdout.write(`${answer()}\n`);
