import assert from 'node:assert/strict';
import net from 'node:net';
import fc from 'fast-check';
import { selectPodIps } from '../../../src/cni/pod-ips.ts';
import { parseResult } from '../../../src/cni/result.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';

const parse = (value: unknown, version = '1.0.0') => parseResult(JSON.stringify(value), version);

describe('a CNI result', () => {
  it('is read with its interfaces, addresses, routes and names', () => {
    const result = parse({
      cniVersion: '1.1.0',
      interfaces: [{ name: 'br0' }, { name: 'eth0', mac: 'aa:bb:cc:dd:ee:ff', sandbox: '/run/netns/a', mtu: 1450, pciID: '0000:00:1f.6' }],
      ips: [{ address: '10.1.2.3/24', gateway: '10.1.2.1', interface: 1 }],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '10.9.0.0/16', gw: '10.1.2.9' }],
      dns: { nameservers: ['10.0.0.10'], search: ['a.b'], options: ['ndots:5'], domain: 'b' },
    });
    assert.deepEqual(result.interfaces[1], { name: 'eth0', mac: 'aa:bb:cc:dd:ee:ff', sandbox: '/run/netns/a', mtu: 1450, socketPath: '', pciId: '0000:00:1f.6' });
    assert.deepEqual(result.ips, [{ address: '10.1.2.3', prefixLength: 24, gateway: '10.1.2.1', interfaceIndex: 1 }]);
    assert.deepEqual(result.routes, [{ dst: '0.0.0.0/0', gw: '' }, { dst: '10.9.0.0/16', gw: '10.1.2.9' }]);
    assert.deepEqual(result.dns, { nameservers: ['10.0.0.10'], domain: 'b', search: ['a.b'], options: ['ndots:5'] });
  });

  it('keeps the plugin’s own words for the next plugin, fields nobody knows included', () => {
    assert.deepEqual(parse({ cniVersion: '1.0.0', ips: [], vendor: { a: 1 } }).raw, { cniVersion: '1.0.0', ips: [], vendor: { a: 1 } });
  });

  it('has the version of the configuration when it names none', () => {
    assert.equal(parse({ ips: [] }, '0.4.0').raw['cniVersion'], '0.4.0');
    assert.equal(parse({ cniVersion: '', ips: [] }, '0.4.0').cniVersion, '0.4.0');
  });

  it('may be null, and holds nothing then', () => {
    assert.deepEqual(parseResult('null\n', '1.0.0').ips, []);
  });

  it('of 0.3.1 has an ip version per address, which is not needed', () => {
    const { ips } = parse({ cniVersion: '0.3.1', ips: [{ version: '4', address: '10.1.2.3/24', interface: 0 }], interfaces: [{ name: 'eth0' }] });
    assert.equal(ips[0]?.address, '10.1.2.3');
  });

  it('of 0.2.0 has one address a family, with its routes', () => {
    const result = parse({
      cniVersion: '0.2.0',
      ip4: { ip: '10.1.2.3/24', gateway: '10.1.2.1', routes: [{ dst: '0.0.0.0/0' }] },
      ip6: { ip: 'fd00::3/64' },
    });
    assert.deepEqual(result.ips.map((ip) => ip.address), ['10.1.2.3', 'fd00::3']);
    assert.deepEqual(result.routes, [{ dst: '0.0.0.0/0', gw: '' }]);
  });

  for (const [text, canonical] of [
    ['FD00:0:0::1/64', 'fd00::1'],
    ['fd00:0:0:0:1::/64', 'fd00::1:0:0:0'],
    ['::ffff:10.1.2.3/128', '10.1.2.3'],
    ['10.1.2.3/24', '10.1.2.3'],
  ] as const) {
    it(`spells ${text} as ${canonical}, as the kubelet would`, () => {
      assert.equal(parse({ ips: [{ address: text }] }).ips[0]?.address, canonical);
    });
  }

  for (const [what, value, message] of [
    ['with an address without a prefix', { ips: [{ address: '10.1.2.3' }] }, /"10\.1\.2\.3", not like/],
    ['with an address that is none', { ips: [{ address: '10.1.2.300/24' }] }, /not an IP address/],
    ['with an address in a zone', { ips: [{ address: 'fe80::1%eth0/64' }] }, /not an IP address/],
    ['with a prefix that is too long', { ips: [{ address: '10.1.2.3/33' }] }, /prefix is too long/],
    ['with a gateway that is none', { ips: [{ address: '10.1.2.3/24', gateway: 'router' }] }, /gateway is "router"/],
    ['with an address of an interface that is not there', { ips: [{ address: '10.1.2.3/24', interface: 1 }], interfaces: [{}] }, /interface 1/],
    ['with an address of interface -1', { ips: [{ address: '10.1.2.3/24', interface: -1 }], interfaces: [{}] }, /interface is -1/],
    ['with a route to nowhere', { routes: [{}] }, /dst of a route is undefined/],
    ['with addresses that are no list', { ips: {} }, /ips is an object, not a list/],
    ['of a version that is too new', { cniVersion: '2.0.0' }, /cniVersion 2\.0\.0/],
    ['that is a list', [], /a list, not a JSON object/],
  ] as const) {
    it(`is refused ${what}`, () => {
      assert.throws(
        () => parse(value),
        (error) => isKind(error, 'failedPrecondition') && error instanceof CodedError && message.test(error.message),
      );
    });
  }

  it('is refused with nothing but a CodedError, whatever was printed', () => {
    const field = fc.constantFrom('cniVersion', 'interfaces', 'ips', 'routes', 'dns', 'ip4', 'ip6', 'address', 'interface', 'gateway', 'dst', 'name', 'sandbox', 'mtu', 'ip');
    const leaf = fc.oneof(fc.jsonValue(), fc.ipV4(), fc.ipV6(), fc.ipV4().map((ip) => `${ip}/24`), fc.constantFrom('0.2.0', '0.3.1', '1.0.0'));
    const near = fc.dictionary(field, fc.oneof(leaf, fc.dictionary(field, leaf), fc.array(fc.dictionary(field, leaf))));
    const text = fc.oneof(fc.string(), fc.json(), near.map((value) => JSON.stringify(value)));
    fc.assert(
      fc.property(text, (printed) => {
        try {
          selectPodIps(parseResult(printed, '1.0.0'), 'eth0', 'ipv4');
        } catch (error) {
          assert.ok(error instanceof CodedError, String(error));
        }
      }),
    );
  });
});

