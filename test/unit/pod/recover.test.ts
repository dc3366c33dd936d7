import assert from 'node:assert/strict';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { systemClock } from '../../../src/lib/clock.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Container } from '../../../src/pod/container.ts';
import { recover } from '../../../src/pod/recover.ts';
import { removeSandbox } from '../../../src/pod/remove-sandbox.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { stopSandbox } from '../../../src/pod/stop-sandbox.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';
import { resources } from '../spec/fixtures.ts';

describe('a podwright started anew', () => {
  let world: PodWorld;
  let sandboxId: string;
  let container: Container;
  beforeEach(async () => {
    world = await makePodWorld();
    sandboxId = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    await until('the sandbox is complete', () => world.parts.pauses.pid(sandboxId) > 0);
    const id = await createContainer(world.parts, world.parts.sandboxes.get(sandboxId), { config: containerConfig() });
    container = world.parts.containers.get(id);
    await startContainer(world.parts, container);
  });
  afterEach(() => world.end());

  const again = async (): Promise<PodWorld> => {
    world = world.restart();
    await recover(world.parts);
    return world;
  };

  it('finds every Pod with its address and every container with its state', async () => {
    const { parts } = await again();
    const sandbox = parts.sandboxes.get(sandboxId);
    assert.deepEqual([sandbox.isReady, sandbox.record.network?.ip], [true, '10.0.0.2']);
    const found = parts.containers.get(container.id);
    assert.deepEqual([found.state, found.status.pid], ['CONTAINER_RUNNING', container.status.pid]);
    assert.equal(found.status.startedAtNs, container.status.startedAtNs);
  });

  it('tells the resources in force of a container that was only created', async () => {
    const sandbox = world.parts.sandboxes.get(sandboxId);
    const given = resources({ cpuShares: '512', memorySwapLimitInBytes: '7', unified: { 'memory.low': '1' } });
    const linux = { resources: given, securityContext: null };
    const id = await createContainer(world.parts, sandbox, { config: containerConfig({ metadata: { name: 'new', attempt: 0 }, linux }) });
    // This host has neither swap nor cgroup v2.
    const told = resources({ cpuShares: '512' });
    assert.deepEqual(world.parts.containers.get(id).status.resources, told);
    assert.deepEqual((await again()).parts.containers.get(id).status.resources, told);
  });

  it('hears of the end of a container that it did not start itself', async () => {
    const { parts, containerd } = await again();
    containerd.tasks.exit(container.id, 4);
    const found = parts.containers.get(container.id);
    await found.exited;
    assert.equal(found.status.exitCode, 4);
  });

  it('knows the exit code of a container that ended while it was away', async () => {
    await world.parts.exits.stop();
    world.containerd.tasks.exit(container.id, 5);
    const { parts } = await again();
    const found = parts.containers.get(container.id);
    assert.deepEqual([found.state, found.status.exitCode], ['CONTAINER_EXITED', 5]);
  });

  it('takes a container whose task is gone for ended with 255', async () => {
    await world.parts.exits.stop();
    world.containerd.tasks.lose(container.id);
    const { parts } = await again();
    const { exitCode, reason } = parts.containers.get(container.id).status;
    assert.deepEqual([exitCode, reason], [255, 'Unknown']);
  });

  it('still refuses the names that are taken', async () => {
    const { parts } = await again();
    const twin = runSandbox(parts, { config: sandboxConfig(), runtimeHandler: '' });
    await assert.rejects(twin, { kind: 'alreadyExists' });
  });

  it('has sandboxes of another boot as not ready, with their network still to be released', async () => {
    const file = path.join(world.parts.folders.sandboxRoot(sandboxId), 'sandbox.json');
    await writeFile(file, (await readFile(file, 'utf8')).replace('"boot 1"', '"boot 0"'));
    world.containerd.tasks.lose(sandboxId);
    world.containerd.tasks.lose(container.id);
    world.around.mounted.clear();
    world.around.pinned.clear();
    const { parts, around } = await again();
    const sandbox = parts.sandboxes.get(sandboxId);
    assert.equal(sandbox.isReady, false);
    assert.equal(parts.containers.get(container.id).status.exitCode, 255);
    assert.deepEqual([...around.attached], [sandboxId]);
    await stopSandbox(parts, sandbox);
    assert.deepEqual([...around.attached], []);
    await removeSandbox(parts, sandbox);
    assert.equal(parts.sandboxes.size + parts.containers.size, 0);
  });

  it('has a Pod that ran in its pause container as not ready when that has ended', async () => {
    await world.end();
    world = await makePodWorld(systemClock(), { runtime: { pauseIsPod: true } });
    const [gone, there] = await Promise.all(
      ['uid-1', 'uid-2'].map((uid) => runSandbox(world.parts, { config: sandboxConfig({ metadata: { name: 'x', namespace: 'default', uid, attempt: 0 } }), runtimeHandler: '' })),
    );
    await world.parts.pauses.letGo();
    world.containerd.tasks.exit(gone!, 137);
    const { parts } = await again();
    assert.deepEqual([gone!, there!].map((id) => parts.sandboxes.get(id).isReady), [false, true]);
  });

  it('takes back a sandbox whose start was cut off, with its network', async () => {
    await rm(path.join(world.parts.folders.sandboxRoot(sandboxId), 'sandbox.json'));
    const { parts, around, containerd } = await again();
    assert.equal(parts.sandboxes.size, 0);
    assert.deepEqual([...around.attached], []);
    assert.deepEqual([...around.pinned], []);
    assert.deepEqual(await readdir(parts.folders.sandboxes), []);
    assert.deepEqual(await containerd.containers.list([`id==${sandboxId}`]), []);
    assert.deepEqual(await containerd.leases.list([]), []);
  });

  it('sets an unreadable record aside, gives back what that Pod held, and serves the others', async () => {
    const other = await runSandbox(world.parts, {
      config: sandboxConfig({ metadata: { name: 'other', namespace: 'default', uid: 'uid-2', attempt: 0 } }),
      runtimeHandler: '',
    });
    await writeFile(path.join(world.parts.folders.sandboxRoot(sandboxId), 'sandbox.json'), '{"version":1,');
    const { parts, around } = await again();
    assert.deepEqual([...parts.sandboxes.values()].map(({ id }) => id), [other]);
    assert.equal((await readdir(path.join(parts.folders.root, 'unreadable'))).length, 1);
    assert.deepEqual([...around.attached], [other]);
  });

  it('marks a container whose start was cut off before anything ran as failed to start', async () => {
    const id = await createContainer(world.parts, world.parts.sandboxes.get(sandboxId), {
      config: containerConfig({ metadata: { name: 'second', attempt: 0 } }),
    });
    await world.containerd.tasks.create({ containerId: id, rootfs: [], stdin: '', stdout: '', stderr: '', terminal: false });
    const { parts } = await again();
    const { state, status } = parts.containers.get(id);
    assert.deepEqual([state, status.exitCode, status.reason], ['CONTAINER_EXITED', 128, 'StartError']);
  });

  it('leaves alone what containerd’s own CRI made in the same namespace', async () => {
    await world.containerd.containers.create({
      id: 'f'.repeat(64),
      labels: { 'io.cri-containerd.kind': 'sandbox' },
      image: 'pause',
      runtime: { name: 'io.containerd.runc.v2' },
      spec: { typeUrl: '', value: Buffer.from('{}') },
      snapshotter: '',
      snapshotKey: '',
      extensions: { 'io.cri-containerd.sandbox.metadata': { typeUrl: 'x', value: Buffer.from('{}') } },
      sandboxId: '',
    });
    await again();
    assert.equal((await world.containerd.containers.list([`id==${'f'.repeat(64)}`])).length, 1);
  });
});
