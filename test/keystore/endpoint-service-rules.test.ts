import { examineEndpointService } from '../../keystore/endpoint-service-rules';
import type { EndpointServiceFacts } from '../../keystore/endpoint-service-rules';

const REGION = 'eu-central-1';
const OWNER = '111122223333';
const NAME = `com.amazonaws.vpce.${REGION}.vpce-svc-0123456789abcdef0`;
const proxy = {
  uriEndpoint: 'https://Proxy.example.com',
  vpcEndpointService: { name: NAME, owner: OWNER },
};
const sound: EndpointServiceFacts = {
  owner: OWNER,
  types: ['Interface'],
  availabilityZones: [`${REGION}a`, `${REGION}b`],
  acceptanceRequired: false,
  privateDnsName: 'proxy.example.com',
  privateDnsNameState: 'verified',
  ownersView: {
    networkLoadBalancers: 1,
    gatewayLoadBalancers: 0,
    allowedPrincipals: [`cks.kms.${REGION}.amazonaws.com`],
  },
};
const owners = sound.ownersView ?? {
  networkLoadBalancers: 1,
  gatewayLoadBalancers: 0,
  allowedPrincipals: [],
};
const { privateDnsName: _name, ...withoutName } = sound;
const { privateDnsNameState: _state, ...withoutState } = sound;
const { ownersView: _view, ...consumersView } = sound;

describe('a VPC endpoint service', () => {
  it.each<[string, EndpointServiceFacts]>([
    ['is sound with a name in another letter case', { ...sound, privateDnsName: 'PROXY.example.com.' }],
    ['that allows everyone is sound', { ...sound, ownersView: { ...owners, allowedPrincipals: ['*'] } }],
    ['of another account, of which only that much is shown, is sound', consumersView],
    ['with three zones is sound', { ...sound, availabilityZones: ['a', 'b', 'c'] }],
  ])('%s', (_what, facts) => {
    expect(examineEndpointService(proxy, facts, REGION)).toBeUndefined();
  });

  it.each<[string, EndpointServiceFacts | undefined, string, RegExp]>([
    ['that is not shown', undefined, 'not-found', /does not exist/],
    ['of another owner than given', { ...sound, owner: '999999999999' }, 'not-found', /999999999999/],
    [
      'that does not allow KMS',
      { ...sound, ownersView: { ...owners, allowedPrincipals: ['arn:aws:iam::111122223333:root'] } },
      'not-found',
      /cks\.kms\.eu-central-1\.amazonaws\.com/,
    ],
    [
      'that allows the KMS of another Region',
      { ...sound, ownersView: { ...owners, allowedPrincipals: ['cks.kms.us-east-1.amazonaws.com'] } },
      'not-found',
      /principal/,
    ],
    [
      'of the gateway type',
      { ...sound, types: ['GatewayLoadBalancer'] },
      'invalid-configuration',
      /interface/,
    ],
    [
      'with a Gateway Load Balancer',
      { ...sound, ownersView: { ...owners, networkLoadBalancers: 0, gatewayLoadBalancers: 1 } },
      'invalid-configuration',
      /Gateway Load Balancer/,
    ],
    [
      'without a load balancer',
      { ...sound, ownersView: { ...owners, networkLoadBalancers: 0 } },
      'invalid-configuration',
      /Network Load Balancer/,
    ],
    ['in one zone', { ...sound, availabilityZones: ['a'] }, 'invalid-configuration', /at least 2/],
    [
      'in one zone, named twice',
      { ...sound, availabilityZones: ['a', 'a'] },
      'invalid-configuration',
      /at least 2/,
    ],
    [
      'that requires acceptance',
      { ...sound, acceptanceRequired: true },
      'invalid-configuration',
      /acceptance/,
    ],
    ['without a private DNS name', withoutName, 'invalid-configuration', /no private DNS name/],
    [
      'with another private DNS name',
      { ...sound, privateDnsName: 'other.example.com' },
      'invalid-configuration',
      /other\.example\.com/,
    ],
    [
      'with a name above the proxy’s',
      { ...sound, privateDnsName: 'example.com' },
      'invalid-configuration',
      /example\.com/,
    ],
    [
      'whose domain is not verified yet',
      { ...sound, privateDnsNameState: 'pendingVerification' },
      'invalid-configuration',
      /pendingVerification/,
    ],
    ['whose domain failed', { ...sound, privateDnsNameState: 'failed' }, 'invalid-configuration', /failed/],
    ['whose domain is in no known state', withoutState, 'invalid-configuration', /not known/],
  ])('%s is refused', (_what, facts, kind, message) => {
    expect(examineEndpointService(proxy, facts, REGION)).toEqual({
      kind,
      message: expect.stringMatching(message) as string,
    });
  });

  it('of another Region is not found, whatever AWS shows', () => {
    expect(examineEndpointService(proxy, sound, 'us-east-1')?.kind).toBe('not-found');
  });
});
