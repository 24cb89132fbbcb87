import { testCrashPoints } from './points';

jest.setTimeout(300_000);

testCrashPoints(['public proxy', 'private proxy']);
