import assert from 'node:assert/strict';
import { readdir, rename, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { CodedError, kindOf } from '../../../src/lib/errors.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Parts } from '../../../src/pod/parts.ts';
import { recover } from '../../../src/pod/recover.ts';
import { removeContainer } from '../../../src/pod/remove-container.ts';
import { removeSandbox } from '../../../src/pod/remove-sandbox.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import type { Sandbox } from '../../../src/pod/sandbox.ts';
import { stopSandbox } from '../../../src/pod/stop-sandbox.ts';
import type { ContainerConfig__Output } from '../../../src/types/cri/runtime/v1/ContainerConfig.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';
import { criMount } from '../spec/fixtures.ts';

/** The calls that CreateContainer makes to its surroundings for the config below, in no certain order. */
const calls = [
  ['kernel.mountLayers', 1],
  ['kernel.mountLayers', 2],
  ['kernel.pathInRoot', 1],
  ['kernel.mountTable', 1],
  ['kernel.devicesAt', 1],
  ['images.userFiles', 1],
  ['snapshots.view', 1],
  ['snapshots.view', 2],
  ['snapshots.prepare', 1],
  ['containers.create', 1],
] as const;

describe('a container that cannot be created', () => {
  let world: PodWorld;
  let sandbox: Sandbox;
  let before: string[];
  let config: ContainerConfig__Output;

  beforeEach(async () => {
    world = await makePodWorld();
    const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    sandbox = world.parts.sandboxes.get(id);
    await until('its sandbox is complete', () => world.parts.pauses.pid(id) > 0);
    before = await world.inventory();
    const image = { image: 'registry.test/volume:1', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    config = containerConfig({
      mounts: [
        criMount('/shared', { hostPath: '/', propagation: 'PROPAGATION_HOST_TO_CONTAINER' }),
        criMount('/a', { hostPath: '', image, imageSubPath: 'inside' }),
        criMount('/b', { hostPath: '', image }),
      ],
      devices: [{ hostPath: '/dev/null', containerPath: '', permissions: '' }],
    });
  });
  afterEach(() => world.end());

  const faultsOf = (call: string) =>
    /^(?:kernel|images)\./.test(call) ? world.around.faults : world.containerd.faults;
  /** Lets the `nth` call of its kind fail, of all those to come. */
  const failAt = (call: string, nth: number): void => {
    for (let passing = 1; passing < nth; passing++) faultsOf(call).failNext(call, undefined);
    faultsOf(call).failNext(call, new CodedError('unavailable', 'broken for the test'));
  };
  /** The parts with an image that declares a volume, so that what makes one has to be taken back as well. */
  const declaring = (): Parts => {
    const known = world.parts.images.find('registry.test/app:1');
    assert.ok(known);
    const image = { ...known, config: { ...known.config, volumes: ['/own'] } };
    return { ...world.parts, images: { ...world.parts.images, find: () => image } };
  };

  for (const [call, nth] of calls) {
    it(`leaves nothing when ${call} fails, the ${nth === 1 ? 'first' : 'second'} time it is called`, async () => {
      failAt(call, nth);
      await assert.rejects(createContainer(declaring(), sandbox, { config }), /broken for the test/);
      assert.deepEqual(await world.inventory(), before);
      assert.deepEqual([...world.parts.containers.values()], []);
      // The name is free again.
      await createContainer(declaring(), sandbox, { config });
    });
  }

  it('leaves nothing when its folder cannot be made', async () => {
    const states = world.parts.folders.containerStates;
    await writeFile(states, '');
    await assert.rejects(createContainer(declaring(), sandbox, { config: containerConfig() }), (error) => kindOf(error) === 'internal');
    await rename(states, `${states}-away`);
    assert.deepEqual((await world.inventory()).filter((item) => !item.endsWith('-away')), before);
    await createContainer(declaring(), sandbox, { config: containerConfig() });
  });

  describe('and cannot be taken back at once', () => {
    /** Lets a creation fail when all is made, and what takes a part of it back too. */
    const failWithout = async (undo: string): Promise<void> => {
      failAt('snapshots.prepare', 1);
      failAt(undo, 1);
      await assert.rejects(createContainer(declaring(), sandbox, { config }), /broken for the test/);
      assert.notDeepEqual(await world.inventory(), before);
      assert.deepEqual([...world.parts.containers.values()], []);
    };

    for (const undo of ['containers.delete', 'snapshots.remove', 'kernel.unmountBelow']) {
      it(`goes with the next creation (${undo})`, async () => {
        await failWithout(undo);
        const container = world.parts.containers.get(await createContainer(world.parts, sandbox, { config: containerConfig() }));
        await removeContainer(world.parts, container);
        assert.deepEqual(await world.inventory(), before);
      });

      it(`goes with its Pod, which does not go without it (${undo})`, async () => {
        await failWithout(undo);
        await stopSandbox(world.parts, sandbox);
        failAt(undo, 1);
        await assert.rejects(removeSandbox(world.parts, sandbox), { kind: 'unavailable', message: /try again$/u });
        assert.ok(world.parts.sandboxes.has(sandbox.id));
        await removeSandbox(world.parts, sandbox);
        assert.deepEqual(await world.inventory(), []);
      });

      it(`goes with a restart, and is no container after it (${undo})`, async () => {
        await failWithout(undo);
        world = world.restart();
        await recover(world.parts);
        assert.deepEqual([...world.parts.containers.values()], []);
        assert.deepEqual(await world.inventory(), before);
        await createContainer(world.parts, world.parts.sandboxes.get(sandbox.id), { config });
      });

      it(`goes with its Pod when a restart cannot take it back either (${undo})`, async () => {
        await failWithout(undo);
        world = world.restart();
        failAt(undo, 1);
        await recover(world.parts);
        assert.deepEqual([...world.parts.containers.values()], []);
        assert.notDeepEqual(await world.inventory(), before);
        sandbox = world.parts.sandboxes.get(sandbox.id);
        await stopSandbox(world.parts, sandbox);
        await removeSandbox(world.parts, sandbox);
        assert.deepEqual(await world.inventory(), []);
      });
    }

    it('is a container after a restart where the word of it cannot be read', async () => {
      await failWithout('containers.delete');
      const { owed } = world.parts.folders;
      const [id = ''] = await readdir(owed);
      await writeFile(path.join(owed, id, 'owed.json'), '{');
      world = world.restart();
      await recover(world.parts);
      await removeContainer(world.parts, world.parts.containers.get(id));
      assert.deepEqual((await world.inventory()).filter((item) => !item.includes('unreadable')), before);
    });

    it('goes with a restart also where containerd was away for all of it', async () => {
      const creating = world.containerd.faults.hold('snapshots.prepare');
      const refused = assert.rejects(createContainer(declaring(), sandbox, { config }), { kind: 'unavailable' });
      await creating.arrived;
      await until('all else is made', async () => (await world.containerd.containers.list([])).length === 2);
      world.containerd.faults.reachable = false;
      creating.release();
      await refused;
      world.containerd.faults.reachable = true;
      world = world.restart();
      await recover(world.parts);
      assert.deepEqual([...world.parts.containers.values()], []);
      assert.deepEqual(await world.inventory(), before);
    });
  });

  it('has had every call that can fail', async () => {
    const seen = new Map<string, number>();
    const count = async (act: () => Promise<unknown>): Promise<void> => {
      const lists = [world.containerd.faults.calls, world.around.faults.calls];
      const from = lists.map((list) => list.length);
      await act();
      for (const [n, list] of lists.entries()) {
        for (const { method } of list.slice(from[n])) seen.set(method, (seen.get(method) ?? 0) + 1);
      }
    };
    await count(() => createContainer(declaring(), sandbox, { config }));
    const known = new Set<string>(calls.map(([call]) => call));
    assert.deepEqual([...seen.keys()].filter((call) => !known.has(call)), []);
    assert.deepEqual([...known].filter((call) => !seen.has(call)), []);
  });
});
