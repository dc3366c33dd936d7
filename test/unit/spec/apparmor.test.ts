import assert from 'node:assert/strict';

import { apparmorAbi, defaultProfileText } from '../../../src/spec/apparmor-default.ts';
import { apparmorProfile, parseApparmorLabel, parseApparmorProfiles } from '../../../src/spec/apparmor.ts';
import { invalid } from './fixtures.ts';

const loaded = ['cri-containerd.apparmor.d', 'podwright-default', 'mine'];
const on = { apparmorEnabled: true };
const off = { apparmorEnabled: false };
type Fields = Parameters<typeof apparmorProfile>[0];
const fields = (over: Partial<Fields>): Fields => ({ privileged: false, apparmor: null, apparmorProfile: '', ...over });
const named = (localhostRef: string) => ({ profileType: 'Localhost' as const, localhostRef });
const plain = (profileType: 'RuntimeDefault' | 'Unconfined') => ({ profileType, localhostRef: '' });

describe('a container’s AppArmor profile', () => {
  const table: { name: string; given: Fields; expected: string | undefined }[] = [
    { name: 'is the default when none is named', given: fields({}), expected: 'podwright-default' },
    { name: 'is the default by the new field', given: fields({ apparmor: plain('RuntimeDefault') }), expected: 'podwright-default' },
    { name: 'is the default by the old field', given: fields({ apparmorProfile: 'runtime/default' }), expected: 'podwright-default' },
    { name: 'is none when unconfined', given: fields({ apparmor: plain('Unconfined') }), expected: undefined },
    { name: 'is none for the privileged', given: fields({ privileged: true }), expected: undefined },
    { name: 'is the named one for the privileged too', given: fields({ privileged: true, apparmor: named('mine') }), expected: 'mine' },
    { name: 'is the named one of the old field', given: fields({ apparmorProfile: 'localhost/mine' }), expected: 'mine' },
    { name: 'is the new field before the old', given: fields({ apparmor: named('mine'), apparmorProfile: 'localhost/other' }), expected: 'mine' },
  ];
  for (const { name, given, expected } of table) {
    it(name, () => {
      assert.equal(apparmorProfile(given, on, loaded), expected);
    });
  }

  it('is refused when it is not loaded', () => {
    assert.throws(() => apparmorProfile(fields({ apparmor: named('gone') }), on, loaded), invalid('config.linux.security_context.apparmor.localhost_ref is "gone"', 'loaded'));
    assert.throws(() => apparmorProfile(fields({ apparmor: plain('RuntimeDefault') }), on, []), invalid('config.linux.security_context.apparmor is "RuntimeDefault"', 'loaded'));
  });

  it('is the default of containerd’s CRI where podwright’s cannot be loaded', () => {
    for (const given of [fields({}), fields({ apparmor: plain('RuntimeDefault') })]) {
      assert.equal(apparmorProfile(given, on, ['cri-containerd.apparmor.d', 'mine']), 'cri-containerd.apparmor.d');
    }
  });

  it('is none where no default is loaded and nobody asked for it', () => {
    assert.equal(apparmorProfile(fields({}), on, ['mine']), undefined);
  });

  it('is refused on a host without AppArmor unless it asks for none', () => {
    assert.equal(apparmorProfile(fields({}), off, []), undefined);
    assert.equal(apparmorProfile(fields({ apparmor: plain('Unconfined') }), off, []), undefined);
    const field = 'config.linux.security_context.apparmor';
    assert.throws(() => apparmorProfile(fields({ apparmor: named('mine') }), off, loaded), invalid(`${field}.localhost_ref is "mine"`, 'not enabled'));
    assert.throws(() => apparmorProfile(fields({ apparmorProfile: 'localhost/mine' }), off, loaded), invalid(`${field}_profile is "mine"`, 'not enabled'));
    assert.throws(() => apparmorProfile(fields({ apparmor: plain('RuntimeDefault') }), off, loaded), invalid(`${field} is "RuntimeDefault"`, 'not enabled'));
  });

  it('is found among the loaded ones by its whole name', () => {
    assert.deepEqual(parseApparmorProfiles('a b (enforce)\nmine (complain)\n'), ['a b', 'mine']);
  });
});

describe('the default AppArmor profile', () => {
  const text = (daemons: readonly string[] = [], hasAbi = true): string => defaultProfileText({ daemons, hasAbi });
  /** Whether a deny rule of the text takes writing to this path away. */
  const deniesWrite = (path: string): boolean =>
    [...text().matchAll(/^ {2}deny (\/\S+) \w*w\w*,$/gm)].some(([, rule = '']) => new RegExp(`^${rule.replaceAll('**', '.*')}$`).test(path));

  it('is written for the policy version that it names, where the node has that', () => {
    assert.ok(text().startsWith(`abi <${apparmorAbi}>,\n`));
    assert.ok(!text([], false).includes('abi <'));
  });

  it('lets whoever ends containers signal them', () => {
    const peers = [...text(['unconfined', 'snap.microk8s.daemon-containerd', 'a b*']).matchAll(/signal \(receive\) peer="(.+)",/g)].map(([, peer]) => peer);
    assert.deepEqual(peers, ['unconfined', 'runc', 'crun', 'snap.microk8s.daemon-containerd', 'a?b?']);
  });

  it('denies what in /proc and /sys belongs to the whole node', () => {
    const denied = [
      '/proc/sysrq-trigger', '/proc/kcore', '/proc/mtrr', '/proc/bus/pci/00/00.0', '/proc/irq/1/smp_affinity', '/proc/scsi/scsi',
      '/proc/sysvipc/shm', '/proc/sys/vm/panic_on_oom', '/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/core_pattern', '/proc/sys/kernel/sem',
      '/proc/sys/kernel/sysrq', '/proc/sys/kernel/sched_rr_timeslice_ms', '/proc/sys/kernel/keys/maxkeys',
      '/sys/kernel/uevent_helper', '/sys/module/apparmor/parameters/mode', '/sys/firmware/efi/vars', '/sys/fs/ext4/sda1/trigger_fs_error',
      '/sys/fs/bpf/map', '/sys/power/state', '/sys/devices/virtual/powercap/x', '/sys/kernel/security/apparmor/.load',
    ];
    assert.deepEqual(denied.filter((path) => !deniesWrite(path)), []);
  });

  it('leaves processes, shared memory’s limits and cgroups to the container', () => {
    const left = ['/proc/1/oom_score_adj', '/proc/42/task/43/comm', '/proc/sys/kernel/shmmax', '/proc/sys/kernel/shm_rmid_forced', '/sys/fs/cgroup/own/cgroup.procs', '/etc/sys/kernel'];
    assert.deepEqual(left.filter(deniesWrite), []);
  });
});

describe('an AppArmor label', () => {
  it('is a process’s without its mode', () => {
    assert.equal(parseApparmorLabel('podwright-default (enforce)\n'), 'podwright-default');
    assert.equal(parseApparmorLabel('unconfined\n\0'), 'unconfined');
    assert.equal(parseApparmorLabel('a (b) (complain)'), 'a (b)');
    assert.equal(parseApparmorLabel(''), '');
  });
});
