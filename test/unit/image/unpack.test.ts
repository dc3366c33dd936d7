import assert from 'node:assert/strict';
import { chainIdOf } from '../../../src/image/oci.ts';
import { Unpacker } from '../../../src/image/unpack.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { amd64, FakeContent, FakeDiff, FakeIntrospection, FakeLeases, FakeSnapshots, sha256 } from './fakes.ts';

const texts = ['low', 'middle', 'high'];
const chain = texts.map((_, position) => chainIdOf(texts.slice(0, position + 1).map((text) => sha256(text))));
const top = chain[2] ?? '';

describe('unpacking an image that is here', () => {
  it('applies its layers from the lowest up, and has containerd keep them for the image', async () => {
    const { unpacker, image, snapshots, diff, content, leases } = fixture();
    await unpacker.unpack(image, 'native');
    assert.deepEqual(diff.applied, texts.map((text) => sha256(text)));
    assert.deepEqual([...snapshots.committed.keys()], chain);
    assert.deepEqual(content.labels.get(image.id), { 'containerd.io/gc.ref.snapshot.native': top });
    assert.equal(leases.open, 0);
    assert.equal(await unpacker.isUnpacked(top, 'native'), true);
  });

  it('begins above the layers that are there', async () => {
    const { unpacker, image, snapshots, diff } = fixture();
    for (const name of chain.slice(0, 2)) snapshots.committed.set(name, { sizeBytes: 1n, inodes: 1n });
    await unpacker.unpack(image, 'native');
    assert.deepEqual(diff.applied, [sha256('high')]);
  });

  it('is done once by all who ask for it at the same time, and not again', async () => {
    const { unpacker, image, diff, leases } = fixture();
    await Promise.all([unpacker.unpack(image, 'native'), unpacker.unpack(image, 'native')]);
    await unpacker.unpack(image, 'native');
    assert.equal(diff.applied.length, texts.length);
    assert.equal(leases.made, 1);
  });

  it('works in the lease that it is given', async () => {
    const { unpacker, image, leases } = fixture();
    await unpacker.unpack(image, 'native', { lease: 'mine' });
    assert.equal(leases.made, 0);
  });

  it('takes the layer of another who was faster', async () => {
    const { unpacker, image, snapshots } = fixture();
    const commit = snapshots.commit.bind(snapshots);
    snapshots.commit = async (name, key) => {
      await commit(name, key);
      if (name === chain[0]) throw new CodedError('alreadyExists', 'snapshot: already exists');
    };
    await unpacker.unpack(image, 'native');
    assert.equal(snapshots.committed.has(top), true);
    assert.equal(snapshots.active.size, 0);
  });

  it('says what is missing when a blob is gone, and leaves nothing half done', async () => {
    const { unpacker, image, snapshots, content, leases } = fixture(new FakeDiff(['low']));
    await assert.rejects(unpacker.unpack(image, 'native'), (error: Error) => {
      assert.equal(isKind(error, 'notFound'), true);
      assert.match(error.message, /^unpack image sha256:\w+ for snapshotter "native": content sha256:\w+: not found/);
      return true;
    });
    assert.equal(snapshots.active.size, 0);
    assert.equal(content.labels.has(image.id), false);
    assert.equal(leases.open, 0);
  });

  it('refuses a blob that holds something else than its image says', async () => {
    const diff = new FakeDiff(texts);
    const apply = diff.apply.bind(diff);
    diff.apply = async (layer, mounts) => ({ ...(await apply(layer, mounts)), digest: sha256('evil') });
    const { unpacker, image, snapshots } = fixture(diff);
    await assert.rejects(unpacker.unpack(image, 'native'), (error) => isKind(error, 'dataLoss'));
    assert.equal(snapshots.committed.size, 0);
  });
});

function fixture(diff = new FakeDiff(texts)) {
  const content = new FakeContent();
  const snapshots = new FakeSnapshots();
  const leases = new FakeLeases();
  const target = content.image({ layers: texts });
  const manifest = JSON.parse(content.blobs.get(target.digest)?.toString() ?? '') as { config: { digest: string } };
  const introspection = new FakeIntrospection();
  const unpacker = new Unpacker({ content, diff, leases, snapshots: () => snapshots, introspection, platform: amd64, log: silentLog });
  return { unpacker, image: { id: manifest.config.digest, chainId: top, target }, content, snapshots, diff, leases };
}
