/**
 * What the stand-in for AWS CloudHSM Client SDK 5 knows: clusters, the users of their HSMs, faults, and a log of every
 * command. Passwords are in a SoftHSM token for each cluster, whose user PIN is `kmsuser:<password>`.
 */
const { appendFileSync, existsSync, readFileSync, renameSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');

/** Wrong passwords in a row that lock a user. */
const TRIES = 5;

const fileOf = (folder, name) => join(folder, 'cluster-state', name);

function readJson(file, otherwise) {
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : otherwise;
}

function writeJson(file, content) {
  writeFileSync(`${file}.draft`, JSON.stringify(content, null, 2));
  renameSync(`${file}.draft`, file);
}

function loadClusters(folder) {
  return readJson(fileOf(folder, 'clusters.json'), []);
}

/** Changes one cluster; returns what it is then. */
function change(folder, clusterId, edit) {
  const clusters = loadClusters(folder);
  const cluster = clusters.find((one) => one.clusterId === clusterId);
  edit(cluster);
  writeJson(fileOf(folder, 'clusters.json'), clusters);
  return cluster;
}

/** The fault that was ordered for a request, `{}` if none. */
function faultOf(folder, request) {
  return readJson(fileOf(folder, 'faults.json'), {})[request] ?? {};
}

function record(folder, entry) {
  appendFileSync(fileOf(folder, 'log.jsonl'), `${JSON.stringify(entry)}\n`);
}

/**
 * The cluster that a configuration file leads to; `{ problem }` where the HSMs would not be reached or not be trusted.
 */
function configuredCluster(folder, program) {
  const configuration = readJson(join(folder, 'etc', `cloudhsm-${program}.cfg`), undefined);
  const place = configuration?.clusters?.[0]?.cluster;
  if (place === undefined) return { problem: 'the configuration names no cluster' };
  const addresses = place.servers.filter((server) => server.enable).map((server) => server.hostname);
  const cluster = loadClusters(folder).find((one) => one.hsms.some((hsm) => addresses.includes(hsm.address)));
  if (!cluster?.hsms.some((hsm) => hsm.up && addresses.includes(hsm.address)))
    return { problem: 'no HSM of the configuration answers' };
  const trusted = existsSync(place.hsm_ca_file) ? readFileSync(place.hsm_ca_file, 'utf8') : undefined;
  if (trusted !== cluster.trustAnchorCertificate)
    return { problem: 'the certificate of the HSM does not verify' };
  return { cluster };
}

const isLocked = (cluster) => cluster.failedLogins >= TRIES;

/** Calls `use` with an open session at the token of a cluster. */
function withToken(folder, cluster, use) {
  const { PKCS11, CKF_RW_SESSION, CKF_SERIAL_SESSION, CKF_TOKEN_INITIALIZED } = require('pkcs11js');
  process.env.SOFTHSM2_CONF = cluster.tokenConfiguration;
  const library = new PKCS11();
  library.load(readJson(fileOf(folder, 'softhsm.json')).module);
  library.C_Initialize();
  try {
    const slot = library
      .C_GetSlotList(true)
      .find((one) => (library.C_GetTokenInfo(one).flags & CKF_TOKEN_INITIALIZED) !== 0);
    return use(library, library.C_OpenSession(slot, CKF_RW_SESSION | CKF_SERIAL_SESSION));
  } finally {
    library.C_Finalize();
    library.close();
  }
}

/** Whether this is the user's password. Counts nothing. */
function passwordWorks(folder, cluster, username, password) {
  const { CKU_USER } = require('pkcs11js');
  return withToken(folder, cluster, (library, session) => {
    try {
      library.C_Login(session, CKU_USER, `${username}:${password}`);
      return true;
    } catch (error) {
      if (error.code === 0xa0) return false;
      throw error;
    }
  });
}

/** Sets a password as the security officer. */
function setPassword(folder, cluster, username, password) {
  const { CKU_SO } = require('pkcs11js');
  withToken(folder, cluster, (library, session) => {
    library.C_Login(session, CKU_SO, 'officer1');
    library.C_InitPIN(session, `${username}:${password}`);
  });
}

module.exports = {
  change,
  configuredCluster,
  faultOf,
  fileOf,
  isLocked,
  loadClusters,
  passwordWorks,
  readJson,
  record,
  setPassword,
  writeJson,
};
