import assert from 'node:assert/strict';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { prepareRoot } from '../../../src/pod/prepare-root.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';

describe('the root of a container', () => {
  let world: PodWorld;

  beforeEach(async () => {
    world = await makePodWorld();
  });

  afterEach(async () => world.end());

  const prepare = (key: string) => {
    const image = world.parts.images.find('registry.test/app:1');
    assert.ok(image);
    return prepareRoot(world.parts, { key, image, snapshotter: 'overlayfs', labels: {} }, {});
  };
  const unpacks = () => world.around.faults.calls.filter(({ method }) => method === 'images.unpack').length;

  it('is made at once where the snapshotter has the image', async () => {
    await prepare('a');
    assert.equal(unpacks(), 0);
  });

  it('is made after the image was unpacked where the snapshotter has it not', async () => {
    world.containerd.faults.failNext('snapshots.prepare', new CodedError('notFound', 'parent snapshot'));
    assert.equal((await prepare('a')).length, 1);
    assert.equal(unpacks(), 1);
  });

  it('fails with what keeps the image from being unpacked, and with anything else at once', async () => {
    world.containerd.faults.failNext('snapshots.prepare', new CodedError('notFound', 'parent snapshot'));
    world.around.faults.failNext('images.unpack', new CodedError('notFound', 'a blob is gone'));
    await assert.rejects(prepare('a'), /a blob is gone/);
    world.containerd.faults.failNext('snapshots.prepare', new CodedError('unavailable', 'away'));
    await assert.rejects(prepare('a'), (error) => isKind(error, 'unavailable'));
    assert.equal(unpacks(), 1);
  });
});
