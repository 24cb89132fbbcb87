import { testMutants } from './harness/test-mutants';
import { TELLING_MUTANTS } from './mutants/health-and-metadata';
import { TRANSPORT_MUTANTS } from './mutants/transport';

testMutants([...TRANSPORT_MUTANTS, ...TELLING_MUTANTS]);
