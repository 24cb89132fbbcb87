/** What begins the name of a variable that holds, or leads to, a secret of ours, or speaks to AWS's tools in our place. */
const KEPT_BACK = /^(KEYMOOR_|TEMPORAL_|AWS_|PG|DATABASE_URL$|CLOUDHSM_|DESTINATION_CLOUDHSM_)/;

/** Node.js reads the file's CAs before anything else, for twice as long as its whole start takes; no child of ours uses TLS of Node.js. */
const READ_IN_VAIN = 'NODE_EXTRA_CA_CERTS';

/**
 * The environment for a program or a library of a vendor's: this process's own, less what that has no business with,
 * plus `added`. A vendor's own variables (SOFTHSM2_CONF, …) reach it so.
 */
export function childEnvironment(added: Readonly<Record<string, string>> = {}): Record<string, string> {
  // Handed on, not read for settings: a program needs its PATH, HOME and locale as the operator set them.
  // eslint-disable-next-line no-restricted-properties
  const own = Object.entries(process.env).filter(
    (entry): entry is [string, string] =>
      entry[1] !== undefined && entry[0] !== READ_IN_VAIN && !KEPT_BACK.test(entry[0]),
  );
  return { ...Object.fromEntries(own), ...added };
}
