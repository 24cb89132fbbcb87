import { testMutants } from './harness/test-mutants';
import { REFUSAL_MUTANTS } from './mutants/authentication-and-errors';
import { REQUEST_METADATA_MUTANTS } from './mutants/request-metadata';

testMutants([...REFUSAL_MUTANTS, ...REQUEST_METADATA_MUTANTS]);
