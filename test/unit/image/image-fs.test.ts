import assert from 'node:assert/strict';
import { ImageFs, snapshotterRoot } from '../../../src/image/image-fs.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { FakeClock, FakeContent, FakeSnapshots, settle } from './fakes.ts';

describe('image file system', () => {
  it('has an answer without images and without having counted', () => {
    const { fs } = fixture();
    assert.deepEqual({ ...fs.usage(), timestampNs: 0n }, { timestampNs: 0n, mountpoint: '/snapshots', usedBytes: 0n, inodesUsed: 0n });
  });

  it('adds up layers and content, and asks for the usage of a layer once', async () => {
    const { fs, snapshots, content } = fixture();
    snapshots.committed.set('a', { sizeBytes: 100n, inodes: 3n });
    snapshots.committed.set('b', { sizeBytes: 50n, inodes: 2n });
    content.put(Buffer.alloc(7));
    await fs.count();
    assert.equal(fs.usage().usedBytes, 157n);
    assert.equal(fs.usage().inodesUsed, 5n);
    snapshots.committed.delete('a');
    await fs.count();
    assert.equal(fs.usage().usedBytes, 57n);
    assert.equal(snapshots.usages, 2);
  });

  it('answers at once with the last count and counts again when that is old', async () => {
    const { fs, snapshots, clock } = fixture();
    await fs.count();
    snapshots.committed.set('a', { sizeBytes: 100n, inodes: 3n });
    assert.equal(fs.usage().usedBytes, 0n);
    await settle();
    assert.equal(fs.usage().usedBytes, 0n);
    await clock.advance(11_000);
    assert.equal(fs.usage().usedBytes, 0n);
    await settle();
    assert.equal(fs.usage().usedBytes, 100n);
    await fs.stop();
  });

  it('counts once for many changes in a short time, and once more for those that came meanwhile', async () => {
    const { fs, content, clock } = fixture();
    let counts = 0;
    const list = content.list.bind(content);
    content.list = async (filters, onInfo) => {
      counts += 1;
      await list(filters, onInfo);
    };
    for (let change = 0; change < 10; change += 1) fs.refresh();
    await settle();
    assert.equal(counts, 1);
    for (let change = 0; change < 10; change += 1) fs.refresh();
    await settle();
    assert.equal(counts, 1);
    await clock.advance(1_000);
    assert.equal(counts, 2);
    await fs.stop();
    assert.equal(clock.sleeping, 0);
  });

  it('keeps its last count, with its time, while containerd is away', async () => {
    const { fs, snapshots, clock } = fixture();
    snapshots.committed.set('a', { sizeBytes: 100n, inodes: 3n });
    const { timestampNs } = await fs.count();
    snapshots.list = () => Promise.reject(new Error('containerd is away'));
    await clock.advance(11_000);
    fs.usage();
    await settle();
    assert.deepEqual([fs.usage().usedBytes, fs.usage().timestampNs], [100n, timestampNs]);
    await fs.stop();
  });

  it('is where the snapshotter keeps its files, or the nearest folder that exists', async () => {
    const introspection = {
      plugins: () => Promise.resolve([
        { id: 'overlayfs', exports: { root: '/tmp/does-not-exist-podwright/snapshots' } },
        { id: 'zfs', exports: {}, initError: 'not supported' },
      ]),
    };
    assert.equal(await snapshotterRoot(introspection, 'overlayfs'), '/tmp');
    await assert.rejects(snapshotterRoot(introspection, 'zfs'), (error) => isKind(error, 'failedPrecondition'));
    await assert.rejects(snapshotterRoot(introspection, 'stargz'), /containerd has overlayfs, zfs/);
  });
});

function fixture() {
  const snapshots = new FakeSnapshots();
  const content = new FakeContent();
  const clock = new FakeClock();
  const fs = new ImageFs({ snapshots, content, clock, log: silentLog, mountpoint: '/snapshots' });
  return { snapshots, content, clock, fs };
}