describe('a Pod’s addresses', () => {
  const dual = { interfaces: [{ name: 'eth0', sandbox: '/n' }], ips: [{ address: 'fd00::3/64', interface: 0 }, { address: '10.1.2.3/24', interface: 0 }] };

  for (const [preference, ip, additionalIps] of [
    ['cni', 'fd00::3', ['10.1.2.3']],
    ['ipv4', '10.1.2.3', ['fd00::3']],
    ['ipv6', 'fd00::3', ['10.1.2.3']],
  ] as const) {
    it(`begin with ${ip} where ${preference} is preferred`, () => {
      assert.deepEqual(selectPodIps(parse(dual), 'eth0', preference), { ip, additionalIps });
    });
  }

  it('begin with the other family where the preferred one is missing', () => {
    assert.equal(selectPodIps(parse({ ips: [{ address: '10.1.2.3/24' }] }), 'eth0', 'ipv6').ip, '10.1.2.3');
  });

  it('are those of eth0 in the sandbox, not those of the host’s own eth0', () => {
    const result = parse({
      interfaces: [{ name: 'eth0' }, { name: 'eth0', sandbox: '/n' }],
      ips: [{ address: '192.168.0.1/24', interface: 0 }, { address: '10.1.2.3/24', interface: 1 }],
    });
    assert.deepEqual(selectPodIps(result, 'eth0', 'ipv4'), { ip: '10.1.2.3', additionalIps: [] });
  });

  it('are those without an interface, where the plugin names none', () => {
    assert.equal(selectPodIps(parse({ ips: [{ address: '10.1.2.3/24' }] }), 'eth0', 'ipv4').ip, '10.1.2.3');
  });

  it('are found where the plugin does not say which interfaces are in the sandbox', () => {
    const result = parse({ interfaces: [{ name: 'veth1' }, { name: 'eth0' }], ips: [{ address: '10.0.0.1/24', interface: 0 }, { address: '10.1.2.3/24', interface: 1 }] });
    assert.deepEqual(selectPodIps(result, 'eth0', 'ipv4'), { ip: '10.1.2.3', additionalIps: [] });
  });

  it('are an error when there are none, which says what was there', () => {
    const result = parse({ interfaces: [{ name: 'br0' }], ips: [{ address: '10.0.0.1/24', interface: 0 }] });
    assert.throws(() => selectPodIps(result, 'eth0', 'ipv4'), /gave interface eth0 no ip \(interfaces: br0; ips: 10\.0\.0\.1\)/);
  });

  it('hold each address once, the first apart from the rest', () => {
    const ips = fc.array(fc.oneof(fc.ipV4().map((ip) => `${ip}/24`), fc.ipV6().map((ip) => `${ip}/64`)), { minLength: 1 });
    fc.assert(
      fc.property(ips, fc.constantFrom('cni', 'ipv4', 'ipv6'), (addresses, preference) => {
        const result = parse({ ips: addresses.map((address) => ({ address })) });
        const { ip, additionalIps } = selectPodIps(result, 'eth0', preference);
        assert.ok(!additionalIps.includes(ip));
        assert.deepEqual(new Set([ip, ...additionalIps]), new Set(result.ips.map((one) => one.address)));
        const wantsV6 = preference === 'ipv6';
        if (preference !== 'cni' && result.ips.some((one) => net.isIPv6(one.address) === wantsV6)) assert.equal(net.isIPv6(ip), wantsV6);
      }),
    );
  });
});
