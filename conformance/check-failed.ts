/** A rule that does not hold. The message says what was expected and what came, in one line, and never a secret. */
export class CheckFailed extends Error {
  override readonly name = 'CheckFailed';
}
