import assert from 'node:assert/strict';
import { mkdir, stat, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import path from 'node:path';
import { eventually } from '../../support/eventually.ts';
import { run } from '../../support/node/run.ts';
import { type ContainerSpec, shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const types = ['Directory', 'DirectoryOrCreate', 'File', 'FileOrCreate', 'Socket', 'CharDevice'] as const;

const volumeName = (type: string): string => type.toLowerCase();

/** A container that sees the folder in which mounts come and go. */
function mounter(name: string, mountPropagation: string, privileged = false): ContainerSpec {
  return shellContainer(name, idle, { securityContext: { privileged }, volumeMounts: [{ name: 'mounts', mountPath: '/mounts', mountPropagation }] });
}

describe('a hostPath', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('host-path');
  let host: string;
  let mounts: string;
  let socket: Server;

  before(async () => {
    host = path.join(k8s.node.root, 'host');
    mounts = path.join(k8s.node.root, 'mounts');
    const places = { Directory: 'folder', DirectoryOrCreate: 'new-folder', File: 'file', FileOrCreate: 'new-file', Socket: 'socket', CharDevice: '/dev/zero' };
    await mkdir(path.join(host, 'folder'), { recursive: true });
    await writeFile(path.join(host, 'folder', 'note'), 'from the node\n');
    await writeFile(path.join(host, 'file'), 'a file of the node\n');
    socket = createServer().listen(path.join(host, 'socket'));
    await mkdir(mounts);
    await run('mount', ['-t', 'tmpfs', 'mounts', mounts]);
    await run('mount', ['--make-shared', mounts]);

    const volumes = types.map((type) => ({ name: volumeName(type), hostPath: { path: path.resolve(host, places[type]), type } }));
    const volumeMounts = types.map((type) => ({ name: volumeName(type), mountPath: `/of/${type}` }));
    const wrong = { volumes: [{ name: 'wrong', hostPath: { path: path.join(host, 'file'), type: 'Directory' } }] };
    await k8s.run(makePod('wrong', [shellContainer('box', idle, { volumeMounts: [{ name: 'wrong', mountPath: '/wrong' }] })], wrong));
    await k8s.start(
      makePod('app', [shellContainer('box', idle, { volumeMounts })], { volumes }),
      makePod('mounter', [mounter('both', 'Bidirectional', true), mounter('hearing', 'HostToContainer'), mounter('deaf', 'None')], {
        volumes: [{ name: 'mounts', hostPath: { path: mounts } }],
      }),
    );
  });
  after(async () => {
    socket?.close();
    await k8s.kubectl('delete', 'pod', 'mounter', '--timeout=120s');
    await run('umount', ['--recursive', mounts]);
  });

  it('is a folder of the node, there before or made for it', async () => {
    assert.equal(await k8s.exec('app', 'cat /of/Directory/note; echo back > /of/DirectoryOrCreate/note'), 'from the node\n');
    assert.ok((await stat(path.join(host, 'new-folder', 'note'))).isFile());
  });

  it('is a file of the node, there before or made for it', async () => {
    assert.equal(await k8s.exec('app', 'cat /of/File; echo back > /of/FileOrCreate'), 'a file of the node\n');
    assert.equal((await stat(path.join(host, 'new-file'))).size, 'back\n'.length);
  });

  it('is a socket or a device of the node', async () => {
    assert.equal(await k8s.exec('app', 'test -S /of/Socket && test -c /of/CharDevice && echo both'), 'both\n');
  });

  it('keeps a Pod from starting where something else is at its path', async () => {
    const told = await eventually('an event about the wrong type', async () => {
      const events = await k8s.kubectl('get', 'events', '--field-selector=involvedObject.name=wrong,reason=FailedMount', '--output=jsonpath={.items[*].message}');
      return events !== '' && events;
    });
    assert.match(told, /hostPath type check failed.*is not a directory/);
    assert.deepEqual(k8s.pod('wrong')?.status?.containerStatuses?.[0]?.state, { waiting: { reason: 'ContainerCreating' } });
  });

  it('tells a container of new mounts of the node where it asks to be told, and only there', async () => {
    await mkdir(path.join(mounts, 'of-node'));
    await run('mount', ['-t', 'tmpfs', 'of-node', path.join(mounts, 'of-node')]);
    await writeFile(path.join(mounts, 'of-node', 'file'), '');
    assert.equal(await k8s.exec('mounter', 'ls /mounts/of-node', 'hearing'), 'file\n');
    assert.equal(await k8s.exec('mounter', 'ls /mounts/of-node', 'deaf'), '');
  });

  it('tells the node and other containers of the mounts of a container that may', async () => {
    await k8s.exec('mounter', 'mkdir /mounts/of-container; mount -t tmpfs of-container /mounts/of-container; touch /mounts/of-container/file', 'both');
    assert.ok((await stat(path.join(mounts, 'of-container', 'file'))).isFile());
    assert.equal(await k8s.exec('mounter', 'ls /mounts/of-container', 'hearing'), 'file\n');
    assert.equal(await k8s.exec('mounter', 'ls /mounts/of-container', 'deaf'), '');
  });
});
