import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { deferred } from '../../../src/lib/deferred.ts';
import { CodedError } from '../../../src/lib/errors.ts';
import { JSON_TYPES, jsonAny } from '../../../src/containerd/typeurl.ts';
import type { ContainerdEvent } from '../../../src/containerd/event.ts';
import { BUILD_TIMEOUT_MS, RealContainerd } from './real-containerd.ts';

describe('a containerd that is killed and started again', function () {
  this.timeout(60_000);
  let real: RealContainerd;

  before(async function () {
    this.timeout(BUILD_TIMEOUT_MS);
    real = await RealContainerd.start();
  });
  after(async () => {
    await real.stop();
  });

  it('is reported away at once, and its running task and its events are there again afterwards', async () => {
    const containerd = await real.client();
    const told: ContainerdEvent[] = [];
    const exited = deferred();
    const gaps = [deferred(), deferred()];
    let made = 0;
    const stop = new AbortController();
    const events = containerd.events.openEvents({
      filters: ['topic=="/tasks/exit"'],
      onEvent: (event) => {
        told.push(event);
        exited.resolve();
      },
      onGap: async () => gaps[made++]?.resolve(),
      signal: stop.signal,
    });
    await gaps[0]?.promise;

    const spec = {
      ociVersion: '1.1.0',
      process: { user: { uid: 0, gid: 0 }, args: ['/bin/busybox', 'sleep', '1000'], env: [], cwd: '/' },
      root: { path: 'rootfs' },
      mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
      linux: { namespaces: [{ type: 'pid' }, { type: 'mount' }] },
    };
    await containerd.containers.create({ id: 'a', runtime: { name: 'io.containerd.runc.v2' }, spec: jsonAny(JSON_TYPES.spec, spec) });
    await containerd.tasks.create({ containerId: 'a', rootfs: real.rootfs });
    const { pid } = await containerd.tasks.start('a');
    const away = (error: unknown) => error instanceof CodedError && error.kind === 'unavailable';
    const waiting = assert.rejects(containerd.tasks.wait('a'), away);

    await real.node.containerd.kill();
    await waiting;
    await assert.rejects(containerd.containers.get('a'), away);
    assert.equal(containerd.state().connected, false);
    // Whichever of the calls noticed first: that the connection is gone, was cut, or cannot be made.
    assert.match(containerd.state().reason, /lost|ECONNRESET|ECONNREFUSED|ENOENT/);

    await real.node.containerd.start();
    await containerd.waitReady();
    await gaps[1]?.promise;
    assert.deepEqual((await containerd.tasks.list()).map((task) => [task.pid, task.status]), [[pid, 'running']]);
    await containerd.tasks.kill('a', { signal: 9 });
    await exited.promise;
    assert.deepEqual(told.map((event) => event.type === 'taskExit' && event.exitStatus), [137]);
    await containerd.tasks.delete('a');
    await containerd.containers.delete('a');
    stop.abort();
    await events;
  });

  it('finds the folder of a snapshot that it had not noted yet, and those that are made then at once are whole', async () => {
    const containerd = await real.client();
    const snapshots = containerd.snapshots('overlayfs');
    const [mount] = await containerd.leases.withLease({}, (lease) => snapshots.prepare('before', '', {}, { lease }));
    // PATH/snapshots/NUMBER/fs, and the next one has the next number.
    const last = path.dirname(mount?.source ?? '');
    await real.node.containerd.kill();
    await mkdir(path.join(path.dirname(last), `${Number(path.basename(last)) + 1}`, 'fs'), { recursive: true });
    await real.node.containerd.start();
    await containerd.waitReady();
    const keys = ['a', 'b', 'c', 'd', 'e', 'f'];
    await containerd.leases.withLease({}, async (lease) => {
      const made = await Promise.all(keys.map((key) => snapshots.prepare(key, '', {}, { lease })));
      for (const { source } of made.flat()) assert.ok(existsSync(source), source);
    });
  });

  it('says what it is and what its runtime can do', async () => {
    const containerd = await real.client();
    assert.match((await containerd.version()).version, /^v?2\./);
    const overlayfs = await containerd.introspection.plugins(['type==io.containerd.snapshotter.v1,id==overlayfs']);
    assert.match(overlayfs[0]?.exports['root'] ?? '', /overlayfs$/);
    const { features } = await containerd.introspection.runtimeInfo('io.containerd.runc.v2');
    assert.ok(typeof features === 'object' && features !== null && 'mountOptions' in features);
  });
});
