import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { lstat, mkdir, readdir, readFile, readlink, rm } from 'node:fs/promises';
import path from 'node:path';
import { kernelRootAccess } from '../../../src/image/root-access.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { idle, imageParts, useContainerd } from './private-containerd.ts';
import type { Diff } from '../../../src/image/ports.ts';
import type { Entry } from '../../../hack/images/tar.ts';
import type { FakeRegistry } from '../../support/fake-registry.ts';
import type { PrivateContainerd } from './private-containerd.ts';

const file = (name: string, text = name, more: object = {}): Entry => ({ type: 'file', path: name, data: Buffer.from(text), ...more });
const folder = (name: string, mode = 0o755, uid = 0): Entry => ({ type: 'folder', path: name, mode, uid, gid: uid });

/** Layers with all that one can do to those below it. */
const layers: readonly (readonly Entry[])[] = [
  [
    folder('tmp', 0o1777),
    folder('root', 0o700),
    ...['home', 'etc', 'opt', 'opt/app', 'usr', 'usr/lib', 'var', 'var/lib', 'var/lib/deep'].map((name) => folder(name)),
    folder('home/user', 0o750, 1000),
    ...['etc/passwd', 'etc/group', 'opt/app/a', 'opt/app/b', 'usr/lib/so', 'var/lib/deep/file'].map((name) => file(name)),
    { type: 'symlink', path: 'lib', target: 'usr/lib' },
  ],
  // Folders of other owners and modes that it only implies, a file that is gone, and a folder emptied and filled anew.
  [file('tmp/one'), file('home/user/one', 'one', { uid: 1000, gid: 1000 }), file('etc/.wh.passwd', ''), file('opt/app/.wh..wh..opq', ''), file('opt/app/c')],
  // A folder that becomes a file, links, a program that runs as root, and a link of a lower layer that is written through.
  [
    file('var/lib/deep'),
    file('usr/program', 'program', { mode: 0o4755 }),
    { type: 'hardlink', path: 'usr/again', target: 'usr/program', mode: 0o4755 },
    file('root/one/two', 'two'),
    file('etc/group', 'other'),
  ],
  // A folder that is said again in another way, and one that is implied below one that was gone.
  [folder('opt', 0o711), file('etc/passwd', 'back'), file('tmp/.wh.one', ''), file('home/user/deep/er', 'er')],
];

/** The folders that `layers` imply and that are not as one makes them by default. */
const said = [folder('tmp', 0o1777), folder('root', 0o700), folder('home/user', 0o750, 1000)];

