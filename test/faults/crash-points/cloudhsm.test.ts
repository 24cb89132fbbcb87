import { testCrashPoints } from './points';

jest.setTimeout(300_000);

testCrashPoints(['CloudHSM']);
