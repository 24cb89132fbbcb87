/**
 * Somebody else at a PKCS#11 token: a process of its own that does one thing and prints CKR_OK or the return value.
 *
 *     node pkcs11-outside.cjs MODULE LABEL login PIN
 *     node pkcs11-outside.cjs MODULE LABEL set-pin PIN NEW_PIN
 *     node pkcs11-outside.cjs MODULE LABEL reset-pin SO_PIN NEW_PIN
 *     node pkcs11-outside.cjs MODULE LABEL init-token SO_PIN      a blank token gets this label, and no user PIN
 */
const pkcs11js = require('pkcs11js');

const [module_, label, action, pin, newPin] = process.argv.slice(2);
const library = new pkcs11js.PKCS11();
library.load(module_);
library.C_Initialize();

const labelOf = (slot) => library.C_GetTokenInfo(slot).label.trimEnd();
const slotOf = (wanted) => library.C_GetSlotList(true).find((slot) => labelOf(slot) === wanted);
const session = () =>
  library.C_OpenSession(slotOf(label), pkcs11js.CKF_SERIAL_SESSION | pkcs11js.CKF_RW_SESSION);

const ACTIONS = {
  login: () => library.C_Login(session(), pkcs11js.CKU_USER, pin),
  'set-pin': () => library.C_SetPIN(session(), pin, newPin),
  'reset-pin': () => {
    const officer = session();
    library.C_Login(officer, pkcs11js.CKU_SO, pin);
    library.C_InitPIN(officer, newPin);
  },
  'init-token': () => library.C_InitToken(slotOf(''), pin, label.padEnd(32)),
};

try {
  ACTIONS[action]();
  process.stdout.write('CKR_OK');
} catch (error) {
  process.stdout.write(error.message);
}
