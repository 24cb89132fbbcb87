/** @type {import('jest').Config} */
module.exports = {
  testEnvironment: 'node',
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
  transform: { '^.+\\.tsx?$': '@swc/jest' },
  moduleNameMapper: { '^fast-check$': '<rootDir>/test/setup/seeded-fast-check.cjs' },
  // dist/ and .keymoor/ hold copies of names that jest would index
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/.keymoor/'],
  // of hooks, too. It ends what hangs, and is no measure of anything: CI may be many times slower than a desk
  testTimeout: 180_000,
  maxWorkers: 4,
  testSequencer: '<rootDir>/test/setup/sequencer.cjs',
  globalSetup: '<rootDir>/test/setup/global-setup.ts',
  globalTeardown: '<rootDir>/test/setup/global-teardown.ts',
  reporters: ['default', '<rootDir>/test/setup/reporter.cjs'],
};
