/** What the worker registers: the two workflows, by their names. Nothing else may be exported from here. */
export { connectCustomKeyStore } from './connect-custom-key-store';
export { disconnectCustomKeyStore } from './disconnect-custom-key-store';
