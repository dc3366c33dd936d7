import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { isKind } from '../../../src/lib/errors.ts';
import { mountsBelow } from '../../../src/linux/mount.ts';
import { isPinned, pinNamespaces, unpinNamespaces, withNetns } from '../../../src/linux/namespaces.ts';
import type { Pins } from '../../../src/linux/namespaces.ts';
import { readNetnsCounters } from '../../../src/linux/net-dev.ts';
import { pinUserNamespaces } from '../../../src/linux/user-namespaces.ts';

/** Runs a shell line inside the pinned namespaces, as util-linux enters them. */
function inside(pins: Pins, line: string): string {
  const args = Object.entries(pins).map(([kind, pin]) => `--${kind}=${pin}`);
  return execFileSync('nsenter', [...args, 'sh', '-c', line], { encoding: 'utf8' }).trim();
}

const own = (): string[] => ['net', 'uts', 'ipc'].map((kind) => fs.readlinkSync(`/proc/thread-self/ns/${kind}`));

describe('pinned namespaces', () => {
  let top = '';
  let dir = '';
  const before = own();

  beforeEach(() => {
    top = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-ns-'));
    dir = path.join(top, 'ns');
  });

  afterEach(async () => {
    await unpinNamespaces(dir);
    assert.deepEqual(await mountsBelow(top), []);
    fs.rmSync(top, { recursive: true });
    assert.deepEqual(own(), before, 'the thread is where it was');
  });

  const all = { net: true, uts: true, ipc: true };

  it('have the host name, the sysctls and a loopback that is up', () => {
    const sysctls = {
      'net.ipv4.ip_unprivileged_port_start': '0',
      'net.ipv4.ping_group_range': '0 2147483647',
      'kernel.shm_rmid_forced': '1',
      'fs.mqueue.msg_max': '20',
    };
    const pins = pinNamespaces({ dir, ...all, hostname: 'web-0', sysctls });
    assert.equal(inside(pins, 'uname -n'), 'web-0');
    assert.match(inside(pins, 'ip -br address show lo'), /127\.0\.0\.1\/8/);
    assert.equal(inside(pins, 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start'), '0');
    assert.equal(inside(pins, 'cat /proc/sys/kernel/shm_rmid_forced'), '1');
    assert.equal(inside(pins, 'cat /proc/sys/fs/mqueue/msg_max'), '20');
    assert.notEqual(os.hostname(), 'web-0');
    assert.notEqual(fs.readFileSync('/proc/sys/kernel/shm_rmid_forced', 'utf8'), '1\n');
  });

  it('are only those that were asked for', () => {
    const pins = pinNamespaces({ dir, net: false, uts: true, ipc: true, hostname: 'host-net' });
    assert.deepEqual(Object.keys(pins), ['uts', 'ipc']);
    assert.deepEqual(pinNamespaces({ dir: path.join(top, 'none'), net: false, uts: false, ipc: false }), {});
  });

  it('leave the loopback down where that is wanted', () => {
    const pins = pinNamespaces({ dir, net: true, uts: false, ipc: false, bringUpLo: false });
    assert.match(inside(pins, 'ip -br address show lo'), /DOWN/);
  });

  for (const [what, sysctls, named] of [
    ['does not exist', { 'net.ipv4.nonsense': '1' }, /net\.ipv4\.nonsense/],
    ['does not take its value', { 'net.ipv4.ip_forward': 'soon' }, /net\.ipv4\.ip_forward"\] is "soon"/],
    ["is the node's", { 'vm.swappiness': '1' }, /vm\.swappiness/],
  ] as const) {
    it(`leave nothing when a sysctl ${what}, and name it`, () => {
      assert.throws(
        () => pinNamespaces({ dir, ...all, hostname: 'x', sysctls }),
        (error) => isKind(error, 'invalidArgument') && error instanceof Error && named.test(error.message),
      );
      assert.deepEqual(fs.readdirSync(dir), []);
    });
  }

  it('leave nothing when a pin is in the way', () => {
    fs.mkdirSync(path.join(dir, 'ipc'), { recursive: true });
    assert.throws(() => pinNamespaces({ dir, ...all }));
    assert.deepEqual(fs.readdirSync(dir), ['ipc']);
    fs.rmdirSync(path.join(dir, 'ipc'));
  });

  it('go away once and for all, and letting go twice is fine', async () => {
    const { net = '' } = pinNamespaces({ dir, ...all });
    assert.equal(isPinned(net), true);
    await unpinNamespaces(dir);
    await unpinNamespaces(dir);
    assert.equal(isPinned(net), false);
    assert.deepEqual(fs.readdirSync(dir), []);
    fs.writeFileSync(net, ''); // as a crash leaves it between making the file and the mount
    assert.equal(isPinned(net), false);
    await unpinNamespaces(dir);
    assert.deepEqual(fs.readdirSync(dir), []);
  });

  it('can be entered for a moment, out of which errors come as they are', () => {
    const { net = '' } = pinNamespaces({ dir, net: true, uts: false, ipc: false });
    const there = withNetns(net, () => fs.readlinkSync('/proc/thread-self/ns/net'));
    assert.notEqual(there, before[0]);
    const failure = new Error('inside');
    assert.throws(() => withNetns(net, () => { throw failure; }), failure); // prettier-ignore
    assert.throws(() => withNetns(path.join(top, 'gone'), () => {}), { code: 'ENOENT' });
    assert.deepEqual(readNetnsCounters(net)?.map(({ name }) => name), ['lo']);
    assert.equal(readNetnsCounters(path.join(top, 'gone')), undefined);
  });

  it('belong to a user namespace of their own where ids are mapped', async () => {
    const map = [{ containerId: 0, hostId: 200_000, size: 65_536 }];
    const sysctls = { 'net.ipv4.ip_unprivileged_port_start': '1', 'kernel.shm_rmid_forced': '1' };
    const pins = await pinUserNamespaces({ dir, ...all, hostname: 'mapped', sysctls, uidMap: map, gidMap: map });
    assert.deepEqual(Object.keys(pins).toSorted(), ['ipc', 'net', 'user', 'uts']);
    assert.equal(inside(pins, 'uname -n; id -u'), 'mapped\n0');
    assert.match(inside(pins, 'cat /proc/self/uid_map'), /^0\s+200000\s+65536$/);
    assert.equal(inside(pins, 'cat /proc/sys/kernel/shm_rmid_forced'), '1');
    assert.equal(inside(pins, 'cat /proc/sys/net/ipv4/ip_unprivileged_port_start'), '1');
    assert.match(inside(pins, 'ip -br address show lo'), /127\.0\.0\.1\/8/);
    assert.equal(inside(pins, 'ip link set lo down && ip -br link show lo | grep -c DOWN'), '1', 'its root has power in it');
    assert.equal(process.geteuid?.(), 0);
  });

  it('have sysctls of the user namespace itself, and name one that it refuses', async () => {
    const map = [{ containerId: 0, hostId: 200_000, size: 65_536 }];
    const request = { dir, ...all, uidMap: map, gidMap: map };
    const file = '/proc/sys/user/max_net_namespaces';
    const before = fs.readFileSync(file, 'utf8');
    const pins = await pinUserNamespaces({ ...request, sysctls: { 'user.max_net_namespaces': '7', 'kernel.shm_rmid_forced': '1' } });
    assert.equal(inside(pins, `cat ${file}`), '7');
    assert.equal(fs.readFileSync(file, 'utf8'), before);
    await unpinNamespaces(dir);
    for (const [name, value] of [['user.max_net_namespaces', 'many'], ['user.max_nonsense', '1']] as const) {
      const refused = (error: unknown): boolean => isKind(error, 'invalidArgument') && error instanceof Error && error.message.includes(`["${name}"] is "${value}"`);
      await assert.rejects(pinUserNamespaces({ ...request, sysctls: { [name]: value } }), refused);
      assert.deepEqual(fs.readdirSync(dir), []);
    }
  });

  it('leave nothing when ids cannot be mapped', async () => {
    const map = [{ containerId: 0, hostId: 0, size: 0 }];
    await assert.rejects(pinUserNamespaces({ dir, ...all, uidMap: map, gidMap: map }));
    assert.deepEqual(fs.readdirSync(dir), []);
  });
});
