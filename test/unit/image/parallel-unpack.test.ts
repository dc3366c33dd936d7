import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { readImageLayers } from '../../../src/image/image.ts';
import { LayerWork } from '../../../src/image/layer-work.ts';
import { ParallelUnpack } from '../../../src/image/parallel-unpack.ts';
import { chainIdOf } from '../../../src/image/oci.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { amd64, FakeContent, FakeDiff, FakeSnapshots, hang, settle, sha256 } from './fakes.ts';
import type { LayersToUnpack } from '../../../src/image/parallel-unpack.ts';
import type { Descriptor } from '../../../src/image/ports.ts';

const texts = ['low', 'middle', 'high'];
const chain = texts.map((_, position) => chainIdOf(texts.slice(0, position + 1).map((text) => sha256(text))));
const [low = '', middle = '', high = ''] = chain;
const call = { lease: 'lease' };

describe('unpacking layers side by side', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-unpack-'));
  });

  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  it('puts each on the one below, whichever was done first', async () => {
    const { unpack, layers, work, snapshots, diff } = await fixture();
    const lowest = deferred();
    diff.during = ({ digest }) => (digest === sha256('gz low') ? lowest.promise : undefined);
    const running = unpack.run(layers, work, call);
    while (diff.applied.length < 3) await settle();
    assert.equal(snapshots.committed.size, 0);
    lowest.resolve();
    await running;
    assert.deepEqual([...snapshots.parents], [[low, ''], [middle, low], [high, middle]]);
    assert.equal(snapshots.active.size, 0);
  });

  it('has containerd keep the whiteouts of all but the lowest', async () => {
    const { unpack, layers, work, diff } = await fixture();
    await unpack.run(layers, work, call);
    const kinds = texts.map((text) => diff.over.get(sha256(`gz ${text}`))?.map(({ type }) => type));
    assert.deepEqual(kinds, [['bind'], ['overlay'], ['overlay']]);
    assert.match(diff.over.get(sha256('gz high'))?.[0]?.options.join() ?? '', new RegExp(`^upperdir=${folder}/podwright-unpack-[^,]+$`));
  });

  it('does so many at a time, and of a further image one beside them', async () => {
    const { unpack, layers, work, diff } = await fixture({ maxConcurrent: 2 });
    const other = await fixture({ texts: ['x', 'y', 'z'] });
    const ends = [deferred(), deferred()];
    diff.during = () => ends[0]?.promise;
    other.diff.during = () => ends[1]?.promise;
    const first = unpack.run(layers, work, call);
    const second = unpack.run(other.layers, other.work, call);
    while (other.diff.running === 0) await settle();
    for (let round = 0; round < 20; round += 1) await settle();
    assert.deepEqual([diff.running, other.diff.running], [2, 1]);
    ends[0]?.resolve();
    await first;
    while (other.diff.running < 2) await settle();
    ends[1]?.resolve();
    await second;
    assert.deepEqual([diff.most, other.diff.most], [2, 2]);
  });

  it('begins above the layers that are there, and holds on to those', async () => {
    const { unpack, layers, work, snapshots, diff } = await fixture();
    for (const name of [low, middle]) snapshots.committed.set(name, { sizeBytes: 1n, inodes: 1n });
    await unpack.run(layers, work, call);
    assert.deepEqual(diff.applied, [sha256('high')]);
    assert.deepEqual(snapshots.claimed, [middle]);
    assert.deepEqual([...snapshots.parents], [[high, middle]]);
  });

  it('looks again where the layers that were there have gone meanwhile', async () => {
    const { unpack, layers, work, snapshots, diff } = await fixture();
    for (const name of [low, middle]) snapshots.committed.set(name, { sizeBytes: 1n, inodes: 1n });
    const prepare = snapshots.prepare.bind(snapshots);
    snapshots.prepare = async (key, parent, labels) => {
      if (diff.applied.length === 0) snapshots.committed.clear();
      return prepare(key, parent, labels);
    };
    await unpack.run(layers, work, call);
    assert.deepEqual(diff.applied.toSorted(), texts.map((text) => sha256(text)).toSorted());
    assert.equal(snapshots.active.size, 0);
  });

  describe('while they come in', () => {
    const whenHere = async (): Promise<void> => {};

    it('begins with each as soon as it is here, though the configuration is not', async () => {
      const arrivals = new Map(texts.map((text) => [sha256(`gz ${text}`), deferred()]));
      const config = deferred();
      const { unpack, layers, work, snapshots, diff } = await fixture();
      const named = config.promise.then(() => layers.named);
      const whenHere = async (digest: string): Promise<void> => arrivals.get(digest)?.promise;
      const running = unpack.run({ ...layers, named, arriving: { whenHere, isNew: () => true } }, work, call);
      arrivals.get(sha256('gz middle'))?.resolve();
      while (diff.applied.length < 1) await settle();
      assert.deepEqual(diff.applied, [sha256('middle')]);
      for (const arrival of arrivals.values()) arrival.resolve();
      while (diff.applied.length < 3) await settle();
      assert.equal(snapshots.committed.size, 0);
      config.resolve();
      await running;
      assert.equal(snapshots.parents.get(high), middle);
    });

    it('waits with those that were here before until it is known which of them are unpacked', async () => {
      const config = deferred();
      const { unpack, layers, work, snapshots, diff } = await fixture();
      for (const name of [low, middle]) snapshots.committed.set(name, { sizeBytes: 1n, inodes: 1n });
      const named = config.promise.then(() => layers.named);
      const running = unpack.run({ ...layers, named, arriving: { whenHere, isNew: (digest) => digest === sha256('gz high') } }, work, call);
      while (diff.applied.length < 1) await settle();
      config.resolve();
      await running;
      assert.deepEqual(diff.applied, [sha256('high')]);
    });

    it('throws away what it unpacked and the snapshotter turns out to have', async () => {
      const config = deferred();
      const { unpack, layers, work, snapshots, diff } = await fixture();
      for (const name of chain) snapshots.committed.set(name, { sizeBytes: 1n, inodes: 1n });
      const named = config.promise.then(() => layers.named);
      const running = unpack.run({ ...layers, named, arriving: { whenHere, isNew: () => true } }, work, call);
      while (diff.applied.length < 3) await settle();
      config.resolve();
      await running;
      assert.deepEqual([snapshots.active.size, snapshots.parents.size], [0, 0]);
    });
  });

  describe('that two images have', () => {
    it('does the work once', async () => {
      const { unpack, layers, work, snapshots, diff } = await fixture();
      const [first, second] = [unpack.run(layers, work, call), unpack.run(layers, work, { lease: 'another' })];
      await Promise.all([first, second]);
      assert.equal(diff.applied.length, 3);
      assert.deepEqual(snapshots.claimed.toSorted(), chain.toSorted(), 'held by the lease of the one that waited');
      assert.equal(snapshots.active.size, 0);
    });

    it('takes over from one that fails, and waits no longer than its own signal lets', async () => {
      const { unpack, layers, work, snapshots, diff } = await fixture();
      const stop = new AbortController();
      const leave = new AbortController();
      diff.during = (_layer, _mounts, options) => (diff.applied.length <= 3 ? hang(options?.signal) : undefined);
      const first = unpack.run(layers, work, { ...call, signal: stop.signal });
      while (diff.applied.length < 3) await settle();
      const second = unpack.run(layers, work, call);
      const third = unpack.run(layers, work, { ...call, signal: leave.signal });
      await settle();
      leave.abort(new CodedError('canceled', 'the client left'));
      await assert.rejects(third, (error) => isKind(error, 'canceled'));
      stop.abort(new CodedError('canceled', 'the client left'));
      await assert.rejects(first, (error) => isKind(error, 'canceled'));
      await second;
      assert.equal(snapshots.parents.get(high), middle);
      assert.equal(snapshots.active.size, 0);
    });
  });

  it('fails as the one that failed, when the others have ended, and leaves nothing', async () => {
    const { unpack, layers, work, snapshots, diff } = await fixture();
    diff.during = ({ digest }, _mounts, options) => {
      if (digest === sha256('gz high')) throw new CodedError('unavailable', 'containerd went away');
      return hang(options?.signal);
    };
    await assert.rejects(unpack.run(layers, work, call), /^CodedError: containerd went away$/);
    assert.deepEqual([diff.running, snapshots.active.size, snapshots.committed.size], [0, 0, 0]);
  });

  it('refuses a blob that holds something else than its image says', async () => {
    const { unpack, layers, work, snapshots, diff } = await fixture();
    const apply = diff.apply.bind(diff);
    diff.apply = async (layer, mounts, options) => {
      const applied = await apply(layer, mounts, options);
      return layer.digest === sha256('gz middle') ? { ...applied, digest: sha256('evil') } : applied;
    };
    await assert.rejects(unpack.run(layers, work, call), (error) => isKind(error, 'dataLoss'));
    assert.deepEqual([...snapshots.committed.keys()], [low]);
    assert.equal(snapshots.active.size, 0);
  });

  it('has nothing to do for an image without layers', async () => {
    const { unpack, work, diff } = await fixture();
    await unpack.run({ blobs: [], named: Promise.resolve([]) }, work, call);
    assert.equal(diff.applied.length, 0);
  });

  describe('where an archive leaves out a folder that is there below', () => {
    it('unpacks that layer once more, on those below, when the folder is of another mode there', async function () {
      if (process.getuid?.() !== 0) this.skip();
      const { unpack, layers, work, snapshots, diff } = await fixture();
      await withFolder(snapshots, 0o1777);
      diff.during = (layer, mounts) => implyFolder(layer, mounts[0]?.options.join() ?? '');
      await unpack.run(layers, work, call);
      assert.deepEqual(diff.applied.filter((digest) => digest === sha256('high')).length, 2);
      assert.equal(diff.applied.length, 4);
      assert.match(diff.over.get(sha256('gz high'))?.[0]?.options.join() ?? '', new RegExp(`lowerdir=/layers/${middle}`));
      assert.equal(snapshots.parents.get(high), middle);
      assert.equal(snapshots.active.size, 0);
    });

    it('does not when it is as containerd makes it', async function () {
      if (process.getuid?.() !== 0) this.skip();
      const { unpack, layers, work, snapshots, diff } = await fixture();
      await withFolder(snapshots, 0o755);
      diff.during = (layer, mounts) => implyFolder(layer, mounts[0]?.options.join() ?? '');
      await unpack.run(layers, work, call);
      assert.equal(diff.applied.length, 3);
      assert.equal(snapshots.views.size, 0);
    });

    /** Has every layer be a folder with `tmp` in it. */
    async function withFolder(snapshots: FakeSnapshots, mode: number): Promise<void> {
      const below = path.join(folder, 'below');
      await mkdir(path.join(below, 'tmp'), { recursive: true });
      await chmod(path.join(below, 'tmp'), mode);
      const view = snapshots.view.bind(snapshots);
      snapshots.view = async (key, parent) => {
        await view(key, parent);
        return [{ type: 'overlay', source: 'overlay', target: '', options: ['ro', `lowerdir=/nowhere:${below}`] }];
      };
    }

    async function implyFolder(layer: Descriptor, options: string): Promise<void> {
      const upper = /upperdir=([^,]+)$/.exec(options)?.[1];
      if (layer.digest === sha256('gz high') && upper !== undefined) await mkdir(path.join(upper, 'tmp'));
    }
  });

  async function fixture(options: { readonly maxConcurrent?: number; readonly texts?: readonly string[] } = {}) {
    const content = new FakeContent();
    const snapshots = new FakeSnapshots();
    snapshots.folder = folder;
    const diff = new FakeDiff(options.texts ?? texts);
    const target = content.image({ layers: options.texts ?? texts });
    const named = await readImageLayers(content, target, amd64);
    const layers: LayersToUnpack = { blobs: named.map(({ descriptor }) => descriptor), named: Promise.resolve(named) };
    const work = new LayerWork({ diff, snapshots, snapshotter: 'overlayfs', log: silentLog });
    return { unpack: new ParallelUnpack(options.maxConcurrent ?? 4), layers, work, snapshots, diff };
  }
});
