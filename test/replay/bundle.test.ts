import { createRequire } from 'node:module';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bundleWorkflowCode } from '@temporalio/worker';
import type { BundleOptions } from '@temporalio/worker';

const PROJECT = join(__dirname, '..', '..');

type WebpackConfig = Parameters<NonNullable<BundleOptions['webpackConfigHook']>>[0];

/** Bundles workflows; what the bundler has to say against them. `tsc` cannot see a transitive import of a Node.js module. */
async function complaintsAbout(workflowsPath: string): Promise<string[]> {
  const complaints: string[] = [];
  const say = (message: string): void => {
    complaints.push(message);
  };
  const quiet = (): void => undefined;
  const collect: NonNullable<WebpackConfig['plugins']>[number] = {
    apply: (compiler) => {
      compiler.hooks.done.tap('collect-warnings', ({ compilation }) => {
        complaints.push(...compilation.warnings.map(({ message }) => message));
      });
    },
  };
  try {
    await bundleWorkflowCode({
      workflowsPath,
      webpackConfigHook: (config) => ({ ...config, plugins: [...(config.plugins ?? []), collect] }),
      logger: { log: quiet, trace: quiet, debug: quiet, info: quiet, warn: say, error: say },
    });
  } catch (error) {
    complaints.push(error instanceof Error ? error.message : String(error));
  }
  return complaints;
}

describe('the workflow bundle', () => {
  it('is made without a warning', async () => {
    expect(await complaintsAbout(join(PROJECT, 'workflows', 'index.ts'))).toEqual([]);
  });

  it('is complained about where a workflow imports what is not deterministic', async () => {
    const complaints = await complaintsAbout(join(__dirname, 'not-deterministic', 'workflows.ts'));
    expect(complaints.join('\n')).toMatch(/'fs'/);
  });
});

describe('protobufjs', () => {
  it('is one copy of version 8 for all parts of the SDK: two break the reading of histories (spec/temporal.md §0)', () => {
    const project = createRequire(join(PROJECT, 'package.json'));
    const parts = ['common', 'proto', 'worker', 'client', 'workflow'].map((part) =>
      dirname(project.resolve(`@temporalio/${part}/package.json`)),
    );
    const copies = parts.map((part) =>
      createRequire(join(part, 'package.json')).resolve('protobufjs/package.json'),
    );
    expect([...new Set(copies)]).toHaveLength(1);
    const { version } = JSON.parse(readFileSync(copies[0] ?? '', 'utf8')) as { version: string };
    expect(version).toMatch(/^8\./);
  });
});
