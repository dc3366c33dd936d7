import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chmod, chown, mkdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Mount } from '../../../src/types/cri/runtime/v1/Mount.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { run, tryRun } from '../../support/node/run.ts';

const privileged = { linux: { securityContext: { privileged: true, namespaceOptions: { pid: 'CONTAINER' as const } } } };

describe("a container's file system", function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let pod: Pod;
  let folder: string;
  const mounted: string[] = [];

  beforeEach(async () => {
    pod = await cri().runPod(privileged);
    folder = await cri().folder('volume');
    await writeFile(path.join(folder, 'file'), 'from the host\n');
  });

  afterEach(async () => {
    for (const point of mounted.splice(0).reverse()) await tryRun('umount', ['--lazy', point]);
  });

  /** Mounts a tmpfs on the host, which goes with the test. */
  async function mountTmpfs(point: string, ...flags: readonly string[]): Promise<void> {
    await mkdir(point, { recursive: true });
    await run('mount', ['-t', 'tmpfs', 'tmpfs', point]);
    mounted.push(point);
    for (const flag of flags) await run('mount', [flag, point]);
  }

  const at = (mount: Mount): { mounts: Mount[] } => ({ mounts: [{ containerPath: '/vol', ...mount }] });

  it('has folders of the host, to write or to read only', async () => {
    const writer = await pod.run(at({ hostPath: folder }));
    const reader = await pod.run(at({ hostPath: folder, readonly: true }));
    assert.equal(await writer.sh('cat /vol/file; echo changed > /vol/new'), 'from the host');
    assert.equal(await readFile(path.join(folder, 'new'), 'utf8'), 'changed\n');
    assert.equal(await reader.sh('cat /vol/new'), 'changed');
    assert.match((await reader.try('echo x > /vol/new')).stderr, /Read-only file system/);
  });

  it('has single files of the host', async () => {
    const container = await pod.run({ mounts: [{ containerPath: '/etc/one/file', hostPath: path.join(folder, 'file') }] });
    assert.equal(await container.sh('cat /etc/one/file'), 'from the host');
  });

  it("follows the host's symlinks", async () => {
    await symlink(folder, `${folder}-link`);
    await symlink(`${folder}-link/file`, `${folder}-to-file`);
    const container = await pod.run({
      mounts: [
        { containerPath: '/vol', hostPath: `${folder}-link` },
        { containerPath: '/file', hostPath: `${folder}-to-file` },
      ],
    });
    assert.equal(await container.sh('cat /vol/file /file'), 'from the host\nfrom the host');
  });

  it('makes a folder where the host path is missing', async () => {
    const hostPath = path.join(folder, 'deep', 'and', 'new');
    await pod.run(at({ hostPath }));
    assert.equal((await stat(hostPath)).mode & 0o7777, 0o755);
  });

  it('has mounts within mounts, in whatever order they are given', async () => {
    const inner = await cri().folder('inner');
    await writeFile(path.join(inner, 'deep'), 'inner\n');
    const container = await pod.run({
      mounts: [
        { containerPath: '/a/b/c', hostPath: inner },
        { containerPath: '/a', hostPath: folder },
      ],
    });
    assert.equal(await container.sh('cat /a/file /a/b/c/deep'), 'from the host\ninner');
  });

  it("has mounts of its own instead of the Pod's files in /etc and its /dev/shm", async () => {
    const files = ['/etc/hosts', '/etc/hostname', '/etc/resolv.conf'];
    const container = await pod.run({
      mounts: [
        ...files.map((containerPath) => ({ containerPath, hostPath: path.join(folder, 'file') })),
        { containerPath: '/dev/shm', hostPath: folder },
      ],
    });
    for (const file of [...files, '/dev/shm/file']) assert.equal(await container.sh(`cat ${file}`), 'from the host', file);
    assert.equal(await container.sh('grep -cE " (/etc/host.*|/etc/resolv.conf|/dev/shm) " /proc/self/mounts'), '4');
  });

  it('has the last of two mounts at one path', async () => {
    const last = await cri().folder('last');
    await writeFile(path.join(last, 'file'), 'the last\n');
    const container = await pod.run({
      mounts: [
        { containerPath: '/vol', hostPath: folder },
        { containerPath: '/x/../vol/', hostPath: last },
      ],
    });
    assert.equal(await container.sh('cat /vol/file; grep -c " /vol " /proc/self/mounts'), 'the last\n1');
  });

  it('shows a volume with the owners that its mapping says, also without a user namespace', async () => {
    await chown(path.join(folder, 'file'), 7, 8);
    const from = (hostId: number) => [{ hostId, containerId: 0, length: 1000 }];
    const container = await pod.run(at({ hostPath: folder, uidMappings: from(5000), gidMappings: from(6000) }));
    assert.equal(await container.sh('stat -c %u:%g /vol/file'), '5007:6008');
    const config = pod.containerConfig(at({ hostPath: folder, uidMappings: from(5000) }));
    await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'INVALID_ARGUMENT', 'config.mounts[0].gidMappings', '/vol');
  });

  it('tells of the mounts that were asked for, with all their fields, and of no other', async () => {
    const mount: Mount = {
      containerPath: '/vol',
      hostPath: folder,
      readonly: true,
      recursiveReadOnly: true,
      mountOptions: ['noexec'],
    };
    const container = await pod.create({ mounts: [mount] });
    const [told, ...more] = (await container.status()).mounts;
    assert.deepEqual(more, []);
    for (const [key, value] of Object.entries(mount)) assert.deepEqual(told?.[key as keyof Mount], value, key);
  });

  it('forbids what the mount options forbid', async () => {
    await writeFile(path.join(folder, 'script'), '#!/bin/sh\necho ran\n');
    await chmod(path.join(folder, 'script'), 0o755);
    const container = await pod.run(at({ hostPath: folder, mountOptions: ['noexec', 'nodev', 'nosuid'] }));
    assert.match((await container.try('/vol/script')).stderr, /Permission denied/);
    assert.match(await container.sh('grep " /vol " /proc/self/mounts'), /nosuid,nodev,noexec/);
  });

  it('sees a later mount of the host only where it asks to', async () => {
    await mountTmpfs(folder, '--make-shared');
    const slave = await pod.run(at({ hostPath: folder, propagation: 'PROPAGATION_HOST_TO_CONTAINER' }));
    const own = await pod.run(at({ hostPath: folder }));
    await mountTmpfs(path.join(folder, 'later'));
    await writeFile(path.join(folder, 'later', 'note'), 'late\n');
    assert.equal(await slave.sh('cat /vol/later/note'), 'late');
    assert.equal((await own.try('cat /vol/later/note')).exitCode, 1);
  });

  it('shows its own later mounts to the host only where it asks to', async () => {
    await mountTmpfs(folder, '--make-shared');
    const both = await pod.run({ ...at({ hostPath: folder, propagation: 'PROPAGATION_BIDIRECTIONAL' }), ...privileged });
    const slave = await pod.run({ ...at({ hostPath: folder, propagation: 'PROPAGATION_HOST_TO_CONTAINER' }), ...privileged });
    const mount = (name: string): string => `mkdir /vol/${name} && mount -t tmpfs none /vol/${name} && echo x > /vol/${name}/note`;
    await both.sh(mount('both'));
    await slave.sh(mount('slave'));
    assert.ok(existsSync(path.join(folder, 'both', 'note')));
    assert.ok(!existsSync(path.join(folder, 'slave', 'note')));
    mounted.push(path.join(folder, 'both'));
  });

  it('is read-only down to mounts below a recursively read-only one', async () => {
    await mountTmpfs(path.join(folder, 'below'));
    const top = await pod.run(at({ hostPath: folder, readonly: true }));
    const all = await pod.run(at({ hostPath: folder, readonly: true, recursiveReadOnly: true }));
    await top.sh('echo x > /vol/below/note');
    assert.match((await all.try('echo y > /vol/below/note')).stderr, /Read-only file system/);
  });

  it('says of the runtime that it can make mounts recursively read-only', async () => {
    const { runtimeHandlers, features } = await cri().call('Status', {});
    assert.deepEqual(runtimeHandlers.map(({ name }) => name), ['', 'runc']);
    assert.ok(runtimeHandlers.every((handler) => handler.features?.recursiveReadOnlyMounts));
    assert.equal(features?.mountOptions, true);
  });

  it('can be read-only, but for volumes and /dev/shm', async () => {
    const container = await pod.run({
      ...at({ hostPath: folder }),
      linux: { securityContext: { readonlyRootfs: true } },
    });
    for (const file of ['/tmp/x', '/etc/hosts', '/etc/resolv.conf']) {
      assert.match((await container.try(`echo x >> ${file}`)).stderr, /Read-only file system/, file);
    }
    await container.sh('echo x > /vol/x && echo x > /dev/shm/x');
  });

  it('hides masked paths and protects read-only ones, those given and no other', async () => {
    const securityContext = { maskedPaths: ['/proc/meminfo', '/etc', '/not/there'], readonlyPaths: ['/tmp', '/neither'] };
    const container = await pod.run({ linux: { securityContext } });
    assert.equal(await container.sh('wc -c < /proc/meminfo; ls /etc'), '0');
    assert.match((await container.try('echo x > /tmp/x')).stderr, /Read-only file system/);
    const plain = await pod.run();
    assert.match(await plain.sh('cat /proc/meminfo'), /MemTotal/);
  });

  it('has the devices given, with their permissions', async () => {
    const container = await pod.run({
      devices: [
        { hostPath: '/dev/kmsg', containerPath: '/dev/my-log', permissions: 'w' },
        { hostPath: '/dev/full', containerPath: '', permissions: '' },
      ],
    });
    assert.match((await container.try('head -c 1 /dev/my-log')).stderr, /Operation not permitted/);
    await container.sh(': > /dev/my-log');
    assert.match((await container.try('echo x > /dev/full')).stderr, /No space left/);
  });

  it('has all devices below a folder', async () => {
    const container = await pod.run({ devices: [{ hostPath: '/dev/net', containerPath: '/dev/nets', permissions: 'r' }] });
    assert.equal(await container.sh('stat -c "%n %t,%T" /dev/nets/tun'), '/dev/nets/tun a,c8');
  });

  it('keeps what is written in it to itself, and forgets it with the container', async () => {
    const [one, two] = [await pod.run(), await pod.run()];
    await one.sh('echo mine > /note');
    assert.equal((await two.try('cat /note')).exitCode, 1);
    await one.remove();
    await eventually('its snapshot is gone', async () => !(await cri().inventory()).includes(`snapshot ${one.id}`));
  });
});
