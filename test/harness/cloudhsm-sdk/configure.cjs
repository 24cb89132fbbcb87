/** `configure-cli` and `configure-pkcs11`: write the file in etc/ that the other parts of the SDK read. */
const { existsSync } = require('node:fs');
const { join } = require('node:path');
const { optionsIn, runCommand } = require('./command.cjs');
const { writeJson } = require('./state.cjs');

function configure(program) {
  runCommand(
    () => `configure-${program}`,
    (folder, args) => {
      let options;
      try {
        options = optionsIn(args, ['-a', '--hsm-ca-cert', '--disable-key-availability-check']);
      } catch (error) {
        return { code: 2, answer: '', stderr: `error: ${error.message}\n` };
      }
      const addresses = options['-a'] ?? [];
      const [trustAnchor] = options['--hsm-ca-cert'] ?? [];
      if (addresses.length === 0) return { code: 2, answer: '', stderr: 'error: no address was given\n' };
      if (trustAnchor === undefined || !existsSync(trustAnchor))
        return { code: 1, answer: '', stderr: 'error: the CA certificate cannot be read\n' };
      const servers = addresses.map((hostname) => ({ hostname, port: 2223, enable: true }));
      writeJson(join(folder, 'etc', `cloudhsm-${program}.cfg`), {
        clusters: [{ type: 'hsm1', cluster: { hsm_ca_file: trustAnchor, servers } }],
        logging: { log_type: 'file', log_file: join(folder, 'run', `cloudhsm-${program}.log`) },
      });
      return { answer: '' };
    },
  );
}

module.exports = { configure };
