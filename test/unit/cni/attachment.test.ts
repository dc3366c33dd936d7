import assert from 'node:assert/strict';
import fc from 'fast-check';
import type { SandboxNetworkRequest } from '../../../src/cni/attachment.ts';
import { bareAttachment, toAttachment } from '../../../src/cni/attachment.ts';
import { parseQuantity } from '../../../src/lib/quantity.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';

const request = (fields: Partial<SandboxNetworkRequest> = {}): SandboxNetworkRequest => ({
  id: 'abc',
  netnsPath: '/run/netns/abc',
  pod: { name: 'web', namespace: 'default', uid: 'u-1' },
  portMappings: [],
  annotations: {},
  cgroupParent: '',
  ...fields,
});

describe('the parameters of an attachment', () => {
  it('name the Pod in CNI_ARGS', () => {
    assert.deepEqual(toAttachment(request()).args, [
      ['IgnoreUnknown', '1'],
      ['K8S_POD_NAMESPACE', 'default'],
      ['K8S_POD_NAME', 'web'],
      ['K8S_POD_INFRA_CONTAINER_ID', 'abc'],
      ['K8S_POD_UID', 'u-1'],
    ]);
  });

  it('map only ports that have a host port', () => {
    const { capabilityArgs } = toAttachment(
      request({
        portMappings: [
          { protocol: 'tcp', containerPort: 80, hostPort: 8080, hostIp: '127.0.0.1' },
          { protocol: 'udp', containerPort: 53, hostPort: 0, hostIp: '' },
          { protocol: 'sctp', containerPort: 7, hostPort: 7, hostIp: '' },
        ],
      }),
    );
    assert.deepEqual(capabilityArgs['portMappings'], [
      { hostPort: 8080, containerPort: 80, protocol: 'tcp', hostIP: '127.0.0.1' },
      { hostPort: 7, containerPort: 7, protocol: 'sctp' },
    ]);
  });

  it('hold DNS, cgroup, annotations and what else is given', () => {
    const dns = { servers: ['10.0.0.10'], searches: ['svc'], options: ['ndots:5'] };
    const annotations = { a: 'b' };
    const { capabilityArgs } = toAttachment(request({ dns, annotations, cgroupParent: '/kubepods/pod1', capabilities: { mac: 'aa:bb:cc:dd:ee:ff' } }));
    assert.deepEqual(capabilityArgs, {
      'io.kubernetes.cri.pod-annotations': annotations,
      dns,
      cgroupPath: '/kubepods/pod1',
      mac: 'aa:bb:cc:dd:ee:ff',
    });
  });

  it('limit the bandwidth by annotation', () => {
    const annotations = { 'kubernetes.io/ingress-bandwidth': '1M', 'kubernetes.io/egress-bandwidth': '10Mi' };
    assert.deepEqual(toAttachment(request({ annotations })).capabilityArgs['bandwidth'], {
      ingressRate: 1_000_000,
      ingressBurst: 4_294_967_295,
      egressRate: 10_485_760,
      egressBurst: 4_294_967_295,
    });
  });

  for (const [what, fields, message] of [
    ['a bandwidth that is none', { annotations: { 'kubernetes.io/ingress-bandwidth': 'fast' } }, /^config\.annotations\["kubernetes\.io\/ingress-bandwidth"\] is "fast": .* no quantity/],
    ['a bandwidth that is too small', { annotations: { 'kubernetes.io/egress-bandwidth': '1' } }, /egress-bandwidth"\] is "1"/],
    ['a bandwidth that is too large', { annotations: { 'kubernetes.io/egress-bandwidth': '2P' } }, /egress-bandwidth"\] is "2P"/],
    ['a Pod name that would add an argument', { pod: { name: 'a;IP=10.0.0.1', namespace: 'd', uid: 'u' } }, /^config\.metadata\.name is /],
    ['a uid that would end its argument', { pod: { name: 'a', namespace: 'd', uid: 'u=1' } }, /^config\.metadata\.uid is "u=1"/],
    ['an id that is no name', { id: '../x' }, /the sandbox id/],
    ['an interface name that is too long', { ifName: 'a-very-long-name' }, /the interface name/],
    ['an interface name with a slash', { ifName: 'a/b' }, /the interface name/],
  ] as const) {
    it(`refuse ${what}`, () => {
      assert.throws(
        () => toAttachment(request(fields)),
        (error) => isKind(error, 'invalidArgument') && error instanceof CodedError && message.test(error.message),
      );
    });
  }

  it('need no more than an id to delete', () => {
    assert.deepEqual(bareAttachment('abc').ifName, 'eth0');
  });
});

describe('a Kubernetes quantity', () => {
  for (const [text, value] of [
    ['0', 0n], ['1k', 1000n], ['1Ki', 1024n], ['1.5G', 1_500_000_000n], ['1.1G', 1_100_000_000n], ['.5M', 500_000n], ['5.', 5n],
    ['1e6', 1_000_000n], ['1E3', 1000n], ['1E', 10n ** 18n], ['100m', 1n], ['2500m', 3n], ['1n', 1n], ['+3', 3n], ['-1500m', -1n], ['12e-1', 2n],
  ] as const) {
    it(`${text} is ${value}`, () => assert.equal(parseQuantity(text), value));
  }

  for (const text of ['', '.', 'M', '1KI', '1 M', '0x10', '1e', '1e6M', 'Infinity', '1Mb']) {
    it(`is not ${JSON.stringify(text)}`, () => assert.throws(() => parseQuantity(text), (error) => isKind(error, 'invalidArgument')));
  }

  it('is a number or a CodedError, whatever the text', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[+-]?[0-9.]{0,50}([eE][+-]?[0-9]{1,3}|[numkMGTPE]i?)?$/)), (text) => {
        try {
          assert.equal(typeof parseQuantity(text), 'bigint');
        } catch (error) {
          assert.ok(isKind(error, 'invalidArgument'), String(error));
        }
      }),
    );
  });
});
