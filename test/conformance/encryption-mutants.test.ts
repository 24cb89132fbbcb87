import { testMutants } from './harness/test-mutants';
import { ENCRYPTION_MUTANTS } from './mutants/encryption';

testMutants(ENCRYPTION_MUTANTS);
