import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { readVariable, requireVariable, wrongVariable } from './variables';
import type { VariableName } from './variables';
import type { Environment } from './environment-error';
import { errorCode, errorMessage } from '../error-facts';
import { parseMasterKey } from './master-key';

/**
 * The master key: 32 bytes, Base64 in the file of `KEYMOOR_MASTER_KEY_FILE`.
 * @throws EnvironmentError
 */
export function readMasterKey(environment: Environment): Buffer {
  const path = requireVariable(environment, 'KEYMOOR_MASTER_KEY_FILE');
  const key = parseMasterKey(readFile('KEYMOOR_MASTER_KEY_FILE', path).toString('utf8'));
  if (key === undefined) {
    throw wrongVariable(
      'KEYMOOR_MASTER_KEY_FILE',
      `${path} does not hold 32 bytes in Base64 (make it with: openssl rand -base64 32)`,
    );
  }
  return key;
}

/** The pair of TLS files of the KMS endpoint, or undefined where neither is set. */
export function readTlsFiles(environment: Environment): { certFile: string; keyFile: string } | undefined {
  const certFile = readVariable(environment, 'KEYMOOR_TLS_CERT_FILE');
  const keyFile = readVariable(environment, 'KEYMOOR_TLS_KEY_FILE');
  if (certFile === undefined && keyFile === undefined) return undefined;
  if (certFile === undefined)
    throw wrongVariable('KEYMOOR_TLS_CERT_FILE', 'is not set, but KEYMOOR_TLS_KEY_FILE is');
  if (keyFile === undefined)
    throw wrongVariable('KEYMOOR_TLS_KEY_FILE', 'is not set, but KEYMOOR_TLS_CERT_FILE is');
  const cert = readFile('KEYMOOR_TLS_CERT_FILE', certFile);
  const key = readFile('KEYMOOR_TLS_KEY_FILE', keyFile);
  check('KEYMOOR_TLS_CERT_FILE', () => createSecureContext({ cert }), `${certFile} is not a PEM certificate`);
  check('KEYMOOR_TLS_KEY_FILE', () => createSecureContext({ key }), `${keyFile} is not a PEM private key`);
  check(
    'KEYMOOR_TLS_KEY_FILE',
    () => createSecureContext({ cert, key }),
    `${keyFile} is not the key of ${certFile}`,
  );
  return { certFile, keyFile };
}

/** The path of the credentials file, which can be read; what is in it is checked by the process that uses it. */
export function readCredentialsFile(environment: Environment): string | undefined {
  const path = readVariable(environment, 'KEYMOOR_CREDENTIALS_FILE');
  if (path !== undefined) readFile('KEYMOOR_CREDENTIALS_FILE', path);
  return path;
}

/** The path of the file of HSMs outside AWS, which can be read; what is in it is checked by the process that uses it. */
export function readPkcs11File(environment: Environment): string | undefined {
  const path = readVariable(environment, 'KEYMOOR_PKCS11_FILE');
  if (path !== undefined) readFile('KEYMOOR_PKCS11_FILE', path);
  return path;
}

const PEM_CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** The path of the bundle of CAs for external key store proxies, every certificate of which can be read. */
export function readXksCaFile(environment: Environment): string | undefined {
  const path = readVariable(environment, 'KEYMOOR_XKS_CA_FILE');
  if (path === undefined) return undefined;
  if (!isCertificateBundle(readFile('KEYMOOR_XKS_CA_FILE', path).toString('utf8'))) {
    throw wrongVariable('KEYMOOR_XKS_CA_FILE', `${path} is not a bundle of PEM certificates`);
  }
  return path;
}

/** Whether a text holds PEM certificates, every one of which can be read. */
export function isCertificateBundle(text: string): boolean {
  const certificates = text.match(PEM_CERTIFICATE) ?? [];
  try {
    return certificates.map((pem) => new X509Certificate(pem)).length > 0;
  } catch {
    return false;
  }
}

function check(variable: VariableName, attempt: () => unknown, problem: string): void {
  try {
    attempt();
  } catch {
    throw wrongVariable(variable, problem);
  }
}

function readFile(variable: VariableName, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const code = errorCode(error) ?? errorMessage(error);
    const problems: Record<string, string> = {
      ENOENT: 'does not exist',
      EACCES: 'may not be read',
      EISDIR: 'is a folder',
    };
    throw wrongVariable(variable, `the file ${path} ${problems[code] ?? `cannot be read (${code})`}`);
  }
}
