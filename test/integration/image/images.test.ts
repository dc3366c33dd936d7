import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ImageFs, snapshotterRoot } from '../../../src/image/image-fs.ts';
import { parseAuthConfig } from '../../../src/image/registry-auth.ts';
import { kernelRootAccess } from '../../../src/image/root-access.ts';
import { UserFiles } from '../../../src/image/user-files.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { idle, imageParts, useContainerd } from './private-containerd.ts';
import type { IncomingMessage } from 'node:http';
import type { ErrorKind } from '../../../src/lib/errors.ts';
import type { PrivateContainerd } from './private-containerd.ts';

const noAuth = { username: '', password: '', auth: '', serverAddress: '', identityToken: '', registryToken: '' };
const user = parseAuthConfig({ ...noAuth, username: 'robot', password: 'hunter2' });

describe('images with a real containerd', function () {
  this.timeout(60_000);
  const world = useContainerd();
  let node: PrivateContainerd;
  let registry: FakeRegistry;
  let parts: ReturnType<typeof build>;

  beforeEach(() => {
    ({ node, registry } = world());
    parts = build(node);
  });

  afterEach(async () => {
    await parts.puller.settled();
    for (const image of parts.store.list()) await parts.store.remove(image.id);
    const names = (await node.client.images.list()).map(({ name }) => name);
    assert.deepEqual(names, [], 'every name is gone');
    await idle(node);
  });

  it('pulls an image under three names, finds it again after a restart, and removes it whole', async () => {
    const { puller, store } = parts;
    const stored = registry.addImage('app', '1', { files: { a: 'b' }, config: { User: '1000' } });
    const image = await puller.pull({ reference: `${registry.host}/app:1` });
    assert.equal(image.id, stored.configDigest);
    assert.equal(image.chainId, stored.diffId);
    assert.equal(image.sizeBytes, BigInt(stored.size));
    await puller.settled();
    const names = (await node.client.images.list()).map(({ name }) => name).sort();
    assert.deepEqual(names, [`${registry.host}/app:1`, `${registry.host}/app@${stored.manifestDigest}`, image.id].sort());
    const again = build(node).store;
    await again.resync();
    assert.deepEqual(again.list(), [image]);
    await store.remove(`${registry.host}/app:1`);
    await assert.rejects(node.client.content.info(stored.layerDigest), (error) => isKind(error, 'notFound'));
  });

  it('takes the manifest for this platform out of an index', async () => {
    const { images } = registry.addIndex('multi', '1', [{ architecture: 's390x' }, { files: { a: 'b' } }]);
    const image = await parts.puller.pull({ reference: `${registry.host}/multi:1` });
    assert.equal(image.id, images[1]?.configDigest);
  });

  it('moves a tag with the registry', async () => {
    const { puller, store } = parts;
    const reference = `${registry.host}/app:1`;
    registry.addImage('app', '1', { files: { a: '1' } });
    const before = await puller.pull({ reference });
    registry.addImage('app', '1', { files: { a: '2' } });
    const after = await puller.pull({ reference });
    assert.notEqual(after.id, before.id);
    assert.equal(store.find(reference)?.id, after.id);
    assert.deepEqual(store.get(before.id)?.repoTags, []);
  });

  it('logs in with a name, and only where it is meant to', async () => {
    registry.addImage('app', '1');
    registry.requireBasic('robot', 'hunter2');
    const reference = `${registry.host}/app:1`;
    await fails(parts.puller.pull({ reference }), 'unauthenticated');
    const wrong = parseAuthConfig({ ...noAuth, username: 'robot', password: 'wrong-password' });
    await fails(parts.puller.pull({ reference, auth: wrong }), 'unauthenticated', /wrong-password/);
    const elsewhere = parseAuthConfig({ ...noAuth, username: 'robot', password: 'hunter2', serverAddress: 'https://other.io' });
    registry.requests.length = 0;
    await fails(parts.puller.pull({ reference, auth: elsewhere }), 'unauthenticated');
    assert.deepEqual(authorizations(registry), ['']);
    await parts.puller.pull({ reference, auth: user });
  });

  it('sends a registry token to the registry and not to its token server', async () => {
    registry.addImage('app', '1');
    const challenge = `Bearer realm="http://${registry.host}/token",service="fake"`;
    registry.intercept = ({ headers }) =>
      headers.authorization === 'Bearer good' ? undefined : { status: 401, headers: { 'www-authenticate': challenge } };
    const reference = `${registry.host}/app:1`;
    await parts.puller.pull({ reference, auth: parseAuthConfig({ ...noAuth, registryToken: 'good' }) });
    registry.requests.length = 0;
    await fails(parts.puller.pull({ reference, auth: parseAuthConfig({ ...noAuth, registryToken: 'stale' }) }), 'unauthenticated');
    const toTokenServer = registry.requests.filter((request) => request.path === '/token');
    assert.deepEqual(toTokenServer.map(({ authorization }) => authorization), ['']);
  });

  it('exchanges an identity token at the token server', async () => {
    registry.addImage('app', '1');
    const challenge = `Bearer realm="http://${registry.host}/token",service="fake"`;
    registry.intercept = (request) => {
      if (request.url?.startsWith('/token') === true) return { status: 200, body: '{"access_token":"short"}', headers: { 'content-type': 'application/json' } };
      return request.headers.authorization === 'Bearer short' ? undefined : { status: 401, headers: { 'www-authenticate': challenge } };
    };
    const auth = parseAuthConfig({ ...noAuth, identityToken: 'long-lived' });
    await parts.puller.pull({ reference: `${registry.host}/app:1`, auth });
    const methods = registry.requests.filter((request) => request.path === '/token').map(({ method }) => method);
    assert.deepEqual(new Set(methods), new Set(['POST']));
  });

  it('gives neither password nor registry token to where a registry redirects', async () => {
    const elsewhere = new FakeRegistry();
    await elsewhere.start();
    elsewhere.requireBasic('robot', 'hunter2');
    try {
      registry.addImage('app', '1');
      // Another name for this machine: another host.
      const location = (url: string): string => `http://localhost:${elsewhere.host.split(':')[1]}${url}`;
      const registryToken = 'hunter2-token';
      for (const auth of [user, parseAuthConfig({ ...noAuth, registryToken })]) {
        registry.requireBasic('robot', 'hunter2');
        const login = registry.intercept;
        registry.intercept = (request) =>
          (request.headers.authorization === `Bearer ${registryToken}` ? undefined : login(request)) ??
          (request.url?.includes('/blobs/') === true ? { status: 307, headers: { location: location(request.url) } } : undefined);
        elsewhere.requests.length = 0;
        await fails(parts.puller.pull({ reference: `${registry.host}/app:1`, auth }), 'unauthenticated');
        assert.equal(elsewhere.requests.length > 0, true);
        assert.deepEqual(authorizations(elsewhere), ['']);
      }
    } finally {
      await elsewhere.stop();
    }
  });

  it('pulls through the mirror of a hosts.toml, which may see the credentials', async () => {
    const folder = path.join(node.hostsDir, 'registry.example');
    await mkdir(folder);
    await writeFile(path.join(folder, 'hosts.toml'), `[host."http://${registry.host}"]\n  capabilities = ["pull", "resolve"]\n`);
    const stored = registry.addImage('team/app', '1');
    registry.requireBasic('robot', 'hunter2');
    const image = await parts.puller.pull({ reference: 'registry.example/team/app:1', auth: user });
    assert.equal(image.id, stored.configDigest);
    assert.deepEqual(image.repoTags, ['registry.example/team/app:1']);
  });

  it('fails by kind, with reference and cause, and leaves no name', async () => {
    registry.addIndex('other', '1', [{ architecture: 's390x' }]);
    registry.addImage('lone', '1', { architecture: 's390x' });
    const at = (name: string): string => `${registry.host}/${name}`;
    await fails(parts.puller.pull({ reference: at('other:1') }), 'notFound');
    await fails(parts.puller.pull({ reference: at('lone:1') }), 'notFound');
    await fails(parts.puller.pull({ reference: at('missing:1') }), 'notFound');
    // What the kubelet is to know as RegistryUnavailable.
    await fails(parts.puller.pull({ reference: '127.0.0.1:1/app:404' }), 'unknown');
    const statuses: readonly [number, ErrorKind][] = [[403, 'permissionDenied'], [429, 'resourceExhausted'], [500, 'unknown'], [503, 'unknown']];
    for (const [status, kind] of statuses) {
      registry.intercept = () => ({ status });
      await fails(parts.puller.pull({ reference: at('lone:1') }), kind);
    }
    assert.deepEqual(await node.client.images.list(), []);
  });

  it('stops the download when it is cancelled, and leaves no name', async () => {
    registry.addImage('app', '1', { files: { a: 'b' } });
    const blob = deferred<IncomingMessage>();
    registry.intercept = (request) => {
      if (request.url?.includes('/blobs/') !== true) return undefined;
      blob.resolve(request);
      return 'hang';
    };
    const abort = new AbortController();
    const pull = parts.puller.pull({ reference: `${registry.host}/app:1`, signal: abort.signal });
    const failed = fails(pull, 'canceled');
    const request = await blob.promise;
    const closed = once(request.socket, 'close');
    abort.abort(new CodedError('canceled', 'the client left'));
    await failed;
    await closed;
    await idle(node);
    assert.deepEqual(await node.client.images.list(), []);
  });

  it('gives up a registry that falls silent, before its manifest or before a blob, and leaves no name', async () => {
    registry.addImage('app', '1', { files: { a: 'b' } });
    for (const part of ['/manifests/', '/blobs/']) {
      registry.intercept = ({ url }) => (url?.includes(part) === true ? 'hang' : undefined);
      const impatient = build(node, { noProgressTimeoutMs: 500 });
      await assert.rejects(impatient.puller.pull({ reference: `${registry.host}/app:1` }), /^CodedError: RegistryUnavailable: .*nothing came from the registry/);
      await idle(node);
      assert.deepEqual(await node.client.images.list(), []);
    }
  });

  it('is deadlineExceeded after a deadline that no pull can keep', async () => {
    registry.addImage('app', '1');
    await fails(parts.puller.pull({ reference: `${registry.host}/app:1`, signal: AbortSignal.timeout(1) }), 'deadlineExceeded');
    await idle(node);
  });

  it('keeps the layers of a pull while an image with the same ones is removed', async () => {
    const { puller, store, users } = parts;
    for (let round = 0; round < 10; round += 1) {
      const files = { 'etc/passwd': `root:x:0:0::/:/bin/sh${round}` };
      registry.addImage('one', `${round}`, { files, config: { User: 'one' } });
      registry.addImage('two', `${round}`, { files, config: { User: 'two' } });
      await puller.pull({ reference: `${registry.host}/one:${round}` });
      const [two] = await Promise.all([
        puller.pull({ reference: `${registry.host}/two:${round}` }),
        store.remove(`${registry.host}/one:${round}`),
      ]);
      assert.equal((await users.read(two.chainId, 'overlayfs')).passwd, files['etc/passwd']);
    }
  });

  it('reads passwd and group where the upper layer hides the lower, with no mount left', async () => {
    const lowerLayers = [{ 'etc/passwd': 'old', 'etc/group': 'root:x:0:' }, { other: '' }];
    registry.addImage('app', '1', { lowerLayers, files: { 'etc/passwd': 'new' } });
    const { chainId } = await parts.puller.pull({ reference: `${registry.host}/app:1` });
    assert.deepEqual(await parts.users.read(chainId, 'overlayfs'), { passwd: 'new', group: 'root:x:0:' });
    assert.deepEqual(await readdir(path.join(node.folder, 'users')), []);
    assert.doesNotMatch(await readFile('/proc/self/mountinfo', 'utf8'), new RegExp(`${node.folder}/users`));
  });

  it('reads nothing from an image without user files', async () => {
    registry.addImage('app', '1', { files: { a: 'b' } });
    const { chainId } = await parts.puller.pull({ reference: `${registry.host}/app:1` });
    assert.deepEqual(await parts.users.read(chainId, 'overlayfs'), { passwd: '', group: '' });
  });

  it('counts what images take up, and nothing when there are none', async () => {
    const { fs, puller, store } = await withFs(node, parts);
    assert.equal((await fs.count()).usedBytes, 0n);
    registry.addImage('app', '1', { files: { a: 'x'.repeat(50_000) } });
    const { id } = await puller.pull({ reference: `${registry.host}/app:1` });
    const full = await fs.count();
    assert.equal(full.usedBytes > 50_000n && full.inodesUsed > 0n, true);
    assert.equal(full.mountpoint.startsWith(node.folder), true);
    await store.remove(id);
    await idle(node);
    assert.equal((await fs.count()).usedBytes, 0n);
  });
});

