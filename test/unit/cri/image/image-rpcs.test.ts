import assert from 'node:assert/strict';
import { imageFsInfo } from '../../../../src/cri/image/image-fs-info.ts';
import { imageStatus } from '../../../../src/cri/image/image-status.ts';
import { listImages } from '../../../../src/cri/image/list-images.ts';
import { pullImage } from '../../../../src/cri/image/pull-image.ts';
import { removeImage } from '../../../../src/cri/image/remove-image.ts';
import { streamImages } from '../../../../src/cri/image/stream-images.ts';
import { toCriImage } from '../../../../src/cri/image/to-cri-image.ts';
import { loadCriServices } from '../../../../src/cri/service.ts';
import { ImageStore } from '../../../../src/image/image-store.ts';
import { parseReference } from '../../../../src/image/reference.ts';
import { isKind } from '../../../../src/lib/errors.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import { amd64, FakeContent, FakeRecords } from '../../image/fakes.ts';
import { deferred } from '../../../../src/lib/deferred.ts';
import type { Image } from '../../../../src/image/image.ts';
import type { PullRequest } from '../../../../src/image/pull.ts';

const context = { signal: new AbortController().signal, log: silentLog };
const noAuth = { username: '', password: '', auth: '', serverAddress: '', identityToken: '', registryToken: '' };

describe('ListImages', () => {
  it('lists all without a filter, and the one that a filter names in any form', async () => {
    const { store, one } = await fixture();
    const list = listImages({ images: store });
    const ids = async (wanted?: string): Promise<unknown[]> => {
      const filter = wanted === undefined ? null : { image: spec(wanted) };
      const answer = await list({ filter }, context);
      return 'images' in answer ? (answer.images ?? []).map((image) => image.id) : [];
    };
    assert.equal((await ids()).length, 2);
    assert.equal((await ids('')).length, 2);
    assert.deepEqual(await ids('one'), [one.id]);
    assert.deepEqual(await ids(one.id.slice(7, 20)), [one.id]);
    assert.deepEqual(await ids('three'), []);
  });
});

describe('StreamImages', () => {
  const services = loadCriServices();
  const streamed = async (images: Pick<ImageStore, 'list' | 'find'>, wanted?: string): Promise<Buffer[]> => {
    const messages: Buffer[] = [];
    const filter = wanted === undefined ? null : { image: spec(wanted) };
    await streamImages({ images }, services)({ filter }, context, async (message) => {
      messages.push('encoded' in message && Buffer.isBuffer(message.encoded) ? message.encoded : Buffer.from('no bytes'));
    });
    return messages;
  };

  it('sends what ListImages answers, and no message for no image', async () => {
    const { store, one } = await fixture();
    assert.deepEqual(await streamed(store), [services.encodeResponse('ListImages', { images: store.list().map(toCriImage) })]);
    assert.deepEqual(await streamed(store, 'one'), [services.encodeResponse('ListImages', { images: [toCriImage(one)] })]);
    assert.deepEqual(await streamed(store, 'three'), []);
  });

  it('sends each of many images once, in small messages', async () => {
    const { one } = await fixture();
    const images = Array.from({ length: 1201 }, (_, i): Image => ({ ...one, id: `sha256:${i}` }));
    const messages = await streamed({ list: () => images, find: () => undefined });
    assert.deepEqual(Buffer.concat(messages), services.encodeResponse('ListImages', { images: images.map(toCriImage) }));
    assert.ok(messages.length > 12 && messages.every(({ length }) => length <= 16_000));
  });
});

