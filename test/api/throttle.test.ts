import { DescribeCustomKeyStoresCommand } from '@aws-sdk/client-kms';
import { Throttle } from '../../api/throttle';
import { eventually } from '../harness/eventually';
import { newAccount, startApiUnderTest } from './harness/api-under-test';

test('five requests a second pass, and as many more as time has earned', () => {
  let now = 1_000_000;
  const throttle = new Throttle(() => now);
  const passes = (account = 'a', operation = 'Connect'): boolean => {
    try {
      throttle.take(account, operation);
      return true;
    } catch (error) {
      expect(error).toMatchObject({ name: 'ThrottlingException' });
      return false;
    }
  };
  const burst = () => Array.from({ length: 7 }, () => passes()).filter(Boolean).length;
  expect(burst()).toBe(5);
  now += 400;
  expect(burst()).toBe(2);
  now += 60_000;
  expect(burst()).toBe(5);
  expect(passes('b')).toBe(true);
  expect(passes('a', 'Disconnect')).toBe(true);
  now -= 30_000;
  expect(passes()).toBe(false);
});

test('a clock that is set back a day does not stop anybody for a day', async () => {
  const clock = jest.spyOn(Date, 'now').mockReturnValue(Date.now());
  try {
    const throttle = new Throttle();
    const passes = (): boolean => {
      try {
        throttle.take('a', 'Connect');
        return true;
      } catch {
        return false;
      }
    };
    while (passes());
    clock.mockReturnValue(Date.now() - 24 * 60 * 60_000);
    expect(await eventually(() => Promise.resolve(passes()), Boolean)).toBe(true);
  } finally {
    clock.mockRestore();
  }
});

test('with KEYMOOR_THROTTLE=aws the sixth request of a second is ThrottlingException in the words of AWS', async () => {
  const under = await startApiUnderTest({ throttle: 'aws' });
  try {
    const client = under.client(newAccount());
    const calls = await Promise.allSettled(
      Array.from({ length: 40 }, () => client.send(new DescribeCustomKeyStoresCommand({}))),
    );
    const refused = calls.filter((call) => call.status === 'rejected');
    expect(refused.length).toBeGreaterThan(0);
    expect(refused.length).toBeLessThanOrEqual(35);
    for (const { reason } of refused) {
      expect(reason).toMatchObject({
        name: 'ThrottlingException',
        message: 'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
        $metadata: { httpStatusCode: 400 },
      });
    }
  } finally {
    await under.close();
  }
});
