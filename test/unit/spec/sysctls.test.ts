import assert from 'node:assert/strict';
import fc from 'fast-check';

import type { CodedError } from '../../../src/lib/errors.ts';
import { networkSysctls, sandboxSysctls } from '../../../src/spec/sysctls.ts';
import type { NamespaceOption__Output } from '../../../src/types/cri/runtime/v1/NamespaceOption.ts';
import { idRange, invalid, namespaceOption, sandboxConfig, sandboxSecurity } from './fixtures.ts';

function configWith(sysctls: Record<string, string>, over: Partial<NamespaceOption__Output> = {}) {
  const security = sandboxSecurity({ namespaceOptions: namespaceOption(over) });
  return sandboxConfig({ linux: { cgroupParent: '', securityContext: security, sysctls, overhead: null, resources: null } });
}

function build(sysctls: Record<string, string>, over: Partial<NamespaceOption__Output> = {}) {
  return sandboxSysctls(configWith(sysctls, over));
}

const defaults = [
  { name: 'net.ipv4.ip_unprivileged_port_start', value: '0' },
  { name: 'net.ipv4.ping_group_range', value: '0 2147483647' },
];
const userns = { usernsOptions: { mode: 'POD' as const, uids: idRange, gids: idRange } };

describe('a sandbox’s sysctls', () => {
  it('open low ports and ping to all users by default', () => {
    assert.deepEqual(build({}), defaults);
    assert.deepEqual(sandboxSysctls(sandboxConfig({ linux: null })), defaults);
  });

  it('leave the defaults out on the host’s network', () => {
    assert.deepEqual(build({}, { network: 'NODE' }), []);
  });

  it('leave the ping range out in a user namespace, which does not map it', () => {
    assert.deepEqual(build({}, userns), [defaults[0]]);
  });

  it('take the Pod’s value over the default', () => {
    assert.deepEqual(build({ 'net.ipv4.ip_unprivileged_port_start': '1024' })[0]?.value, '1024');
  });

  it('take slashes for dots, and then a dot inside a segment', () => {
    assert.ok(build({ 'kernel/shm_rmid_forced': '1' }).some(({ name }) => name === 'kernel.shm_rmid_forced'));
    const [ofInterface] = networkSysctls(configWith({ 'net/ipv4/conf/eth0.1/rp_filter': '1' }));
    assert.equal(ofInterface?.name, 'net.ipv4.conf.eth0/1.rp_filter');
  });

  it('wait for the network where they are of an interface that it has yet to make', () => {
    for (const name of ['net.ipv4.conf.eth0.arp_notify', 'net.ipv6.neigh.net1.gc_stale_time', 'net/mpls/conf/eth0/input']) {
      assert.deepEqual(build({ [name]: '1' }), defaults, name);
      assert.equal(networkSysctls(configWith({ [name]: '1' })).length, 1, name);
    }
    for (const which of ['all', 'default', 'lo']) {
      assert.ok(build({ [`net.ipv4.conf.${which}.rp_filter`]: '1' }).length > defaults.length, which);
    }
  });

  it('are all written once more after the plugins, as far as they are of the network and asked for', () => {
    const sysctls = { 'net.ipv4.ip_forward': '1', 'kernel.sem': '1', 'net.ipv4.conf.all.rp_filter': '2' };
    assert.deepEqual(networkSysctls(configWith(sysctls)), [
      { name: 'net.ipv4.conf.all.rp_filter', value: '2' },
      { name: 'net.ipv4.ip_forward', value: '1' },
    ]);
    assert.deepEqual(networkSysctls(configWith({})), []);
    assert.deepEqual(networkSysctls(sandboxConfig({ linux: null })), []);
  });

  for (const name of ['kernel.sem', 'fs.mqueue.msg_max', 'kernel.domainname', 'net.core.somaxconn', 'kernel.msgmax']) {
    it(`take ${name}`, () => {
      assert.ok(build({ [name]: '1' }).some((sysctl) => sysctl.name === name));
    });
  }

  it('take user.* in a user namespace only', () => {
    assert.ok(build({ 'user.max_net_namespaces': '1' }, userns).length > 0);
    assert.throws(() => build({ 'user.max_net_namespaces': '1' }), invalid('linux.sysctls', 'user.max_net_namespaces'));
  });

  for (const name of ['kernel.panic', 'vm.swappiness', 'kernel.hostname', 'fs.file-max', 'kernel.shm', 'network.x']) {
    it(`refuse ${name}, which is the host’s`, () => {
      assert.throws(() => build({ [name]: '1' }), invalid('linux.sysctls', `"${name}"`, 'namespaced'));
    });
  }

  for (const name of ['', 'net', 'net.', '.net', 'net..x', 'net.../x', 'net.a b', 'net.\u{e9}', 'net/../kernel', `net.${'x'.repeat(260)}`]) {
    it(`refuse the name ${JSON.stringify(name.slice(0, 20))}`, () => {
      assert.throws(() => build({ [name]: '1' }), invalid('linux.sysctls'));
    });
  }

  it('refuse a second line in a value', () => {
    assert.throws(() => build({ 'net.core.somaxconn': '1\n2' }), invalid('linux.sysctls', 'net.core.somaxconn'));
  });

  it('refuse what belongs to a namespace shared with the host', () => {
    assert.throws(() => build({ 'net.core.somaxconn': '1' }, { network: 'NODE' }), invalid('net.core.somaxconn', 'host'));
    assert.throws(() => build({ 'kernel.domainname': 'x' }, { network: 'NODE' }), invalid('kernel.domainname', 'host'));
    assert.throws(() => build({ 'kernel.sem': '1' }, { ipc: 'NODE' }), invalid('kernel.sem', 'host'));
  });

  it('never name a file outside of /proc/sys', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('n', 'e', 't', '.', '/', '-') }), (rest) => {
        try {
          for (const { name } of build({ [`net.${rest}`]: '1' })) {
            const parts = name.split('.').map((part) => part.replaceAll('/', '.'));
            assert.ok(parts.every((part) => part !== '..' && part !== '.' && part !== ''));
          }
        } catch (error) {
          assert.equal((error as CodedError).kind, 'invalidArgument');
        }
      }),
    );
  });
});