describe('images unpacked layer by layer at the same time', function () {
  this.timeout(60_000);
  const world = useContainerd();
  let node: PrivateContainerd;
  let registry: FakeRegistry;

  beforeEach(() => {
    ({ node, registry } = world());
  });

  afterEach(async () => {
    await empty(node);
  });

  const kinds: readonly (readonly [string, readonly (readonly Entry[])[], number])[] = [
    ['by themselves', layers.map((entries) => [...said.filter(({ path: at }) => entries.some((entry) => entry.path.startsWith(`${at}/`))), ...entries]), 4],
    ['and once more on those below, where they imply folders of those', layers, 7],
  ];
  for (const [how, entries, unpackings] of kinds) {
    it(`come out as containerd makes them one after the other: ${how}`, async () => {
      registry.addImage('app', '1', { lowerLayers: entries.slice(0, -1), files: entries.at(-1) ?? [] });
      const trees: string[][] = [];
      for (const maxConcurrent of [1, 4]) {
        const { puller, store, unpacker, applied } = build(node, maxConcurrent);
        assert.equal(await unpacker.isParallel('overlayfs'), maxConcurrent > 1);
        const { chainId } = await puller.pull({ reference: `${registry.host}/app:1` });
        assert.equal(applied(), maxConcurrent > 1 ? unpackings : 0);
        trees.push(await treeOf(node, chainId));
        await puller.settled();
        for (const image of store.list()) await store.remove(image.id);
        await empty(node);
      }
      const [inOrder = [], aside = []] = trees;
      assert.ok(inOrder.some((line) => line.startsWith('tmp folder 1777')), inOrder.join('\n'));
      assert.ok(inOrder.some((line) => line.startsWith('home/user folder 750 1000')), inOrder.join('\n'));
      assert.deepEqual(aside, inOrder);
    });
  }

  it('share the layers that are there, and keep them when the image that brought them goes', async () => {
    const lowerLayers = layers.slice(0, 2);
    registry.addImage('one', '1', { lowerLayers, files: [file('one')] });
    registry.addImage('two', '1', { lowerLayers, files: [file('two')] });
    const { puller, store } = build(node, 4);
    const one = await puller.pull({ reference: `${registry.host}/one:1` });
    const count = async () => (await node.client.snapshots('overlayfs').list()).length;
    assert.equal(await count(), 3);
    const two = await puller.pull({ reference: `${registry.host}/two:1` });
    assert.equal(await count(), 4);
    await puller.settled();
    await store.remove(one.id);
    assert.equal(await count(), 3);
    assert.ok((await treeOf(node, two.chainId)).some((line) => line.startsWith('two file')));
  });

  it('are the work of one pull where several want a layer at the same time', async () => {
    const lowerLayers = layers.slice(0, 3);
    for (const name of ['a', 'b', 'c', 'd']) registry.addImage(name, '1', { lowerLayers, files: [file(name)] });
    const { puller } = build(node, 4);
    const images = await Promise.all(['a', 'b', 'c', 'd'].map((name) => puller.pull({ reference: `${registry.host}/${name}:1` })));
    await puller.settled();
    const snapshots = await node.client.snapshots('overlayfs').list();
    assert.deepEqual(snapshots.map(({ kind }) => kind), Array.from({ length: 7 }, () => 'committed'));
    for (const { chainId } of images) assert.ok(snapshots.some(({ name }) => name === chainId));
  });

  it('are unpacked while the rest is still on its way', async () => {
    const stored = registry.addImage('app', '1', { lowerLayers: layers.slice(0, -1), files: layers.at(-1) ?? [] });
    const last = deferred();
    registry.intercept = ({ url }) => {
      if (url?.includes(stored.layerDigest) !== true) return undefined;
      last.resolve();
      return 'hang';
    };
    const abort = new AbortController();
    const { puller } = build(node, 4);
    const failed = assert.rejects(puller.pull({ reference: `${registry.host}/app:1`, signal: abort.signal }), (error) => isKind(error, 'canceled'));
    await last.promise;
    const snapshots = node.client.snapshots('overlayfs');
    while ((await snapshots.list()).filter(({ kind }) => kind === 'committed').length < 3) await new Promise((resolve) => setImmediate(resolve));
    abort.abort();
    await failed;
    await empty(node);
    assert.deepEqual(await snapshots.list(), []);
  });

  it('fail whole when one of them is not what the image says, and leave nothing', async () => {
    registry.addImage('app', '1', { lowerLayers: layers.slice(0, -1), files: layers.at(-1) ?? [], wrongDiffId: true });
    const { puller } = build(node, 4);
    await assert.rejects(puller.pull({ reference: `${registry.host}/app:1` }), (error) => isKind(error, 'dataLoss'));
    await empty(node);
    assert.deepEqual(await node.client.images.list(), []);
    assert.deepEqual(await node.client.snapshots('overlayfs').list(), []);
  });
});

function build(node: PrivateContainerd, maxConcurrent: number) {
  let applied = 0;
  const diff: Diff = {
    async apply(layer, mounts, options) {
      applied += 1;
      return node.client.diff.apply(layer, mounts, options);
    },
  };
  return { ...imageParts(node, { diff, maxConcurrent }), applied: () => applied };
}

/** Removes all images, and waits until nothing of them is left. */
async function empty(node: PrivateContainerd): Promise<void> {
  const { client } = node;
  await idle(node);
  for (const { name } of await client.images.list()) await client.images.delete(name, { sync: true });
  const lease = await client.leases.create({});
  await client.leases.delete(lease, { sync: true });
}

/** A line for each file of an image: what a container finds there. */
async function treeOf({ client, folder: scratch }: PrivateContainerd, chainId: string): Promise<string[]> {
  const root = path.join(scratch, 'view');
  await mkdir(root, { recursive: true });
  try {
    return await client.leases.withLease({}, async (lease) => {
      const mounts = await client.snapshots('overlayfs').view(`view-${chainId}`, chainId, {}, { lease });
      await kernelRootAccess.mount(mounts, root);
      try {
        return await linesOf(root, '');
      } finally {
        await kernelRootAccess.unmount(root);
      }
    });
  } finally {
    await rm(root, { recursive: true });
  }
}

async function linesOf(root: string, at: string): Promise<string[]> {
  const lines: string[] = [];
  for (const name of (await readdir(path.join(root, at))).toSorted()) {
    const place = path.join(at, name);
    const stats = await lstat(path.join(root, place));
    const mode = (stats.mode & 0o7777).toString(8);
    const owner = `${stats.uid}:${stats.gid}`;
    if (stats.isDirectory()) lines.push(`${place} folder ${mode} ${owner}`, ...(await linesOf(root, place)));
    else if (stats.isSymbolicLink()) lines.push(`${place} link ${owner} ${await readlink(path.join(root, place))}`);
    else {
      const digest = createHash('sha256').update(await readFile(path.join(root, place))).digest('hex');
      lines.push(`${place} ${stats.isFile() ? 'file' : 'special'} ${mode} ${owner} ${stats.nlink} ${stats.mtimeMs} ${digest}`);
    }
  }
  return lines;
}