function build(node: PrivateContainerd, options: { readonly noProgressTimeoutMs?: number } = {}) {
  const { client, folder } = node;
  const snapshots = (name: string) => client.snapshots(name);
  const { leases } = client;
  const users = new UserFiles({ snapshots, leases, access: kernelRootAccess, folder: path.join(folder, 'users'), log: silentLog });
  return { ...imageParts(node, options), users };
}

async function withFs(node: PrivateContainerd, parts: ReturnType<typeof build>) {
  const { client } = node;
  const mountpoint = await snapshotterRoot(client.introspection, 'overlayfs');
  const snapshots = client.snapshots('overlayfs');
  return { ...parts, fs: new ImageFs({ snapshots, content: client.content, clock: systemClock(), log: silentLog, mountpoint }) };
}

async function fails(pull: Promise<unknown>, kind: ErrorKind, never = /hunter2/): Promise<void> {
  await assert.rejects(pull, (error: Error) => {
    assert.match(error.message, kind === 'unknown' ? /^RegistryUnavailable: pull image "[^"]+" from \S+: ./ : /^pull image "[^"]+" from \S+: ./);
    assert.doesNotMatch(error.message, never);
    assert.equal(error instanceof CodedError && error.kind, kind, error.message);
    return true;
  });
}

function authorizations(registry: FakeRegistry): string[] {
  return [...new Set(registry.requests.map(({ authorization }) => authorization))];
}
