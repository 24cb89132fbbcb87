/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.tsx?$': '@swc/jest' },
  // dist/ and .keymoor/ hold copies of names that jest would index
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.keymoor/'],
  testTimeout: 30_000,
  maxWorkers: 4,
  testSequencer: '<rootDir>/test/setup/sequencer.cjs',
  globalSetup: '<rootDir>/test/setup/global-setup.ts',
  globalTeardown: '<rootDir>/test/setup/global-teardown.ts',
  reporters: ['default', '<rootDir>/test/setup/reporter.cjs'],
};
