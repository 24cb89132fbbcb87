import { isIP } from 'node:net';
import { z } from 'zod';
import { refusedAddressKind } from './address-rules';
import { ProxyCallFailed } from './proxy-call-failed';
import { resolveConfiguredName } from './resolve-name';
import type { Resolve } from './resolve-name';
import { askSimulator } from '../ask-simulator';
import type { SimulatorAnswer } from '../ask-simulator';
import { orWhenAborted } from './time-limit';
import type { TimeLimit } from './time-limit';
import type { ProxyTarget } from './proxy-target';

/** A rule of `KEYMOOR_XKS_CONNECT_TO`; as in curl's `--connect-to`, an empty host or a port of 0 means any, or the same. */
export interface ConnectToRule {
  from: HostAndPort;
  to: HostAndPort;
}
interface HostAndPort {
  host: string;
  port: number;
}

/** How to find the way. */
export interface RouteSources {
  connectTo: readonly ConnectToRule[];
  simulatorUrl?: string;
  resolve: Resolve;
}

/** Where a connection goes: only addresses, so that nothing is looked up again behind the check. */
export interface Route {
  /** tried in this order */
  addresses: readonly string[];
  port: number;
}

/** Whose way is sought. */
export interface RouteRequest {
  /** as the URL parser writes it: lower case, addresses in their usual form */
  host: string;
  port: number;
  connectivity: ProxyTarget['connectivity'];
}

/** Milliseconds that the simulator has to say where a name leads. */
const SIMULATOR_MS = 2_000;

/**
 * Finds where requests for a proxy's host go. In this order: a rule of the operator; the simulator, for its own
 * proxies, at no cost of the time that a proxy has; DNS, all of whose answers must be addresses where a probe may go
 * (`spec/kms.md` D33).
 *
 * @throws ProxyCallFailed `address-refused`; `not-reachable` where there is no way; `connect-timed-out` where it was
 * not found in time
 */
export async function findRoute(
  request: RouteRequest,
  sources: RouteSources,
  limit: TimeLimit,
): Promise<Route> {
  return (
    (await byRule(request, sources.connectTo, limit.signal)) ??
    (await limit.aside(SIMULATOR_MS, (signal) => bySimulator(request, sources.simulatorUrl, signal))) ??
    (await byDns(request, sources.resolve, limit.signal))
  );
}

async function byRule(
  { host, port }: RouteRequest,
  rules: readonly ConnectToRule[],
  signal: AbortSignal,
): Promise<Route | undefined> {
  const rule = rules.find(
    ({ from }) =>
      (from.host === '' || bare(from.host) === bare(host)) && (from.port === 0 || from.port === port),
  );
  if (rule === undefined) return undefined;
  const to = {
    host: rule.to.host === '' ? bare(host) : bare(rule.to.host),
    port: rule.to.port === 0 ? port : rule.to.port,
  };
  if (isIP(to.host) !== 0) return { addresses: [to.host], port: to.port };
  return { addresses: await addressesOf(to.host, resolveConfiguredName, signal), port: to.port };
}

/** Lower case, and an IPv6 address without its brackets. */
function bare(host: string): string {
  return host.toLowerCase().replace(/^\[(.*)\]$/, '$1');
}

const SIMULATED_ROUTE = z.object({ host: z.string(), port: z.int().min(1).max(65_535) });

async function bySimulator(
  { host }: RouteRequest,
  simulatorUrl: string | undefined,
  signal: AbortSignal,
): Promise<Route | undefined> {
  if (simulatorUrl === undefined) return undefined;
  let answer: SimulatorAnswer;
  try {
    answer = await askSimulator(simulatorUrl, `/_network/names?host=${encodeURIComponent(host)}`, signal);
  } catch (error) {
    if (signal.aborted) throw late(`the simulator did not say in time where ${host} leads`);
    throw new ProxyCallFailed(
      'not-reachable',
      `the simulator does not answer (${codeOf(error)}), so nobody knows where ${host} leads`,
    );
  }
  if (answer.status === 404) return undefined;
  const way = answer.status === 200 ? SIMULATED_ROUTE.safeParse(parseJson(answer.body)) : undefined;
  if (way?.success !== true)
    throw new ProxyCallFailed(
      'not-reachable',
      `the simulator answered unreadably (HTTP ${answer.status}) where ${host} leads`,
    );
  return { addresses: [way.data.host], port: way.data.port };
}

async function byDns(
  { host, port, connectivity }: RouteRequest,
  resolve: Resolve,
  signal: AbortSignal,
): Promise<Route> {
  if (isIP(bare(host)) !== 0)
    throw new ProxyCallFailed(
      'address-refused',
      `the endpoint's host is the IP address ${bare(host)}; it must be a name`,
    );
  const addresses = await addressesOf(host, resolve, signal);
  for (const address of addresses) {
    const kind = refusedAddressKind(address, connectivity);
    if (kind !== undefined)
      throw new ProxyCallFailed(
        'address-refused',
        `${host} resolves to the ${kind} address ${address}, where no request is sent; a proxy in your own network is allowed by KEYMOOR_XKS_CONNECT_TO`,
      );
  }
  return { addresses, port };
}

async function addressesOf(host: string, resolve: Resolve, signal: AbortSignal): Promise<readonly string[]> {
  let addresses: readonly string[];
  try {
    addresses = await orWhenAborted(resolve(host, signal), signal, () =>
      late(`the name ${host} was not resolved in time`),
    );
  } catch (error) {
    if (error instanceof ProxyCallFailed) throw error;
    throw new ProxyCallFailed(
      'not-reachable',
      `the name ${host} does not resolve (${codeOf(error)}); check the endpoint and its DNS record`,
    );
  }
  if (addresses.length > 0) return addresses;
  throw new ProxyCallFailed('not-reachable', `the name ${host} has no IPv4 address; check its DNS record`);
}

function late(message: string): ProxyCallFailed {
  return new ProxyCallFailed('connect-timed-out', message, { networkTimeout: true });
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? 'no reason given';
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
