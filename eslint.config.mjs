import tseslint from 'typescript-eslint';
import importX from 'eslint-plugin-import-x';
import { createTypeScriptImportResolver } from 'eslint-import-resolver-typescript';

/**
 * Who may import whom (the table "The house" in README.md): room → rooms that it may import, itself included.
 * `workflows` may import types of `activities`; that they are types only is held by consistent-type-imports
 * and by the rule below that names the folder.
 */
const MAY_IMPORT = {
  keystore: [],
  database: ['keystore'],
  clients: ['keystore'],
  temporal: ['keystore'],
  workflows: ['keystore'],
  activities: ['keystore', 'database', 'clients'],
  api: ['keystore', 'database', 'clients', 'temporal'],
  worker: ['keystore', 'database', 'clients', 'temporal', 'workflows', 'activities'],
  simulator: [],
  conformance: ['keystore', 'clients'],
  cli: ['api', 'worker', 'simulator', 'database', 'conformance'],
};

const ROOMS = Object.keys(MAY_IMPORT);

const zones = Object.entries(MAY_IMPORT).flatMap(([room, allowed]) =>
  [...ROOMS, 'bench', 'test']
    .filter((other) => other !== room && !allowed.includes(other))
    .filter((other) => !(room === 'workflows' && other === 'activities'))
    .map((other) => ({
      target: `./${room}`,
      from: `./${other}`,
      message: `${room}/ may not import ${other}/ (see "The house" in README.md)`,
    })),
);

export default tseslint.config(
  { ignores: ['node_modules/', 'dist/', '.keymoor/', 'coverage/'] },
  {
    files: ['**/*.ts'],
    extends: [...tseslint.configs.strict],
    plugins: { 'import-x': importX },
    settings: { 'import-x/resolver-next': [createTypeScriptImportResolver()] },
    rules: {
      'import-x/no-restricted-paths': ['error', { zones }],
      'import-x/no-default-export': 'error',
      'import-x/no-cycle': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'separate-type-imports' }],
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-restricted-properties': [
        'error',
        {
          object: 'process',
          property: 'env',
          message: 'The environment is read in cli/environment.ts alone.',
        },
      ],
      eqeqeq: 'error',
    },
  },
  {
    files: ['**/*.ts'],
    languageOptions: { parserOptions: { projectService: true } },
    rules: {
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
    },
  },
  {
    files: ['workflows/**/*.ts'],
    rules: {
      'no-restricted-imports': 'off',
      '@typescript-eslint/no-restricted-imports': [
        'error',
        {
          patterns: [
            {
              group: ['**/activities/**'],
              allowTypeImports: true,
              message: 'Types only: activity code must not enter the workflow bundle.',
            },
            {
              group: [
                'node:*',
                '@aws-sdk/*',
                'pg',
                'zod',
                '@temporalio/activity',
                '@temporalio/client',
                '@temporalio/worker',
              ],
              message: 'Not deterministic, or not loadable in the workflow sandbox.',
            },
          ],
        },
      ],
    },
  },
  {
    files: ['cli/environment.ts', 'test/**', 'bench/**', 'cli/engines/**'],
    rules: { 'no-restricted-properties': 'off' },
  },
);
