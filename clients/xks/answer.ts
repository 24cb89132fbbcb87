import type { z } from 'zod';
import { isXksErrorName, XKS_ERROR_NAMES } from '../../keystore/xks-proxy-outcome';
import type { XksErrorName } from '../../keystore/xks-proxy-outcome';
import type { RawAnswer } from './exchange';
import { cleanText } from './operator-text';
import { ProxyCallFailed } from './proxy-call-failed';
import type { ProxyCredential } from './proxy-target';

/** What the operator of the proxy looks at, by the proxy's own error name. */
const ADVICE: Readonly<Partial<Record<XksErrorName, string>>> = {
  AuthenticationFailedException:
    "check the store's access key id and secret access key, the Region, and the proxy's clock",
  AccessDeniedException: "check the proxy's own authorization rules",
  InvalidUriPathException: "check the store's XksProxyUriPath",
  KeyNotFoundException: 'check the external key id',
  InvalidStateException: 'check that the external key, or the store in the proxy, is enabled',
  InvalidKeyUsageException: 'check what the external key may be used for',
  ThrottlingException: "check the proxy's request rate",
  InternalException: "look into the proxy's log",
  DependencyTimeoutException: 'check the external key manager behind the proxy',
};

/**
 * Reads an answer. What it means is decided by `errorName` wherever there is one, never by the HTTP status: proxies in
 * the field send wrong ones (`spec/xks.md` §2, Errors from the proxy; §5).
 *
 * @param schema of the operation's good answer
 * @param credential as the request was signed with: nothing of it shows in a message
 * @throws ProxyCallFailed the proxy's own error name, or `malformed-response`
 */
export function readAnswer<T>(schema: z.ZodType<T>, answer: RawAnswer, credential: ProxyCredential): T {
  const malformed = (what: string) =>
    new ProxyCallFailed('malformed-response', what, { httpStatus: answer.status });
  const members = parseObject(answer, credential, malformed);

  if (Object.hasOwn(members, 'errorName')) {
    const { errorName, errorMessage } = members as { errorName: unknown; errorMessage?: unknown };
    if (!isXksErrorName(errorName))
      throw malformed(
        `the answer (HTTP ${answer.status}) has an errorName that the specification does not know: ${cleanText(String(errorName), credential)}`,
      );
    throw new ProxyCallFailed(errorName, describeError(errorName, errorMessage, answer.status, credential), {
      httpStatus: answer.status,
    });
  }
  if (answer.status !== 200) throw malformed(`the proxy answered HTTP ${answer.status} without an errorName`);

  const parsed = schema.safeParse(members);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const field = issue === undefined ? '' : issue.path.join('.');
  throw malformed(`${field} in the answer: ${cleanText(issue?.message ?? 'not as specified', credential)}`);
}

function parseObject(
  answer: RawAnswer,
  credential: ProxyCredential,
  malformed: (what: string) => ProxyCallFailed,
): object {
  if (answer.location !== undefined && answer.status >= 300 && answer.status < 400)
    throw malformed(
      `the proxy redirects (HTTP ${answer.status}) to ${cleanText(answer.location, credential)}; redirects are not followed`,
    );
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(answer.body);
  } catch {
    throw malformed(`the answer (HTTP ${answer.status}) is not valid UTF-8`);
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    const type = cleanText(answer.contentType ?? 'none', credential);
    const what = text === '' ? 'is empty' : `is no JSON (content type ${type})`;
    throw malformed(`the answer (HTTP ${answer.status}) ${what}`);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw malformed(`the answer (HTTP ${answer.status}) is no JSON object`);
  return parsed;
}

function describeError(
  errorName: XksErrorName,
  errorMessage: unknown,
  status: number,
  credential: ProxyCredential,
): string {
  const specified = XKS_ERROR_NAMES[errorName];
  const paired = status === specified ? '' : `, where the specification says ${specified}`;
  const words =
    typeof errorMessage === 'string' && errorMessage !== ''
      ? `: "${cleanText(errorMessage, credential)}"`
      : '';
  const advice = ADVICE[errorName] === undefined ? '' : `; ${ADVICE[errorName]}`;
  return `the proxy answered ${errorName} (HTTP ${status}${paired})${words}${advice}`;
}
