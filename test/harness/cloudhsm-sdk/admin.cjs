/** What an operator does at the cluster: `set-password` or `password-works`, cluster id; the password on stdin. */
const { readFileSync } = require('node:fs');
const { change, loadClusters, passwordWorks, setPassword } = require('./state.cjs');

const [, , folder, request, clusterId] = process.argv;
const password = readFileSync(0, 'utf8');
const cluster = loadClusters(folder).find((one) => one.clusterId === clusterId);
if (request === 'set-password') {
  setPassword(folder, cluster, 'kmsuser', password);
  change(folder, clusterId, (one) => (one.failedLogins = 0));
} else {
  process.stdout.write(String(passwordWorks(folder, cluster, 'kmsuser', password)));
}