describe('ImageStatus', () => {
  it('is an empty answer for an image that is not here', async () => {
    const { store } = await fixture();
    assert.deepEqual(await imageStatus({ images: store })({ image: spec('three'), verbose: false }, context), {});
  });

  it('has the uid or the name of the user, the annotations, and no zero size', async () => {
    const { store, one, two } = await fixture();
    const status = imageStatus({ images: store });
    const first = await status({ image: spec('one'), verbose: false }, context);
    assert.deepEqual(first, {
      image: {
        id: one.id,
        repoTags: ['docker.io/library/one:latest'],
        repoDigests: [`docker.io/library/one@${one.target.digest}`],
        size: String(one.sizeBytes),
        uid: { value: '1003' },
        username: '',
        spec: { annotations: { note: 'x' } },
        pinned: true,
      },
      info: {},
    });
    assert.equal(one.sizeBytes > 0n, true);
    const second = toCriImage(two);
    assert.deepEqual([second.uid, second.username, second.pinned], [null, 'www-data', false]);
  });

  it('tells chain id and configuration when it is asked to be verbose', async () => {
    const { store, one } = await fixture();
    const answer = await imageStatus({ images: store })({ image: spec('one'), verbose: true }, context);
    const info = 'info' in answer ? JSON.parse(answer.info?.['info'] ?? '') : undefined;
    assert.equal(info.chainID, one.chainId);
    assert.equal(info.imageSpec.config.User, '1003:1004');
  });

  it('refuses a request that names no image', async () => {
    const { store } = await fixture();
    const status = imageStatus({ images: store });
    await assert.rejects(status({ image: null, verbose: false }, context), (error) => isKind(error, 'invalidArgument'));
  });
});

describe('PullImage', () => {
  it('hands on reference, credentials and signal, and answers with the id', async () => {
    const { one } = await fixture();
    const pulls: PullRequest[] = [];
    const puller = {
      pull: async (request: PullRequest): Promise<Image> => {
        pulls.push(request);
        return one;
      },
    };
    const auth = { ...noAuth, username: 'u', password: 'p' };
    const answer = await pullImage({ puller, snapshotterOf: (handler) => `for ${handler}` })({ image: spec('one'), auth, sandboxConfig: null }, context);
    assert.deepEqual(answer, { imageRef: one.id });
    assert.equal(pulls[0]?.reference, 'one');
    assert.equal(pulls[0]?.snapshotter, 'for ');
    assert.equal(pulls[0]?.auth?.isAnonymous, false);
    assert.equal(pulls[0]?.signal, context.signal);
  });
});

describe('RemoveImage', () => {
  it('removes, and succeeds for what is not here', async () => {
    const { store } = await fixture();
    const remove = removeImage({ images: store, puller: { settled: async () => {} } });
    assert.deepEqual(await remove({ image: spec('one') }, context), {});
    assert.deepEqual(await remove({ image: spec('one') }, context), {});
    assert.equal(store.list().length, 1);
  });

  it('begins when no pull that was answered holds on to the image any more', async () => {
    const { store } = await fixture();
    const holding = deferred();
    const removing = removeImage({ images: store, puller: { settled: () => holding.promise } })({ image: spec('one') }, context);
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(store.list().length, 2);
    holding.resolve();
    await removing;
    assert.equal(store.list().length, 1);
  });
});

describe('ImageFsInfo', () => {
  it('has one entry and no second disk', async () => {
    const usage = { timestampNs: 5n, mountpoint: '/m', usedBytes: 7n, inodesUsed: 2n };
    const fileSystems = { usage: () => ({ images: [usage], containers: [] }) };
    const answer = await imageFsInfo({ fileSystems })({}, context);
    const entry = { timestamp: '5', fsId: { mountpoint: '/m' }, usedBytes: { value: '7' }, inodesUsed: { value: '2' } };
    assert.deepEqual(answer, { imageFilesystems: [entry], containerFilesystems: [] });
  });
});

function spec(image: string) {
  return { image, annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' };
}

async function fixture() {
  const content = new FakeContent();
  const store = new ImageStore({ records: new FakeRecords(), content, platform: amd64, log: silentLog });
  const one = await store.add(parseReference('one'), content.image({ config: { User: '1003:1004' }, annotations: { note: 'x' } }), true);
  const two = await store.add(parseReference('two'), content.image({ config: { User: 'www-data:1004' } }), false);
  return { store, one, two };
}
