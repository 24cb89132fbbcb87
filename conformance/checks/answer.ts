import { CheckFailed } from '../check-failed';
import type { Expectation } from '../case';
import type { Conversation } from '../conversation';
import type { RequestRecipe } from '../request-recipe';
import { ANSWER_RULES, ERROR_RULES } from '../rules';
import type { ErrorRule } from '../rules';
import type { XksErrorName } from '../../keystore/xks-proxy-outcome';
import type { Exchange } from '../conversation';

/** One request, one expectation. The HTTP status of a refusal is not looked at: KMS decides by its name. */
export async function checkAnswer(
  conversation: Conversation,
  { request, expect }: { request: RequestRecipe; expect: Expectation },
): Promise<void> {
  if ('refusal' in expect) {
    expectRefusal(conversation, await conversation.send(request), expect.refusal);
    return;
  }
  const problem = ANSWER_RULES[expect.success](await conversation.sendWell(request));
  if (problem !== undefined) throw new CheckFailed(problem);
}

/** An answer by its HTTP status alone. */
export async function checkHttpStatus(
  conversation: Conversation,
  { request, status }: { request: RequestRecipe; status: number },
): Promise<void> {
  const done = await conversation.send(request);
  if (done.answer.status === status) return;
  throw new CheckFailed(`expected HTTP ${status}, got ${conversation.describe(done)}`);
}

/** The form of the error that a request provokes; that it is the right one is another check's business. */
export async function checkErrorForm(
  conversation: Conversation,
  { request, rule }: { request: RequestRecipe; rule: ErrorRule },
): Promise<void> {
  const done = await conversation.send(request);
  const { answer, body } = done;
  if (body?.['errorName'] === undefined) {
    throw new CheckFailed(`expected an error with a JSON body, got ${conversation.describe(done)}`);
  }
  const problem = ERROR_RULES[rule]({ answer, body });
  if (problem !== undefined) throw new CheckFailed(problem);
}

/** @throws CheckFailed where the answer is no error of these names */
export function expectRefusal(
  conversation: Conversation,
  done: Exchange,
  names: readonly XksErrorName[],
): void {
  if (names.some((name) => name === done.body?.['errorName'])) return;
  throw new CheckFailed(`expected ${names.join(' or ')}, got ${conversation.describe(done)}`);
}
