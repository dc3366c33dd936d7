import assert from 'node:assert/strict';
import { busyboxImage, volumesImage } from '../../../hack/images/catalogue.ts';
import type { Mount } from '../../../src/types/cri/runtime/v1/Mount.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';

describe('a volume that is an image', function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let pod: Pod;
  let imageId = '';

  beforeEach(async () => {
    imageId = (await cri().call('PullImage', { image: { image: volumesImage } })).imageRef;
    pod = await cri().runPod();
  });

  const volume = (mount: Mount = {}, image = imageId): { mounts: Mount[] } => ({
    mounts: [{ containerPath: '/vol', image: { image }, readonly: true, ...mount }],
  });
  const views = async (): Promise<string[]> => (await cri().inventory()).filter((item) => /view|views/.test(item));

  it("shows all the image's layers, owned and linked as in the image", async () => {
    const container = await pod.run(volume());
    assert.equal(await container.sh('cat /vol/data/note'), 'from the image');
    assert.equal(await container.sh('stat -c "%u:%g %a" /vol/data /vol/data/note'), '1000:2000 2770\n1000:50000 640');
    assert.equal(await container.sh('readlink /vol/data/passwd; readlink /vol/linked'), '/etc/passwd\ndata/sub');
  });

  it('cannot be written to, whatever the mount says', async () => {
    const container = await pod.run(volume({ readonly: false }));
    assert.match((await container.try('echo x > /vol/data/note')).stderr, /Read-only file system/);
  });

  it('is found by its name as well, and by the beginning of its id', async () => {
    for (const image of [volumesImage, imageId.slice('sha256:'.length, 20)]) {
      const container = await pod.run(volume({}, image));
      assert.equal(await container.sh('cat /vol/data/sub/deep'), 'deep');
    }
  });

  it('shows a folder or a file of the image where a sub path is given', async () => {
    const [folder, file] = [await pod.run(volume({ imageSubPath: 'data/sub' })), await pod.run(volume({ imageSubPath: 'data/note' }))];
    assert.equal(await folder.sh('ls /vol'), 'deep');
    assert.equal(await file.sh('cat /vol'), 'from the image');
  });

  it("follows the image's own links within the image only", async () => {
    const container = await pod.run(volume({ imageSubPath: 'linked' }));
    assert.equal(await container.sh('cat /vol/deep'), 'deep');
    for (const imageSubPath of ['escape', 'outside']) {
      const config = pod.containerConfig(volume({ imageSubPath }));
      await cri().refuse('CreateContainer', { podSandboxId: pod.id, config, sandboxConfig: pod.config }, 'UNKNOWN', imageSubPath);
    }
  });

  it('is refused by the name the kubelet knows where there is no such image or sub path, and leaves nothing', async () => {
    await pod.isComplete();
    const before = await cri().inventory();
    const refused: [{ mounts: Mount[] }, string][] = [
      [volume({}, 'registry.test/none:1'), 'registry.test/none:1'],
      [volume({ imageSubPath: 'data/none' }), 'data/none'],
      [volume({ imageSubPath: '../etc' }), '../etc'],
      [volume({ imageSubPath: '/data' }), '/data'],
    ];
    for (const [given, word] of refused) {
      // A good one first: it has to go again too.
      const config = pod.containerConfig({ mounts: [...volume().mounts, { ...given.mounts[0], containerPath: '/other' }] });
      const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
      await cri().refuse('CreateContainer', request, 'UNKNOWN', /^ImageVolumeMountFailed: /, word, '/other');
    }
    await cri().assertNothingLeft(before);
  });

  it('is told of as it was asked for', async () => {
    const container = await pod.create(volume({ imageSubPath: 'data', mountOptions: ['noexec'] }));
    const [told, ...more] = (await container.status()).mounts;
    assert.deepEqual(more, []);
    assert.deepEqual(
      [told?.containerPath, told?.hostPath, told?.image?.image, told?.imageSubPath, told?.mountOptions],
      ['/vol', '', imageId, 'data', ['noexec']],
    );
  });

  it('forbids what its mount options forbid', async () => {
    const container = await pod.run(volume({ mountOptions: ['noexec', 'nosuid'] }));
    assert.equal((await container.try('/vol/bin/busybox true')).exitCode, 126);
  });

  it('stays when the image is removed, and goes with the container', async () => {
    const before = await views();
    const container = await pod.run(volume());
    const other = await pod.run(volume());
    await cri().call('RemoveImage', { image: { image: volumesImage } });
    assert.equal(await container.sh('cat /vol/data/sub/deep'), 'deep');
    await container.remove();
    assert.equal(await other.sh('cat /vol/data/sub/deep'), 'deep');
    await other.remove();
    assert.deepEqual(await views(), before);
  });

  it('outlives podwright and goes with the container after', async () => {
    const before = await views();
    const container = await pod.run(volume());
    await cri().restartPodwright();
    assert.equal(await container.sh('cat /vol/data/sub/deep'), 'deep');
    await cri().call('RemoveContainer', { containerId: container.id });
    assert.deepEqual(await views(), before);
  });

  it('has the ids that the Pod maps, in a user namespace', async () => {
    const ids = [{ hostId: 200_000, containerId: 0, length: 65_536 }];
    const usernsOptions = { mode: 'POD' as const, uids: ids, gids: ids };
    const inUserns = await cri().runPod({
      linux: { securityContext: { namespaceOptions: { pid: 'CONTAINER', usernsOptions } } },
    });
    const mapped = await inUserns.run(volume({ uidMappings: ids, gidMappings: ids }));
    assert.equal(await mapped.sh('stat -c "%u:%g" /vol/data /vol/data/note'), '1000:2000\n1000:50000');
    const single = await cri().call('PullImage', { image: { image: busyboxImage } });
    const oneLayer = await inUserns.run(volume({ uidMappings: ids, gidMappings: ids }, single.imageRef));
    assert.equal(await oneLayer.sh('stat -c "%u:%g" /vol/root /vol/home/nobody'), '0:0\n65534:65534');
  });
});
