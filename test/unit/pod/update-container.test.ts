import assert from 'node:assert/strict';
import { CodedError } from '../../../src/lib/errors.ts';
import { jsonAny, readSpec, specTypeUrl } from '../../../src/pod/anys.ts';
import type { Container } from '../../../src/pod/container.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import { recover } from '../../../src/pod/recover.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { updateContainer } from '../../../src/pod/update-container.ts';
import type { OciResources } from '../../../src/spec/oci.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';
import { resources } from '../spec/fixtures.ts';

describe('an update of resources that fails', () => {
  const away = new CodedError('unavailable', 'containerd cannot be reached');
  const before = resources({ cpuShares: '512', memoryLimitInBytes: '1000000' });
  let world: PodWorld;
  let container: Container;
  beforeEach(async () => {
    world = await makePodWorld();
    const podId = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    await until('its sandbox is complete', () => world.parts.pauses.pid(podId) > 0);
    const config = containerConfig({ linux: { resources: before, securityContext: null } });
    container = world.parts.containers.get(await createContainer(world.parts, world.parts.sandboxes.get(podId), { config }));
  });
  afterEach(() => world.end());

  /** What ContainerStatus tells, and tells still after a restart. */
  const told = async (): Promise<unknown> => {
    const now = world.parts.containers.get(container.id).status.resources;
    world = world.restart();
    await recover(world.parts);
    container = world.parts.containers.get(container.id);
    assert.deepEqual(container.status.resources, now);
    return now;
  };
  /** The resources that the runtime was given last. */
  const given = (): OciResources | undefined =>
    world.containerd.faults.calls.findLast(({ method }) => method === 'tasks.update')?.args[1] as OciResources | undefined;
  const storedSpec = async () => readSpec((await world.containerd.containers.get(container.id)).spec);

  describe('for a container that runs', () => {
    beforeEach(() => startContainer(world.parts, container));

    it('leaves everything as it was where the runtime refuses it, though containerd goes away then', async () => {
      const { faults } = world.containerd;
      faults.failNext('tasks.update', new CodedError('unknown', 'no such cpu'));
      for (let writes = 0; writes < 2; writes += 1) faults.failNext('containers.update', writes === 0 ? undefined : away);
      await assert.rejects(updateContainer(world.parts, container, resources({ cpusetCpus: '4000' })), /no such cpu/);
      assert.equal((await storedSpec()).linux.resources.cpu?.cpus, undefined);
      faults.failNoMore();
      assert.deepEqual(await told(), before);
      await updateContainer(world.parts, container, resources({ cpuShares: '10' }));
      assert.deepEqual(given()?.cpu, { shares: 10 });
    });

    it('tells what is in force where only its record could not be written, and the next one starts from there', async () => {
      world.containerd.faults.failNext('containers.update', new CodedError('internal', 'no room'));
      await assert.rejects(updateContainer(world.parts, container, resources({ memoryLimitInBytes: '2000000', oomScoreAdj: '700' })), /no room/);
      assert.deepEqual(await told(), { ...before, memoryLimitInBytes: '2000000', oomScoreAdj: '700' });
      await updateContainer(world.parts, container, resources({ cpuShares: '10' }));
      assert.deepEqual([given()?.cpu, given()?.memory], [{ shares: 10 }, { limit: 2_000_000 }]);
      const { process, linux } = await storedSpec();
      assert.deepEqual([process.oomScoreAdj, linux.resources.memory, linux.resources.cpu], [700, { limit: 2_000_000 }, { shares: 10 }]);
    });

    it('is asked again when containerd is back, as nobody knows what became of it', async () => {
      world.containerd.faults.failNext('tasks.update', away);
      world.containerd.faults.failNext('containers.update', away);
      await updateContainer(world.parts, container, resources({ cpuShares: '10' }));
      assert.equal(world.containerd.faults.calls.filter(({ method }) => method === 'tasks.update').length, 2);
      assert.deepEqual(await told(), { ...before, cpuShares: '10' });
      assert.deepEqual((await storedSpec()).linux.resources.cpu, { shares: 10 });
    });

    it('is given up with its caller', async () => {
      world.containerd.faults.failNext('tasks.update', away);
      await assert.rejects(updateContainer(world.parts, container, resources({ cpuShares: '10' }), AbortSignal.abort()), { kind: 'unavailable' });
      assert.deepEqual(await told(), before);
    });

    it('tells what is in force where a process got no new oom_score_adj', async () => {
      world.around.faults.failNext('kernel.setOomScore', new CodedError('internal', 'no score'));
      await assert.rejects(updateContainer(world.parts, container, resources({ cpuShares: '10', oomScoreAdj: '700' })), /no score/);
      assert.deepEqual(await told(), { ...before, cpuShares: '10', oomScoreAdj: '700' });
    });
  });

  it('for one that does not run yet tells what it will start with', async () => {
    await updateContainer(world.parts, container, resources({ cpuShares: '10' }));
    assert.deepEqual(await told(), { ...before, cpuShares: '10' });
    world.containerd.faults.failNext('containers.update', new CodedError('internal', 'no room'));
    await assert.rejects(updateContainer(world.parts, container, resources({ cpuShares: '20' })), /no room/);
    assert.deepEqual(await told(), { ...before, cpuShares: '10' });
    // Its record had an answer that got lost, or podwright ended before it knew.
    const stored = await world.containerd.containers.get(container.id);
    const spec = readSpec(stored.spec);
    const linux = { ...spec.linux, resources: { ...spec.linux.resources, cpu: { shares: 30 } } };
    await world.containerd.containers.update({ ...stored, spec: jsonAny(specTypeUrl, { ...spec, linux }) }, ['spec']);
    world = world.restart();
    await recover(world.parts);
    container = world.parts.containers.get(container.id);
    assert.deepEqual(container.status.resources, { ...before, cpuShares: '30' });
  });
});
