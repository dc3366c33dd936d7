import assert from 'node:assert/strict';
import fc from 'fast-check';
import { isKind } from '../../../src/lib/errors.ts';
import { sysctlNamespace, sysctlPath, writeSysctls } from '../../../src/linux/sysctl.ts';

describe('a sysctl', () => {
  for (const [name, file, namespace] of [
    ['net.ipv4.ip_forward', 'net/ipv4/ip_forward', 'net'],
    ['net/ipv4/conf/eth0.1/rp_filter', 'net/ipv4/conf/eth0.1/rp_filter', 'net'],
    ['net.ipv4.conf.eth0/1.rp_filter', 'net/ipv4/conf/eth0.1/rp_filter', 'net'],
    ['kernel.shm_rmid_forced', 'kernel/shm_rmid_forced', 'ipc'],
    ['kernel.sem', 'kernel/sem', 'ipc'],
    ['kernel.msgmax', 'kernel/msgmax', 'ipc'],
    ['fs.mqueue.msg_max', 'fs/mqueue/msg_max', 'ipc'],
    ['kernel.domainname', 'kernel/domainname', 'uts'],
    ['user.max_inotify_watches', 'user/max_inotify_watches', 'user'],
    ['vm.swappiness', 'vm/swappiness', undefined],
    ['kernel.panic', 'kernel/panic', undefined],
  ] as const) {
    it(`${name} is a file and belongs to ${namespace ?? 'the node'}`, () => {
      assert.equal(sysctlPath(name), `/proc/sys/${file}`);
      assert.equal(sysctlNamespace(name), namespace);
    });
  }

  for (const name of ['', 'net', 'net..ipv4', '..net.x', 'net/../kernel/panic', 'net.ipv4.a b', 'net.ipv4.x\n']) {
    it(`cannot be called ${JSON.stringify(name)}`, () => {
      assert.throws(() => sysctlPath(name), (error) => isKind(error, 'invalidArgument'));
    });
  }

  it('never has a path outside of /proc/sys', () => {
    fc.assert(
      fc.property(fc.string(), (name) => {
        try {
          assert.doesNotMatch(sysctlPath(name), /\/\.\.?(\/|$)/);
        } catch (error) {
          assert.ok(isKind(error, 'invalidArgument'));
        }
      }),
    );
  });

  it('of the node or of a namespace that was not made is refused before anything is written', () => {
    for (const name of ['vm.swappiness', 'net.ipv4.ip_forward']) {
      assert.throws(() => writeSysctls({ [name]: '1' }, ['ipc', 'uts']), (error) => isKind(error, 'invalidArgument'));
    }
  });
});
