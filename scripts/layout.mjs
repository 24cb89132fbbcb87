/** Where things are; shared by the scripts of this folder. No dependencies: they run before `npm ci`. */
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's folder. */
export const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
/** Where the build goes. */
export const DIST = join(PROJECT, 'dist');
/** The prebuilt workflow code that workers load. */
export const WORKFLOW_BUNDLE = join(DIST, 'workflow-bundle.js');

/** Folders whose TypeScript is built. */
export const ROOMS = [
  'api',
  'keystore',
  'workflows',
  'activities',
  'worker',
  'temporal',
  'database',
  'clients',
  'simulator',
  'conformance',
  'cli',
  'bench',
];

/** What ends up in the workflow bundle (types of `activities` are erased). */
export const WORKFLOW_ROOMS = ['workflows', 'keystore'];
