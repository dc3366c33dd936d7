import assert from 'node:assert/strict';
import { systemClock } from '../../../src/lib/clock.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Container } from '../../../src/pod/container.ts';
import { recover } from '../../../src/pod/recover.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import type { Sandbox } from '../../../src/pod/sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';

const slice = 'kubepods-poduid_1.slice';
const cgroupParent = `/kubepods.slice/${slice}`;

describe('a kill for memory in a cgroup of systemd, which goes with its last process,', () => {
  let world: PodWorld;
  let sandbox: Sandbox;

  beforeEach(async () => {
    world = await makePodWorld(systemClock(), { runtime: { systemdCgroup: true } });
    counts(0);
    const { linux, ...config } = sandboxConfig();
    const withSlice = { ...config, linux: linux && { ...linux, cgroupParent } };
    const id = await runSandbox(world.parts, { config: withSlice, runtimeHandler: '' });
    sandbox = world.parts.sandboxes.get(id);
    await until('its sandbox is complete', () => world.parts.pauses.pid(id) > 0);
  });
  afterEach(() => world.end());

  /** What the Pod's cgroup has counted, of all in it that ever was. */
  function counts(kills: number): void {
    world.around.oomKills.set(cgroupParent, kills);
  }

  function scopeCounts(container: Container, kills: number | undefined): void {
    world.around.oomKills.set(`${slice}:cri-containerd:${container.id}`, kills);
  }

  async function started(name: string): Promise<Container> {
    const id = await createContainer(world.parts, sandbox, { config: containerConfig({ metadata: { name, attempt: 0 } }) });
    const container = world.parts.containers.get(id);
    await startContainer(world.parts, container);
    return container;
  }

  async function reasonOf(container: Container, exitCode = 137): Promise<string> {
    scopeCounts(container, undefined);
    world.containerd.tasks.exit(container.id, exitCode);
    await container.exited;
    return container.status.reason;
  }

  it('is told by that of the Pod', async () => {
    const container = await started('hungry');
    counts(1);
    assert.equal(await reasonOf(container), 'OOMKilled');
  });

  it('is not told of a container that was killed after it', async () => {
    const [hungry, other] = [await started('hungry'), await started('other')];
    counts(2);
    assert.equal(await reasonOf(hungry), 'OOMKilled');
    assert.equal(await reasonOf(other), 'Error');
  });

  it('is not told of a container while the one it was in runs on', async () => {
    const [parent, other] = [await started('parent'), await started('other')];
    counts(1);
    scopeCounts(parent, 1);
    assert.equal(await reasonOf(other), 'Error');
    assert.equal(await reasonOf(parent), 'OOMKilled');
  });

  it('is told of each of two that end at once', async () => {
    const both = [await started('one'), await started('two')];
    for (const container of both) scopeCounts(container, undefined);
    counts(2);
    assert.deepEqual([await reasonOf(both[0]!), await reasonOf(both[1]!)], ['OOMKilled', 'OOMKilled']);
  });

  it('is known where the cgroup was still there, and not told twice', async () => {
    const [hungry, other] = [await started('hungry'), await started('other')];
    counts(1);
    scopeCounts(hungry, 1);
    world.containerd.tasks.exit(hungry.id, 137);
    await hungry.exited;
    assert.equal(hungry.status.reason, 'OOMKilled');
    assert.equal(await reasonOf(other), 'Error');
  });

  it('is not told of one that ended well, nor of the next', async () => {
    const [parent, other] = [await started('parent'), await started('other')];
    counts(1);
    assert.equal(await reasonOf(parent, 0), 'Completed');
    assert.equal(await reasonOf(other), 'Error');
  });

  it('in an earlier sandbox or before a restart is nothing new', async () => {
    const container = await started('main');
    counts(3);
    world = world.restart();
    await recover(world.parts);
    assert.equal(await reasonOf(world.parts.containers.get(container.id)), 'Error');
    sandbox = world.parts.sandboxes.get(sandbox.id);
    const next = await started('next');
    counts(4);
    assert.equal(await reasonOf(next), 'OOMKilled');
  });

  it('is told of the first container in a slice that systemd makes for it', async () => {
    world.around.oomKills.set(cgroupParent, undefined);
    const container = await started('hungry');
    counts(1);
    assert.equal(await reasonOf(container), 'OOMKilled');
  });

  it('is nothing where the Pod has no cgroup that tells', async () => {
    world.around.oomKills.set(cgroupParent, undefined);
    assert.equal(await reasonOf(await started('main')), 'Error');
  });
});
