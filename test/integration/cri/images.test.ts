import assert from 'node:assert/strict';
import { readFile, stat } from 'node:fs/promises';
import { busyboxImage, configuredImage, pauseImage, speakingImage, webImage } from '../../../hack/images/catalogue.ts';
import { CriNode, useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';

const twins = ['docker.io/library/busybox:1.37', 'docker.io/library/busybox:latest'];

describe('images', function () {
  this.timeout(60_000);
  const cri = useCriNode({ podwright: { config: { images: { pinned: ['docker.io/podwright/conf*'] } } } });
  const pull = async (image: string): Promise<string> => (await cri().call('PullImage', { image: { image } })).imageRef;
  const status = async (image: string) => (await cri().call('ImageStatus', { image: { image } })).image;
  const isPinned = async (image: string) => (await status(image))?.pinned;

  afterEach(async () => {
    await cri().removePods();
    await pull(busyboxImage);
  });

  it('that two names stand for are one image, and gone by any of its names (#22)', async () => {
    const ids = await Promise.all([busyboxImage, ...twins].map(pull));
    assert.equal(new Set(ids).size, 1);
    const image = await status(ids[0] ?? '');
    assert.deepEqual(image?.repoTags.toSorted(), [busyboxImage, ...twins].toSorted());
    // Two hosts: one digest of each.
    assert.equal(new Set(image?.repoDigests.map((name) => name.split('@')[1])).size, 1);
    await cri().call('RemoveImage', { image: { image: twins[0] ?? '' } });
    for (const name of [busyboxImage, ...twins]) assert.equal(await status(name), null, name);
    assert.equal((await cri().node.ctr('images', 'list', '--quiet')).includes('busybox'), false);
  });

  it('can be removed by five at once', async () => {
    await pull(webImage);
    await Promise.all(Array.from({ length: 5 }, () => cri().call('RemoveImage', { image: { image: webImage } })));
    assert.equal(await status(webImage), null);
    await cri().call('RemoveImage', { image: { image: webImage } });
  });

  it('leave their containers alone when they are removed (#24)', async () => {
    await pull(configuredImage);
    const pod = await cri().runPod();
    const [created, running] = [
      await pod.create({ image: { image: configuredImage }, command: [] }),
      await pod.run({ image: { image: configuredImage }, command: [] }),
    ];
    await running.says(/yes 1000 \/work/);
    await cri().call('RemoveImage', { image: { image: configuredImage } });
    await created.start();
    await created.says(/yes 1000 \/work/);
    assert.equal(await running.sh('id -un'), 'app');
    const { image, imageRef, imageId, stopSignal } = await running.status();
    assert.deepEqual([image?.image, imageRef !== '', imageId !== ''], [configuredImage, true, true]);
    assert.equal(stopSignal, 'SIGNAL_SIGUSR1');
    await running.stop(10);
    assert.equal((await running.status()).exitCode, 7);
    await cri().restartPodwright();
    await created.stop();
  });

  it('are found by every form of their name, also by a filter', async () => {
    const id = await pull(busyboxImage);
    await pull(webImage);
    await pull(twins[1] ?? '');
    const [digest = ''] = (await status(id))?.repoDigests ?? [];
    for (const image of [id, id.slice('sha256:'.length), id.slice('sha256:'.length, 20), busyboxImage, digest, 'busybox', 'busybox:latest', 'docker.io/busybox']) {
      const { images } = await cri().call('ListImages', { filter: { image: { image } } });
      assert.deepEqual(images.map((found) => found.id), [id], image);
    }
    assert.deepEqual((await cri().call('ListImages', { filter: { image: { image: 'no.such/image' } } })).images, []);
    const all = (await cri().call('ListImages', {})).images.map((found) => found.id);
    for (const filter of [null, {}, { image: null }, { image: { image: '' } }]) {
      assert.deepEqual((await cri().call('ListImages', { filter })).images.map((found) => found.id), all);
    }
    await cri().call('RemoveImage', { image: { image: webImage } });
  });

  it('are pinned by name and by glob, and no longer when the configuration says so no more', async () => {
    await pull(configuredImage);
    await eventually('the sandbox image is there', async () => (await status(pauseImage)) !== null);
    assert.deepEqual([await isPinned(configuredImage), await isPinned(pauseImage), await isPinned(busyboxImage)], [true, true, false]);
    const { node, podwright } = cri();
    await podwright.kill();
    const other = await node.startPodwright({ config: { images: { pinned: ['busybox:1.37'], sandbox: webImage } } });
    const second = new CriNode(node, other);
    try {
      const now = async (image: string) => (await second.call('ImageStatus', { image: { image } })).image?.pinned;
      await second.call('PullImage', { image: { image: twins[0] ?? '' } });
      await eventually('the new sandbox image is there', async () => (await now(webImage)) !== undefined);
      assert.deepEqual([await now(configuredImage), await now(pauseImage), await now(busyboxImage), await now(webImage)], [false, false, true, true]);
    } finally {
      second.client.close();
      await other.kill();
      await podwright.start();
      cri().reconnect();
    }
    assert.deepEqual([await isPinned(configuredImage), await isPinned(pauseImage), await isPinned(busyboxImage)], [true, true, false]);
    for (const image of [configuredImage, webImage]) await cri().call('RemoveImage', { image: { image } });
  });

  it('are pinned when somebody else gives them a name that is, and stay when all that nothing uses are pruned', async () => {
    await pull(webImage);
    await pull(configuredImage);
    await (await cri().runPod()).run();
    const named = 'docker.io/podwright/confectionery:1';
    await cri().node.ctr('images', 'tag', webImage, named);
    await eventually('it is pinned', async () => (await isPinned(webImage)) === true);
    await pull(speakingImage);
    await cri().node.crictl('rmi', '--prune');
    assert.equal(await status(speakingImage), null);
    for (const image of [webImage, configuredImage, pauseImage, busyboxImage]) assert.notEqual(await status(image), null, image);
    for (const image of [webImage, configuredImage]) await cri().call('RemoveImage', { image: { image } });
    assert.equal(await status(named), null);
  });

  it('are pulled once by all who ask at the same time, which the log tells with what it took', async () => {
    await Promise.all(Array.from({ length: 6 }, () => pull(webImage)));
    const lines = (await readFile(cri().podwright.logPath, 'utf8')).split('\n').filter((line) => line.includes('"pulled image"'));
    const own = lines.map((line) => JSON.parse(line) as { reference: string; bytes: number; blobs: number; durationMs: number; sizeBytes: number });
    const last = own.findLast(({ reference }) => reference === webImage);
    for (const line of lines) assert.equal(line.split('"image":').length, line.includes('"rpc"') ? 2 : 1, line);
    assert.ok(last && last.bytes > 0 && last.blobs > 0 && last.sizeBytes >= last.bytes, JSON.stringify(last));
    await cri().call('RemoveImage', { image: { image: webImage } });
  });

  it('are counted on the file system they lie on', async () => {
    /** A count that began after this was asked for; one is made when images change, and every ten seconds. */
    const count = async () => {
      const nowNs = BigInt(Date.now()) * 1_000_000n;
      return eventually('there is a new count', async () => {
        const { imageFilesystems, containerFilesystems } = await cri().call('ImageFsInfo', {});
        assert.deepEqual([imageFilesystems.length, containerFilesystems], [1, []]);
        const [only] = imageFilesystems;
        if (only === undefined || BigInt(only.timestamp) < nowNs) return undefined;
        return { folder: only.fsId?.mountpoint ?? '', bytes: Number(only.usedBytes?.value) };
      });
    };
    const before = await count();
    assert.equal((await stat(before.folder)).isDirectory(), true);
    await pull(configuredImage);
    assert.ok((await count()).bytes > before.bytes);
    await cri().call('RemoveImage', { image: { image: configuredImage } });
    assert.ok((await count()).bytes <= before.bytes);
  });

  it('of a registry that is down fail with the word that the kubelet knows', async () => {
    const registry = await cri().node.startRegistry({ images: false });
    await registry.stop();
    const details = await cri().refuse('PullImage', { image: { image: `${registry.host}/app:1` } }, 'UNKNOWN', registry.host, 'connection refused');
    assert.match(details, /^RegistryUnavailable: pull image/);
  });

  it('are not half there after a pull that had no time', async () => {
    const answer = await cri().try('PullImage', { image: { image: webImage } }, 1);
    assert.equal(answer.code, 4);
    await eventually('the pull has ended', async () => !(await cri().node.ctr('images', 'list', '--quiet')).includes('podwright-pulling'));
  });
});
