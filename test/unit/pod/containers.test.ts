import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { readSpec } from '../../../src/pod/anys.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Container } from '../../../src/pod/container.ts';
import { removeContainer } from '../../../src/pod/remove-container.ts';
import { removeSandbox } from '../../../src/pod/remove-sandbox.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import type { Sandbox } from '../../../src/pod/sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { stopContainer } from '../../../src/pod/stop-container.ts';
import { updateContainer } from '../../../src/pod/update-container.ts';
import type { OciResources } from '../../../src/spec/oci.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';
import { resources } from '../spec/fixtures.ts';

describe('a container', () => {
  let world: PodWorld;
  let sandbox: Sandbox;
  beforeEach(async () => {
    world = await makePodWorld();
    const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    sandbox = world.parts.sandboxes.get(id);
    await until('its sandbox is complete', () => world.parts.pauses.pid(id) > 0);
  });
  afterEach(() => world.end());

  const create = async (changes = {}): Promise<Container> => {
    const id = await createContainer(world.parts, sandbox, { config: containerConfig(changes) });
    return world.parts.containers.get(id);
  };
  const started = async (changes = {}): Promise<Container> => {
    const container = await create(changes);
    await startContainer(world.parts, container);
    return container;
  };
  const signals = (): number[] =>
    world.containerd.faults.calls
      .filter(({ method }) => method === 'tasks.kill')
      .map(({ args }) => (args[1] as { readonly signal: number }).signal);

  it('is created, runs and ends with its exit code', async () => {
    const container = await create();
    assert.equal(container.state, 'CONTAINER_CREATED');
    await startContainer(world.parts, container);
    assert.equal(container.state, 'CONTAINER_RUNNING');
    world.containerd.tasks.exit(container.id, 3);
    await container.exited;
    assert.equal(container.state, 'CONTAINER_EXITED');
    assert.deepEqual([container.status.exitCode, container.status.reason], [3, 'Error']);
  });

  it('waits for the pause container whose PID namespace it is to share, also in a Pod that has not', async () => {
    const held = world.containerd.faults.hold('tasks.create');
    const metadata = { name: 'other', namespace: 'default', uid: 'uid-2', attempt: 0 };
    const other = world.parts.sandboxes.get(await runSandbox(world.parts, { config: sandboxConfig({ metadata }), runtimeHandler: '' }));
    await held.arrived;
    assert.equal(world.parts.pauses.pid(other.id), 0);
    const creating = createContainer(world.parts, other, { config: containerConfig({ linux: { resources: null, securityContext: null } }) });
    await new Promise((resolve) => setTimeout(resolve, 20));
    held.release();
    const { spec } = await world.containerd.containers.get(await creating);
    const pid = readSpec(spec).linux.namespaces.find(({ type }) => type === 'pid');
    assert.equal(pid?.path, `/proc/${world.parts.pauses.pid(other.id)}/ns/pid`);
    assert.notEqual(world.parts.pauses.pid(other.id), 0);
  });

  it('is watched among any number of others, which Node takes for no leak', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    try {
      for (let n = 0; n < 12; n += 1) await started({ metadata: { name: `c${n}`, attempt: 0 } });
      await until('a warning would have come', () => world.containerd.faults.calls.filter(({ method }) => method === 'tasks.wait').length >= 12);
      await new Promise(setImmediate);
    } finally {
      process.off('warning', onWarning);
    }
    assert.deepEqual(warnings, []);
  });

  it('is removed when its shim ended before it had answered for the deletion', async () => {
    const container = await create();
    world.containerd.faults.failNext('tasks.delete', new CodedError('unknown', 'failed to delete task: ttrpc: closed'));
    await removeContainer(world.parts, container);
    assert.equal(world.parts.containers.has(container.id), false);
  });

  it('is stopped when it ended and its task was deleted in the midst of that', async () => {
    const container = await started();
    world.containerd.faults.failNext('tasks.kill', new CodedError('aborted', 'send signal: ttrpc: closed'));
    await stopContainer(world.parts, container, 0);
    assert.equal(container.state, 'CONTAINER_EXITED');
  });

  it('starts when the shim of its dying pause container ended in the midst, and only then is tried again', async () => {
    const container = await create();
    world.containerd.faults.failNext('tasks.create', new CodedError('aborted', 'create task: ttrpc: closed'));
    await startContainer(world.parts, container);
    assert.equal(container.state, 'CONTAINER_RUNNING');
    const other = await create({ metadata: { name: 'other', attempt: 0 } });
    world.containerd.faults.failNext('tasks.create', new CodedError('unknown', 'OCI runtime create failed'));
    await assert.rejects(startContainer(world.parts, other), /OCI runtime create failed/);
    assert.equal(other.state, 'CONTAINER_EXITED');
  });

  it('does not start in the PID namespace of a target that has ended meanwhile (#66)', async () => {
    const target = await started();
    const usual = containerConfig().linux;
    const namespaceOptions = { network: 'POD', pid: 'TARGET', ipc: 'POD', targetId: target.id, usernsOptions: null } as const;
    const linux = usual && { ...usual, securityContext: usual.securityContext && { ...usual.securityContext, namespaceOptions } };
    const debug = await create({ metadata: { name: 'debug', attempt: 0 }, linux });
    world.containerd.tasks.exit(target.id, 0);
    await target.exited;
    await assert.rejects(startContainer(world.parts, debug), { message: new RegExp(`target_id is "${target.id}": .*CONTAINER_EXITED`) });
    assert.deepEqual([debug.state, debug.status.reason], ['CONTAINER_EXITED', 'StartError']);
  });

  it('that ended well is Completed, one killed for memory OOMKilled', async () => {
    const good = await started();
    world.containerd.tasks.exit(good.id, 0);
    await good.exited;
    assert.equal(good.status.reason, 'Completed');
    world.around.oomKilled = true;
    const bad = await started({ metadata: { name: 'hungry', attempt: 0 } });
    world.containerd.tasks.exit(bad.id, 137);
    await bad.exited;
    assert.equal(bad.status.reason, 'OOMKilled');
  });

  it('is not created from an image that is not here, and leaves nothing', async () => {
    const image = { image: 'registry.other/none', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    await assert.rejects(create({ image }), { kind: 'notFound', message: /registry\.other\/none/u });
    assert.equal(world.parts.containers.size, 0);
    await create();
  });

  for (const step of ['snapshots.prepare', 'containers.create']) {
    it(`leaves neither record nor snapshot nor name when ${step} fails`, async () => {
      const before = (await world.containerd.containers.list([])).length;
      world.containerd.faults.failNext(step, new CodedError('unavailable', 'broken for the test'));
      await assert.rejects(create(), { kind: 'unavailable' });
      assert.equal((await world.containerd.containers.list([])).length, before);
      assert.equal((await world.containerd.snapshots('overlayfs').list()).length, before);
      await create();
    });
  }

  for (const step of ['tasks.create', 'tasks.start']) {
    it(`that cannot be started (${step}) has ended with 128, StartError and the runtime's words`, async () => {
      const container = await create();
      world.containerd.faults.failNext(step, new CodedError('unknown', 'exec: "nope": not found in $PATH'));
      await assert.rejects(startContainer(world.parts, container), { message: /"nope": not found/u });
      const { exitCode, reason, message } = container.status;
      assert.deepEqual([container.state, exitCode, reason], ['CONTAINER_EXITED', 128, 'StartError']);
      assert.match(message, /"nope": not found/u);
      await assert.rejects(world.containerd.tasks.get(container.id), { kind: 'notFound' });
      await assert.rejects(startContainer(world.parts, container), { kind: 'failedPrecondition' });
    });
  }

  it('whose failed start cannot be cleaned up is UNKNOWN until its removal does it', async () => {
    const container = await create();
    world.containerd.faults.failNext('tasks.start', new CodedError('unknown', 'no'));
    for (const _ of [1, 2]) world.containerd.faults.failNext('tasks.delete', new CodedError('internal', 'shim is stuck'));
    await assert.rejects(startContainer(world.parts, container));
    assert.equal(container.state, 'CONTAINER_UNKNOWN');
    await removeContainer(world.parts, container);
    await assert.rejects(world.containerd.tasks.get(container.id), { kind: 'notFound' });
    assert.equal(world.parts.containers.size, 0);
  });

  it('is stopped with its signal, and only one however many ask', async () => {
    world.containerd.tasks.onSignal = () => undefined;
    const container = await started({ stopSignal: 'SIGNAL_SIGUSR1' });
    const stops = [1, 2, 3].map(() => stopContainer(world.parts, container, 60_000));
    await until('the signal was sent', () => signals().length > 0);
    world.containerd.tasks.exit(container.id, 0);
    await Promise.all(stops);
    assert.deepEqual(signals(), [10]);
  });

  it('gets its signal by the next stop when the first could not send it', async () => {
    world.containerd.tasks.onSignal = () => undefined;
    const container = await started();
    world.containerd.faults.failNext('tasks.kill', new CodedError('unavailable', 'containerd is away'));
    await assert.rejects(stopContainer(world.parts, container, 60_000), { kind: 'unavailable' });
    const stopping = stopContainer(world.parts, container, 60_000);
    await until('the signal was sent', () => signals().length > 1);
    world.containerd.tasks.exit(container.id, 0);
    await stopping;
    assert.deepEqual(signals(), [15, 15], 'the first of which failed');
  });

  it('that ignores its signal is killed when its grace is over', async () => {
    world.containerd.tasks.onSignal = () => undefined;
    const container = await started();
    await stopContainer(world.parts, container, 20);
    assert.deepEqual(signals(), [15, 9]);
    assert.equal(container.status.exitCode, 137);
  });

  it('is killed sooner by a second stop with less patience', async () => {
    world.containerd.tasks.onSignal = () => undefined;
    const container = await started();
    const patient = stopContainer(world.parts, container, 60_000);
    await stopContainer(world.parts, container, 0);
    await patient;
    assert.equal(container.status.exitCode, 137);
  });

  it('is stopped without a signal when it does not run', async () => {
    const container = await create();
    await stopContainer(world.parts, container, 1_000);
    assert.deepEqual(signals(), []);
    assert.equal(container.state, 'CONTAINER_CREATED');
  });

  it('is removed while it runs, by two at once', async () => {
    const container = await started();
    await Promise.all([removeContainer(world.parts, container), removeContainer(world.parts, container)]);
    assert.equal(world.parts.containers.size, 0);
    assert.equal((await world.containerd.containers.list([`id==${container.id}`])).length, 0);
  });

  it('is not started any more by a call that waited while it was removed', async () => {
    const before = await world.inventory();
    const container = await create();
    const removal = world.containerd.faults.hold('containers.delete');
    const removed = removeContainer(world.parts, container);
    await removal.arrived;
    const late = assert.rejects(startContainer(world.parts, container), { kind: 'notFound' });
    removal.release();
    await Promise.all([removed, late]);
    assert.deepEqual(await world.inventory(), before);
  });

  it('is removed although a start came in before', async () => {
    const before = await world.inventory();
    const container = await create();
    await Promise.all([removeContainer(world.parts, container), startContainer(world.parts, container)]);
    assert.deepEqual(await world.inventory(), before);
  });

  it('does not come to be in a sandbox that is removed meanwhile', async () => {
    const creation = world.containerd.faults.hold('containers.create');
    const late = assert.rejects(create(), { kind: 'failedPrecondition', message: /not ready/u });
    await creation.arrived;
    await removeSandbox(world.parts, sandbox);
    creation.release();
    await late;
    assert.deepEqual(await world.inventory(), []);
    assert.equal(world.parts.containers.size, 0);
  });

  describe('whose pause container is still being made', () => {
    /** Sandboxes whose pause containers are made when they are released. */
    const pausing = async (count: number): Promise<{ readonly id: string; readonly release: () => void }[]> => {
      const held = [];
      for (let n = 0; n < count; n += 1) {
        const hold = world.containerd.faults.hold('tasks.create');
        const metadata = { name: `pausing-${n}`, namespace: 'default', uid: `uid-${n}`, attempt: 0 };
        held.push({ id: await runSandbox(world.parts, { config: sandboxConfig({ metadata }), runtimeHandler: '' }), release: () => hold.release() });
        await hold.arrived;
      }
      return held;
    };
    const createIn = async (sandboxId: string): Promise<Container> => {
      const id = await createContainer(world.parts, world.parts.sandboxes.get(sandboxId), { config: containerConfig() });
      return world.parts.containers.get(id);
    };
    const hasTask = (id: string): boolean =>
      world.containerd.faults.calls.some(({ method, args }) => method === 'tasks.create' && (args[0] as { containerId: string }).containerId === id);

    it('is started beside it', async () => {
      const [one] = await pausing(1);
      const container = await createIn(one?.id ?? '');
      await startContainer(world.parts, container);
      assert.equal(container.state, 'CONTAINER_RUNNING');
      one?.release();
    });

    it('is started after it where many are being made', async () => {
      const held = await pausing(3);
      const container = await createIn(held[2]?.id ?? '');
      const starting = startContainer(world.parts, container);
      for (let turns = 0; turns < 20; turns += 1) await new Promise(setImmediate);
      assert.equal(hasTask(container.id), false);
      held[2]?.release();
      await starting;
      assert.equal(container.state, 'CONTAINER_RUNNING');
      for (const one of held) one.release();
    });

    it('is started where that cannot be made', async () => {
      const held = await pausing(3);
      const container = await createIn(held[2]?.id ?? '');
      world.containerd.faults.failNext('tasks.create', new CodedError('internal', 'no pause'));
      const starting = startContainer(world.parts, container);
      held[2]?.release();
      await starting;
      assert.equal(container.state, 'CONTAINER_RUNNING');
      for (const one of held) one.release();
    });
  });

  it('whose label has no key is created all the same, and tells of the label', async () => {
    const labels = { '': 'odd', app: 'web' };
    const container = await create({ labels });
    assert.deepEqual(container.record.config.labels, labels);
    const stored = await world.containerd.containers.get(container.id);
    assert.deepEqual(Object.keys(stored.labels).toSorted(), ['app', 'io.cri-containerd.kind']);
  });

  it('gets a new oom_score_adj for all it runs, and none where nothing is said of it', async () => {
    const container = await started();
    const scores = () => world.around.faults.calls.filter(({ method }) => method === 'kernel.setOomScore').map(({ args }) => args[1]);
    await updateContainer(world.parts, container, resources({ cpuShares: '10' }));
    assert.deepEqual(scores(), []);
    await updateContainer(world.parts, container, resources({ oomScoreAdj: '700' }));
    assert.deepEqual(scores(), [700]);
    const before = await create({ metadata: { name: 'before', attempt: 0 } });
    await updateContainer(world.parts, before, resources({ oomScoreAdj: '800' }));
    assert.deepEqual(scores(), [700], 'it runs nothing yet');
    const { spec } = await world.containerd.containers.get(before.id);
    assert.equal((JSON.parse(String(spec.value)) as { process: { oomScoreAdj: number } }).process.oomScoreAdj, 800);
  });

  describe('and its limits of huge pages', () => {
    const limits = (limit: string) => resources({ hugepageLimits: [{ pageSize: '2MB', limit }] });
    const on = async (cgroupVersion: 1 | 2): Promise<{ readonly other: PodWorld; readonly container: Container }> => {
      const other = await makePodWorld(undefined, { host: { cgroupVersion, hugetlbSizes: ['2MB'] } });
      const podId = await runSandbox(other.parts, { config: sandboxConfig(), runtimeHandler: '' });
      await until('its sandbox is complete', () => other.parts.pauses.pid(podId) > 0);
      const linux = { resources: limits('0'), securityContext: null };
      const id = await createContainer(other.parts, other.parts.sandboxes.get(podId), { config: containerConfig({ linux }) });
      return { other, container: other.parts.containers.get(id) };
    };

    it('sends them with every update on v2, where runc would bring back those of its creation', async () => {
      const { other, container } = await on(2);
      try {
        await startContainer(other.parts, container);
        await updateContainer(other.parts, container, limits('4194304'));
        await updateContainer(other.parts, container, resources({ cpuShares: '10' }));
        const sent = other.containerd.faults.calls.filter(({ method }) => method === 'tasks.update').map(({ args }) => (args[1] as OciResources).unified);
        const files = { 'hugetlb.2MB.max': '4194304', 'hugetlb.2MB.rsvd.max': '4194304' };
        assert.deepEqual(sent, [files, files]);
        assert.deepEqual(container.status.resources?.hugepageLimits, [{ pageSize: '2MB', limit: '4194304' }]);
      } finally {
        await other.end();
      }
    });

    it('changes them on v1 before it starts, and refuses it from then on', async () => {
      const { other, container } = await on(1);
      try {
        await updateContainer(other.parts, container, limits('4194304'));
        await startContainer(other.parts, container);
        await updateContainer(other.parts, container, limits('4194304'));
        await assert.rejects(updateContainer(other.parts, container, limits('0')), { kind: 'invalidArgument', message: /hugepage_limits/u });
        assert.deepEqual(container.status.resources?.hugepageLimits, [{ pageSize: '2MB', limit: '4194304' }]);
      } finally {
        await other.end();
      }
    });
  });

  it('that ends while it is updated is updated as one that ended before', async () => {
    const container = await started();
    world.containerd.faults.failNext('tasks.update', new CodedError('unknown', 'cannot update a stopped container'));
    const held = world.containerd.faults.hold('tasks.get');
    const updated = updateContainer(world.parts, container, resources({ cpuShares: '10' }));
    await held.arrived;
    world.containerd.tasks.exit(container.id, 0);
    held.release();
    await updated;
  });

  it('that ends before its update is written down stays ended, and can be removed', async () => {
    const container = await started();
    const { containerRecords: records, containerd } = { ...world.parts, containerd: world.containerd };
    const [ending, goOn] = [deferred<void>(), deferred<void>()];
    const [write, update] = [records.write.bind(records), containerd.tasks.update.bind(containerd.tasks)];
    // One after the other, as they are asked for.
    records.write = async (id, record) => {
      if (record.finishedAtNs !== '0') ending.resolve();
      await goOn.promise;
      await write(id, record);
    };
    containerd.tasks.update = async (id, asked) => {
      await update(id, asked);
      containerd.tasks.exit(id, 3);
      await ending.promise;
    };
    const updated = updateContainer(world.parts, container, resources({ cpuShares: '10' }));
    await ending.promise;
    await new Promise(setImmediate);
    goOn.resolve();
    await Promise.all([updated, container.exited]);
    assert.deepEqual([container.state, container.status.exitCode], ['CONTAINER_EXITED', 3]);
    assert.equal(container.status.resources?.cpuShares, '10');
    assert.equal((await records.read(container.id))?.exitCode, 3);
    await removeContainer(world.parts, container);
  });

  it('that ends in the moment of its start has the exit code it ended with (#12)', async () => {
    world.containerd.tasks.onStart = () => 7;
    const container = await started();
    await container.exited;
    assert.deepEqual([container.state, container.status.exitCode], ['CONTAINER_EXITED', 7]);
  });

  it('that hangs in the kernel stays RUNNING after its SIGKILL, and its stop can be tried again (#7)', async () => {
    const clock = new ManualClock();
    const other = await makePodWorld(clock);
    try {
      const podId = await runSandbox(other.parts, { config: sandboxConfig(), runtimeHandler: '' });
      const id = await createContainer(other.parts, other.parts.sandboxes.get(podId), { config: containerConfig() });
      const container = other.parts.containers.get(id);
      await until('its sandbox is complete', () => other.parts.pauses.pid(podId) > 0);
      // Nobody hears of its end as long as the kernel keeps it.
      const end = other.containerd.faults.hold('tasks.wait');
      await startContainer(other.parts, container);
      await end.arrived;
      const stop = stopContainer(other.parts, container, 0);
      await until('the stop waits for the end', () => clock.sleeping > 0);
      const refused = assert.rejects(stop, { kind: 'deadlineExceeded', message: /still running/u });
      clock.advance(60_000);
      await refused;
      assert.equal(container.state, 'CONTAINER_RUNNING');
      end.release();
      await container.exited;
      await stopContainer(other.parts, container, 0);
      assert.equal(container.status.exitCode, 137);
    } finally {
      await other.end();
    }
  });

  it('with a label that containerd would not take keeps it in its own record (#75)', async () => {
    const labels = { long: 'x'.repeat(5_000), short: 'x' };
    const container = await create({ labels, annotations: { long: 'x'.repeat(100_000) } });
    assert.deepEqual(container.record.config.labels, labels);
    const stored = await world.containerd.containers.get(container.id);
    assert.deepEqual(Object.keys(stored.labels).toSorted(), ['io.cri-containerd.kind', 'short']);
  });

  it('is not made from a file of a checkpoint, which is an image that is not here (#87)', async () => {
    const file = path.join(world.folder, 'checkpoint.tar');
    await writeFile(file, '');
    const image = { image: file, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    await assert.rejects(create({ image }), { kind: 'notFound' });
  });
});
