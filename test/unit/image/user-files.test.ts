import assert from 'node:assert/strict';
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { UserFiles } from '../../../src/image/user-files.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { FakeLeases, FakeSnapshots } from './fakes.ts';
import type { RootAccess } from '../../../src/image/user-files.ts';

describe('user files of an image', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-users-'));
  });

  afterEach(async () => {
    assert.deepEqual(await readdir(folder), []);
    await rm(folder, { recursive: true });
  });

  it('are read once for callers at the same time and later, and leave nothing behind', async () => {
    const { files, snapshots, leases, mounted } = fixture();
    const [one, two] = await Promise.all([files.read('chain', 'overlayfs'), files.read('chain', 'overlayfs')]);
    await files.read('chain', 'overlayfs');
    assert.deepEqual(one, { passwd: 'root:x:0:0', group: '' });
    assert.equal(one, two);
    assert.deepEqual([snapshots.viewsMade, snapshots.views.size, leases.open, mounted.size], [1, 0, 0, 0]);
  });

  it('are empty for an image without layers', async () => {
    const { files, snapshots } = fixture();
    assert.deepEqual(await files.read('', 'overlayfs'), { passwd: '', group: '' });
    assert.equal(snapshots.viewsMade, 0);
  });

  it('are read from a single layer without a mount', async () => {
    const { files, snapshots, access, mounted } = fixture();
    let seen = '';
    access.readFile = async (root) => {
      seen = root;
      return undefined;
    };
    const view = snapshots.view.bind(snapshots);
    snapshots.view = async (key, parent) => {
      await view(key, parent);
      return [{ type: 'bind', source: '/layer/fs', target: '', options: ['ro', 'rbind'] }];
    };
    await files.read('chain', 'overlayfs');
    assert.equal(seen, '/layer/fs');
    assert.equal(mounted.size, 0);
    assert.equal(snapshots.views.size, 0);
  });

  it('leave nothing behind when reading fails, and are read anew then', async () => {
    const { files, snapshots, access, mounted } = fixture();
    const { readFile } = access;
    access.readFile = () => Promise.reject(new Error('no regular file'));
    await assert.rejects(files.read('chain', 'overlayfs'), /no regular file/);
    assert.deepEqual([snapshots.views.size, mounted.size], [0, 0]);
    access.readFile = readFile;
    assert.equal((await files.read('chain', 'overlayfs')).passwd, 'root:x:0:0');
  });

  it('leave no view when mounting fails', async () => {
    const { files, snapshots, access } = fixture();
    access.mount = () => Promise.reject(new Error('bad mount'));
    await assert.rejects(files.read('chain', 'overlayfs'), /bad mount/);
    assert.equal(snapshots.views.size, 0);
  });

  it('are forgotten for the image that was used longest ago', async () => {
    const { files, snapshots } = fixture(2);
    for (const chain of ['chain', 'b', 'chain', 'c']) await files.read(chain, 'overlayfs');
    assert.equal(snapshots.viewsMade, 3);
    await files.read('chain', 'overlayfs');
    assert.equal(snapshots.viewsMade, 3);
    await files.read('b', 'overlayfs');
    assert.equal(snapshots.viewsMade, 4);
  });

  it('are unmounted at the start when a killed podwright left them mounted', async () => {
    const { files, mounted } = fixture();
    const left = path.join(folder, 'left');
    await mkdir(left);
    mounted.add(left);
    await files.sweep();
    assert.equal(mounted.size, 0);
  });

  function fixture(capacity?: number) {
    const snapshots = new FakeSnapshots();
    for (const chain of ['chain', 'b', 'c']) snapshots.committed.set(chain, { sizeBytes: 1n, inodes: 1n });
    const leases = new FakeLeases();
    const mounted = new Set<string>();
    const access: { -readonly [Name in keyof RootAccess]: RootAccess[Name] } = {
      async mount(_mounts, root) {
        mounted.add(root);
      },
      async unmount(root) {
        mounted.delete(root);
      },
      async readFile(root, file) {
        assert.equal(mounted.has(root), true);
        return file === '/etc/passwd' ? Buffer.from('root:x:0:0') : undefined;
      },
    };
    const files = new UserFiles({ snapshots: () => snapshots, leases, access, folder, log: silentLog, ...(capacity !== undefined && { capacity }) });
    return { files, snapshots, leases, access, mounted };
  }
});
