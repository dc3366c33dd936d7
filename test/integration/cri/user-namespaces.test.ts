import assert from 'node:assert/strict';
import { chown, mkdir, readFile, readlink, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Mount } from '../../../src/types/cri/runtime/v1/Mount.ts';
import type { NamespaceOption } from '../../../src/types/cri/runtime/v1/NamespaceOption.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { run, tryRun } from '../../support/node/run.ts';

const hostId = 300_000;
const ids = [{ hostId, containerId: 0, length: 65_536 }];
const usernsOptions = { mode: 'POD' as const, uids: ids, gids: ids };
const inUserns = (over: NamespaceOption = {}) => ({
  linux: { securityContext: { namespaceOptions: { pid: 'CONTAINER' as const, usernsOptions, ...over } } },
});
const volume = (hostPath: string, over: Mount = {}): Mount => ({ hostPath, containerPath: '/vol', ...over });
const mapped = { uidMappings: ids, gidMappings: ids };

describe('a Pod in a user namespace', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  it("is root inside and nobody's outside", async () => {
    const container = await (await cri().runPod(inUserns())).run();
    assert.equal(await container.sh('id -u; cat /proc/self/uid_map | tr -s " "'), `0\n 0 ${hostId} 65536`);
    const pid = await container.pid();
    assert.match(await readFile(`/proc/${pid}/status`, 'utf8'), new RegExp(`^Uid:\t${hostId}\t`, 'm'));
    assert.notEqual(await readlink(`/proc/${pid}/ns/user`), await readlink('/proc/self/ns/user'));
  });

  it('owns its root file system, and its log stays readable for the host', async () => {
    const container = await (await cri().runPod(inUserns())).runScript('stat -c %u:%g /etc/passwd /bin; touch /made; chown 5:6 /made; stat -c %u:%g /made; echo ready; sleep 1000');
    await container.says(/ready/);
    assert.equal(await container.stdout(), '0:0\n0:0\n5:6\nready\n');
    assert.equal((await stat((await container.status()).logPath)).uid, 0);
  });

  it('finds the owners of a mapped volume as the host has them, and leaves its own there', async () => {
    const folder = await cri().folder('mapped');
    await writeFile(path.join(folder, 'of-root'), '');
    await writeFile(path.join(folder, 'of-1000'), '');
    await chown(path.join(folder, 'of-1000'), 1000, 2000);
    const container = await (await cri().runPod(inUserns())).run({ mounts: [volume(folder, mapped)] });
    assert.equal(await container.sh('stat -c %u:%g /vol/of-root /vol/of-1000; touch /vol/new'), '0:0\n1000:2000');
    const { uid, gid } = await stat(path.join(folder, 'new'));
    assert.deepEqual({ uid, gid }, { uid: 0, gid: 0 });
  });

  it('finds nobody in a volume that is not mapped, and cannot write there', async () => {
    const folder = await cri().folder('plain');
    await writeFile(path.join(folder, 'of-root'), '');
    const container = await (await cri().runPod(inUserns())).run({ mounts: [volume(folder)] });
    assert.equal(await container.sh('stat -c %u:%g /vol/of-root'), '65534:65534');
    assert.notEqual((await container.try('touch /vol/new')).exitCode, 0);
  });

  it('sees a later mount of the host where it asks to, and is refused to make the host see its own', async () => {
    const folder = await cri().folder('shared');
    await run('mount', ['-t', 'tmpfs', 'tmpfs', folder]);
    try {
      await run('mount', ['--make-shared', folder]);
      const pod = await cri().runPod(inUserns());
      const slave = await pod.run({ mounts: [volume(folder, { propagation: 'PROPAGATION_HOST_TO_CONTAINER' })] });
      await mkdir(path.join(folder, 'later'));
      await run('mount', ['-t', 'tmpfs', 'tmpfs', path.join(folder, 'later')]);
      await writeFile(path.join(folder, 'later', 'note'), 'late\n');
      assert.equal(await slave.sh('cat /vol/later/note'), 'late');
      const config = pod.containerConfig({ mounts: [volume(folder, { propagation: 'PROPAGATION_BIDIRECTIONAL' })] });
      await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'INVALID_ARGUMENT', 'config.mounts[0].propagation', 'user namespace');
    } finally {
      await tryRun('umount', ['--lazy', '--recursive', folder]);
    }
  });

  it('has the devices given, at their place and of their owner, as any Pod has', async () => {
    const pod = await cri().runPod(inUserns());
    const container = await pod.run({
      devices: [
        // The host has another device there, which it must not get.
        { hostPath: '/dev/full', containerPath: '/dev/kmsg', permissions: 'rw' },
        { hostPath: '/dev/kmsg', containerPath: '/dev/elsewhere/log', permissions: 'w' },
      ],
    });
    assert.equal(await container.sh('stat -c "%t,%T %u:%g" /dev/kmsg /dev/elsewhere/log'), '1,7 0:0\n1,b 0:0');
    assert.match((await container.try('echo x > /dev/kmsg')).stderr, /No space left/);
    await container.sh(': > /dev/elsewhere/log');
    assert.match((await container.try('head -c 1 /dev/elsewhere/log')).stderr, /Operation not permitted/);
    // The nodes are its own, and not the host's.
    const before = await stat('/dev/full');
    await container.sh('chown 5:6 /dev/kmsg && chmod 600 /dev/kmsg');
    const after = await stat('/dev/full');
    assert.deepEqual([after.mode, after.uid, after.gid], [before.mode, before.uid, before.gid]);
  });

  it('has all devices of a folder, among them those that every container has', async () => {
    const pod = await cri().runPod(inUserns());
    const container = await pod.run({ devices: [{ hostPath: '/dev', containerPath: '/dev', permissions: 'rw' }] });
    assert.equal(await container.sh('echo x > /dev/null; stat -c %u:%g /dev/kmsg; readlink /dev/ptmx'), '0:0\npts/ptmx');
  });

  it('rules over its own network, and over no other', async () => {
    const netAdmin = { linux: { securityContext: { capabilities: { addCapabilities: ['NET_ADMIN'] } } } };
    // Of net.core a kernel of Debian 12 (6.1) shows nothing in a user namespace.
    const pod = await cri().runPod({ ...inUserns(), linux: { ...inUserns().linux, sysctls: { 'net.ipv4.tcp_keepalive_time': '99' } } });
    const container = await pod.run(netAdmin);
    assert.equal(await container.sh('ip link set dev lo mtu 9000 && cat /sys/class/net/lo/mtu'), '9000');
    assert.equal(await container.sh('cat /proc/sys/net/ipv4/tcp_keepalive_time'), '99');
    assert.match(await pod.ip(), /^10\./);
  });

  it('has limits of its own by sysctl, which are not the host\'s', async () => {
    const before = await readFile('/proc/sys/user/max_net_namespaces', 'utf8');
    const pod = await cri().runPod({ ...inUserns(), linux: { ...inUserns().linux, sysctls: { 'user.max_net_namespaces': '7' } } });
    assert.equal(await (await pod.run()).sh('cat /proc/sys/user/max_net_namespaces'), '7');
    assert.equal(await readFile('/proc/sys/user/max_net_namespaces', 'utf8'), before);
  });

  it('shares memory, its PID namespace and the files of the Pod among its containers', async () => {
    const pod = await cri().runPod(inUserns({ pid: 'POD' }));
    const [one, other] = await Promise.all([pod.run(), pod.run({ command: ['sleep', '4321'] })]);
    await one.sh('echo note > /dev/shm/note');
    assert.equal(await other.sh('cat /dev/shm/note'), 'note');
    assert.match(await one.sh('ps'), /sleep 4321/);
    assert.equal(await one.sh('stat -c %u /etc/hosts /etc/resolv.conf /etc/hostname'), '0\n0\n0');
  });

  it('lets a debugging container look at another one', async () => {
    const pod = await cri().runPod(inUserns());
    const target = await pod.run({ command: ['sleep', '4321'] });
    const namespaceOptions: NamespaceOption = { pid: 'TARGET', targetId: target.id, usernsOptions };
    const debug = await pod.run({ linux: { securityContext: { namespaceOptions } } });
    assert.match(await debug.sh('ps'), /1 .*sleep 4321/);
  });

  it("can be on the host's network, which Status says", async () => {
    const { features, runtimeHandlers } = await cri().call('Status', {});
    assert.equal(runtimeHandlers.every((handler) => handler.features?.userNamespaces), true);
    assert.equal(features?.userNamespacesHostNetwork, true);
    const pod = await cri().runPod(inUserns({ network: 'NODE' }));
    const container = await pod.run();
    const pid = await container.pid();
    assert.equal(await readlink(`/proc/${pid}/ns/net`), await readlink('/proc/self/ns/net'));
    assert.notEqual(await readlink(`/proc/${pid}/ns/user`), await readlink('/proc/self/ns/user'));
    // Of the host's network it is no master.
    const netAdmin = { linux: { securityContext: { namespaceOptions: inUserns({ network: 'NODE' }).linux.securityContext.namespaceOptions, capabilities: { addCapabilities: ['NET_ADMIN'] } } } };
    assert.notEqual((await (await pod.run(netAdmin)).try('ip link set dev lo mtu 65536')).exitCode, 0);
    assert.equal(await pod.ip(), '');
  });

  it('goes on when podwright is started again', async () => {
    const pod = await cri().runPod(inUserns());
    const before = await pod.run({ devices: [{ hostPath: '/dev/full', containerPath: '/dev/mine', permissions: 'rw' }] });
    await cri().restartPodwright();
    assert.match((await before.try('echo x > /dev/mine')).stderr, /No space left/);
    assert.equal((await pod.status()).state, 'SANDBOX_READY');
    assert.deepEqual((await pod.status()).linux?.namespaces?.options?.usernsOptions?.uids.map(({ hostId: id }) => id), [hostId]);
    const after = await pod.run();
    assert.equal(await readlink(`/proc/${await after.pid()}/ns/user`), await readlink(`/proc/${await before.pid()}/ns/user`));
  });
});
