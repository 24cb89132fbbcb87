import { createRequire } from 'node:module';
import { HsmFailure } from '../hsm-login';

/** A slot's or a session's handle; its form is the binding's own affair. */
type Handle = Buffer;

/** The calls of a PKCS#11 library that a login needs. Each throws what `returnValueOf` reads. */
export interface Cryptoki {
  load(module: string): void;
  C_Initialize(options: { flags: number }): void;
  C_Finalize(): void;
  C_GetInfo(): { libraryDescription: string; libraryVersion: { major: number; minor: number } };
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): CryptokiTokenInfo;
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_CloseSession(session: Handle): void;
  C_Login(session: Handle, userType: number, pin: string): void;
  C_Logout(session: Handle): void;
  C_SetPIN(session: Handle, oldPin: string, newPin: string): void;
}

/** Texts are padded with blanks. */
export interface CryptokiTokenInfo {
  label: string;
  manufacturerID: string;
  model: string;
  serialNumber: string;
  flags: number;
}

/** Numbers of the standard. */
export const CKU_USER = 1;
export const CKF_OS_LOCKING_OK = 0x2;
export const CKF_RW_SESSION = 0x2;
export const CKF_SERIAL_SESSION = 0x4;
export const CKF_USER_PIN_INITIALIZED = 0x8;
export const CKF_TOKEN_INITIALIZED = 0x400;
export const CKF_USER_PIN_LOCKED = 0x40000;
export const CKR_USER_NOT_LOGGED_IN = 0x101;

/**
 * Loads a PKCS#11 library into this process. Its types are spelled out above and not taken from `pkcs11js`, which is an
 * optional dependency: it may be missing where this is compiled.
 *
 * @throws HsmFailure `unusable-library`; its message names neither store nor token
 */
export function loadCryptoki(module: string): Cryptoki {
  let cryptoki: Cryptoki;
  try {
    const binding = createRequire(__filename)('pkcs11js') as { PKCS11: new () => Cryptoki };
    cryptoki = new binding.PKCS11();
  } catch {
    throw new HsmFailure(
      'unusable-library',
      'the optional package pkcs11js is not installed, or was not built; install a C++ compiler, make and Python 3 (Debian: apt-get install g++ make python3), then npm run setup',
    );
  }
  try {
    cryptoki.load(module);
  } catch (error) {
    throw new HsmFailure(
      'unusable-library',
      `${module} cannot be loaded as a PKCS#11 library (${loaderText(error, module)}); check the path, that the vendor's software is installed, and that it is made for this machine (${process.platform}, ${process.arch})`,
    );
  }
  return cryptoki;
}

/** What the system's loader says, without the path, which is said already. */
function loaderText(error: unknown, module: string): string {
  const text = error instanceof Error ? error.message : 'unknown error';
  return text.replace(`${module}: `, '').slice(0, 200);
}

/** The return value behind an error of a call, and which call it was; undefined where it is another error. */
export function returnValueOf(error: unknown): { call: string; code: number } | undefined {
  const { code, method } = (error ?? {}) as { code?: unknown; method?: unknown };
  return typeof code === 'number' && code !== 0 && typeof method === 'string'
    ? { call: method, code }
    : undefined;
}
