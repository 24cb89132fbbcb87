/** A variable of the environment is wrong. The message is one line: the variable, what is wrong with it, an example. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';

  constructor(
    readonly variable: string,
    readonly problem: string,
    readonly example: string,
  ) {
    super(`${variable}: ${problem}; example: ${variable}=${example}`.replaceAll('\n', ' '));
  }
}

/** The environment of a process: `process.env`, or a test's own. */
export type Environment = Readonly<Record<string, string | undefined>>;
