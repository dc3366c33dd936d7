import assert from 'node:assert/strict';
import { FileSystems } from '../../../src/image/file-systems.ts';
import { ImageFs } from '../../../src/image/image-fs.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { FakeClock, FakeContent, FakeSnapshots } from './fakes.ts';

function fileSystem(mountpoint: string, sizeBytes: bigint, content?: FakeContent): ImageFs {
  const snapshots = new FakeSnapshots();
  snapshots.committed.set('layer', { sizeBytes, inodes: 3n });
  return new ImageFs({ snapshots, content, clock: new FakeClock(), log: silentLog, mountpoint });
}

describe('file systems of images', () => {
  it('are one for each snapshotter, that of the images first, with the blobs counted once', async () => {
    const content = new FakeContent();
    content.put(Buffer.alloc(1000));
    const all = new Map([
      ['native', fileSystem('/', 20n)],
      ['overlayfs', fileSystem('/', 100n, content)],
    ]);
    const fileSystems = new FileSystems(all, { images: 'overlayfs', containers: 'overlayfs' });
    await fileSystems.count();
    const { images, containers } = fileSystems.usage();
    assert.deepEqual(images.map(({ usedBytes }) => usedBytes), [1100n, 20n]);
    assert.deepEqual(containers, []);
  });

  it("have one for containers where the default handler's snapshotter is on another disk", async () => {
    const all = new Map([
      ['overlayfs', fileSystem('/', 100n)],
      // Always another device.
      ['native', fileSystem('/proc', 20n)],
    ]);
    const fileSystems = new FileSystems(all, { images: 'overlayfs', containers: 'native' });
    await fileSystems.count();
    const { images, containers } = fileSystems.usage();
    assert.deepEqual(images.map(({ mountpoint }) => mountpoint), ['/', '/proc']);
    assert.deepEqual(containers.map(({ mountpoint }) => mountpoint), ['/proc']);
    assert.equal(fileSystems.mountpoint('native'), '/proc');
    assert.equal(fileSystems.mountpoint('unheard-of'), '/');
  });
});
