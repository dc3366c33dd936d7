import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { CodedError } from '../../../src/lib/errors.ts';
import type { Container } from '../../../src/pod/container.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Parts } from '../../../src/pod/parts.ts';
import { recover } from '../../../src/pod/recover.ts';
import { removeContainer } from '../../../src/pod/remove-container.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import type { Sandbox } from '../../../src/pod/sandbox.ts';
import type { OciSpec } from '../../../src/spec/oci.ts';
import type { Mount__Output } from '../../../src/types/cri/runtime/v1/Mount.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';
import { criMount } from '../spec/fixtures.ts';

describe('the volumes of a container', () => {
  let world: PodWorld;
  let sandbox: Sandbox;
  beforeEach(async () => {
    world = await makePodWorld();
    const id = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    sandbox = world.parts.sandboxes.get(id);
    await until('its sandbox is complete', () => world.parts.pauses.pid(id) > 0);
  });
  afterEach(() => world.end());

  const imageMount = (containerPath: string, over: Partial<Mount__Output> = {}): Mount__Output => {
    const image = { image: 'registry.test/volume:1', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
    return criMount(containerPath, { hostPath: '', image, ...over });
  };
  /** The world's parts with an image that declares volumes. */
  const declaring = (...volumes: string[]): Parts => {
    const known = world.parts.images.find('registry.test/app:1');
    assert.ok(known);
    const image = { ...known, config: { ...known.config, volumes } };
    return { ...world.parts, images: { ...world.parts.images, find: () => image } };
  };
  const create = async (changes = {}, parts = world.parts): Promise<Container> => {
    const id = await createContainer(parts, sandbox, { config: containerConfig(changes) });
    return world.parts.containers.get(id);
  };
  const specOf = async (container: Container): Promise<OciSpec> => {
    const { spec } = await world.containerd.containers.get(container.id);
    return JSON.parse(spec.value.toString()) as OciSpec;
  };
  const snapshots = async (): Promise<string[]> => (await world.containerd.snapshots('overlayfs').list()).map(({ name }) => name);

  it('that are images are mounted read-only from views of their own, which go with it', async () => {
    const before = await snapshots();
    const container = await create({ mounts: [imageMount('/a'), imageMount('/b', { imageSubPath: 'inside' })] });
    const folder = world.parts.folders.imageViews(container.id);
    const mounts = (await specOf(container)).mounts.filter(({ destination }) => ['/a', '/b'].includes(destination));
    assert.deepEqual(
      mounts.map(({ source, options }) => [source, options.includes('ro')]),
      [[path.join(folder, '0'), true], [path.join(folder, '1', 'inside'), true]],
    );
    assert.deepEqual((await snapshots()).length, before.length + 3);
    await removeContainer(world.parts, container);
    assert.deepEqual([await snapshots(), [...world.around.mounted].filter((file) => file.startsWith(folder))], [before, []]);
  });

  const failures: [string, Partial<Mount__Output>, () => void][] = [
    ['its sub path is missing', { imageSubPath: 'missing' }, () => {}],
    ['its sub path leads out', { imageSubPath: 'a/../../b' }, () => {}],
    ['it cannot be mounted', {}, () => world.around.faults.failNext('kernel.mountLayers', new Error('no overlay'))],
    [
      'its layers are nowhere',
      {},
      () => {
        world.containerd.faults.failNext('snapshots.view', new CodedError('notFound', 'parent'));
        world.around.faults.failNext('images.unpack', new CodedError('notFound', 'a blob is gone'));
      },
    ],
  ];
  for (const [why, over, arrange] of failures) {
    it(`that are images leave nothing when one fails because ${why}`, async () => {
      const before = await snapshots();
      const mountedBefore = [...world.around.mounted];
      arrange();
      await assert.rejects(create({ mounts: [imageMount('/a', over)] }), { kind: 'unknown', message: /^ImageVolumeMountFailed: .*"\/?.*\/a: / });
      assert.deepEqual([await snapshots(), [...world.around.mounted]], [before, mountedBefore]);
    });
  }

  it('that are images go when the container cannot be made for another reason', async () => {
    const before = await snapshots();
    world.containerd.faults.failNext('containers.create', new CodedError('unavailable', 'broken for the test'));
    await assert.rejects(create({ mounts: [imageMount('/a')] }), { kind: 'unavailable' });
    assert.deepEqual(await snapshots(), before);
  });

  it('that are images are swept away after a crash in their midst', async () => {
    const id = 'd'.repeat(64);
    const before = await snapshots();
    const folder = path.join(world.parts.folders.imageViews(id), '0');
    await mkdir(folder, { recursive: true });
    await world.containerd.snapshots('overlayfs').view(`${id}-view-0`, '');
    world.around.mounted.add(folder);
    const next = world.restart();
    await recover(next.parts);
    assert.deepEqual([await snapshots(), next.around.mounted.has(folder)], [before, false]);
    assert.equal(existsSync(next.parts.folders.containerState(id)), false);
  });

  it('that its image declares are folders of its own, but for those that a mount covers', async () => {
    const container = await create({ mounts: [criMount('/b/', { hostPath: world.folder })] }, declaring('/a', '/b', '/a/', 'c', '/'));
    const folder = path.join(world.parts.folders.containerRoot(container.id), 'volumes');
    const mounts = (await specOf(container)).mounts.filter(({ source }) => source.startsWith(folder));
    assert.deepEqual(mounts.map(({ destination }) => destination), ['/a', '/c']);
    assert.ok(mounts.every(({ source }) => existsSync(source)));
    assert.deepEqual(container.record.config.mounts.length, 1);
    await removeContainer(world.parts, container);
    assert.ok(!existsSync(folder));
  });

  it('that its image declares go when the container cannot be made', async () => {
    world.containerd.faults.failNext('containers.create', new CodedError('unavailable', 'broken for the test'));
    await assert.rejects(create({}, declaring('/a')), { kind: 'unavailable' });
    assert.deepEqual(await world.parts.containerRecords.ids(), []);
  });
});
