import { HsmFailure } from '../../../../clients/hsm/hsm-login';

/** Marks every PIN of these tests: no message may hold it. */
export const CANARY = 'cAnArY';

/** The HsmFailure that a call ends with; none of its words is a secret. */
export async function failureOf(call: Promise<unknown>): Promise<HsmFailure> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(HsmFailure);
  expect((error as HsmFailure).message).not.toContain(CANARY);
  return error as HsmFailure;
}

/** Only its reason. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  return (await failureOf(call)).reason;
}
