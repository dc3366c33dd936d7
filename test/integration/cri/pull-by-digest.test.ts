import assert from 'node:assert/strict';
import { buildImages } from '../../../hack/images/build.ts';
import { configuredImage } from '../../../hack/images/catalogue.ts';
import { parseImageName } from '../../../hack/images/image-name.ts';
import { useCriNode } from '../../support/cri-node.ts';

const byTag = configuredImage;
const { host, repository } = parseImageName(byTag);

/** The same image's name by its digest. */
async function byDigest(): Promise<string> {
  const { images } = await buildImages();
  const digest = images.find(({ names }) => names.includes(byTag))?.manifests.at(-1)?.digest;
  assert.ok(digest, `there is a test image ${byTag}`);
  return `${host}/${repository}@${digest}`;
}

// What critest's spec of a digest checks, which cannot run without the one image that it names.
describe('an image that is pulled by its digest', () => {
  const cri = useCriNode();

  it('has that name only, no tag, and is gone when it is removed by its id', async () => {
    const image = await byDigest();
    const { imageRef } = await cri().call('PullImage', { image: { image } });

    const { image: status } = await cri().call('ImageStatus', { image: { image } });
    assert.deepEqual(status?.repoDigests, [image]);
    assert.deepEqual(status?.repoTags, []);
    assert.equal(imageRef, status?.id);

    await cri().call('RemoveImage', { image: { image: imageRef } });
    assert.equal((await cri().call('ImageStatus', { image: { image } })).image, null);
  });

  it('gets its tag as a second name when it is pulled by that too', async () => {
    const name = await byDigest();
    const first = await cri().call('PullImage', { image: { image: name } });
    const second = await cri().call('PullImage', { image: { image: byTag } });
    assert.equal(second.imageRef, first.imageRef);

    const { image } = await cri().call('ImageStatus', { image: { image: name } });
    assert.deepEqual(image?.repoTags, [byTag]);
    assert.deepEqual(image?.repoDigests, [name]);
  });

  it('is not found where the registry has no such digest', async () => {
    await cri().refuse('PullImage', { image: { image: `${host}/${repository}@sha256:${'0'.repeat(64)}` } }, 'NOT_FOUND', repository);
  });
});
