import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type { Containerd } from '../../../src/containerd/client.ts';
import type { TransferPullOptions } from '../../../src/containerd/transfer.ts';
import { CodedError } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { BUILD_TIMEOUT_MS, RealContainerd } from './real-containerd.ts';
import { until } from '../../support/until.ts';

describe('a pull through containerd', function () {
  this.timeout(60_000);
  let real: RealContainerd;
  let containerd: Containerd;
  let registry: FakeRegistry;

  before(async function () {
    this.timeout(BUILD_TIMEOUT_MS);
    real = await RealContainerd.start();
    containerd = await real.client();
  });
  after(async () => {
    await real.stop();
  });
  beforeEach(async () => {
    registry = new FakeRegistry();
    await registry.start();
  });
  afterEach(async () => {
    for (const { name } of await containerd.images.list()) await containerd.images.delete(name, { sync: true });
    await registry.stop();
    // containerd's own, which outlives a call that was given up by a moment.
    await until('no lease is left', async () => (await containerd.leases.list()).length === 0);
  });

  function pull(repository: string, more: Partial<TransferPullOptions> = {}): Promise<void> {
    const reference = `${registry.host}/${repository}`;
    return containerd.transfer.pull({
      reference,
      imageName: reference,
      imageLabels: {},
      platform: { os: 'linux', architecture: 'amd64' },
      snapshotter: 'overlayfs',
      ...more,
    });
  }

  async function failure(pulling: Promise<void>): Promise<CodedError> {
    const error: unknown = await pulling.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    assert.ok(error instanceof CodedError, String(error));
    return error;
  }

  it('takes the manifest of its platform out of an index', async () => {
    const { images } = registry.addIndex('a', '1', [
      { architecture: 'arm64', files: { which: 'arm64' } },
      { architecture: 'amd64', files: { which: 'amd64' } },
    ]);
    await pull('a:1');
    assert.equal((await containerd.snapshots('overlayfs').stat(images[1]?.diffId ?? '')).kind, 'committed');
    await assert.rejects(containerd.content.info(images[0]?.manifestDigest ?? ''), /not found/);
  });

  it('finds nothing in an index without its platform', async () => {
    registry.addIndex('a', '1', [{ architecture: 'arm64', files: { which: 'arm64' } }]);
    assert.equal((await failure(pull('a:1'))).kind, 'notFound');
    assert.deepEqual(await containerd.images.list(), []);
  });

  it('shows credentials when it is asked to, to the host that asks', async () => {
    registry.addImage('a', '1', { files: { f: 'private' } });
    registry.requireBasic('user', 'word');
    const asked: string[] = [];
    await pull('a:1', {
      credentials: async (host) => {
        asked.push(host);
        return { kind: 'basic', username: 'user', secret: 'word' };
      },
    });
    assert.deepEqual(new Set(asked), new Set([registry.host]));
    assert.equal(registry.requests[0]?.authorization, '');
  });

  it('fails with neither name nor password in its message when they are wrong', async () => {
    registry.addImage('a', '1');
    registry.requireBasic('user', 'word');
    const error = await failure(
      pull('a:1', { credentials: async () => ({ kind: 'basic', username: 'intruder', secret: 'guessed' }) }),
    );
    assert.match(error.message, /401/);
    assert.doesNotMatch(`${error.stack} ${String(error.cause)}`, /intruder|guessed/);
  });

  it('fails when there are no credentials', async () => {
    registry.addImage('a', '1');
    registry.requireBasic('user', 'word');
    assert.match((await failure(pull('a:1', { credentials: async () => undefined }))).message, /no basic auth credentials/);
    assert.match((await failure(pull('a:1'))).message, /401/);
  });

  it('fails with what the asking for credentials failed with', async () => {
    registry.addImage('a', '1');
    registry.requireBasic('user', 'word');
    const error = await failure(
      pull('a:1', {
        credentials: async () => {
          throw new CodedError('permissionDenied', 'the vault is shut');
        },
      }),
    );
    assert.equal(error.kind, 'permissionDenied');
    assert.match(error.message, /the vault is shut/);
  });

  it('sends the headers that it is given', async () => {
    registry.addImage('a', '1', { files: { f: 'private' } });
    registry.requireBasic('user', 'word');
    await pull('a:1', { headers: { Authorization: `Basic ${Buffer.from('user:word').toString('base64')}` } });
  });

  it('goes to the mirrors of hosts.toml, and asks for credentials by the mirror’s name', async () => {
    registry.addImage('a', '1', { files: { f: 'mirrored' } });
    registry.requireBasic('user', 'word');
    const hostsDir = path.join(real.node.root, 'hosts');
    await mkdir(path.join(hostsDir, 'origin.example'), { recursive: true });
    await writeFile(
      path.join(hostsDir, 'origin.example/hosts.toml'),
      `server = "http://127.0.0.1:1"\n[host."http://${registry.host}"]\ncapabilities = ["pull", "resolve"]\n`,
    );
    const asked: string[] = [];
    await pull('', {
      reference: 'origin.example/a:1',
      imageName: 'origin.example/a:1',
      hostsDir,
      credentials: async (host) => {
        asked.push(host);
        return { kind: 'basic', username: 'user', secret: 'word' };
      },
    });
    assert.deepEqual(new Set(asked), new Set([registry.host]));
    assert.equal((await containerd.images.get('origin.example/a:1')).name, 'origin.example/a:1');
  });

  it('tells of each blob, and says when all is saved', async () => {
    const image = registry.addImage('a', '1', { files: { f: 'x'.repeat(100) } });
    const seen: string[] = [];
    const digests = new Set<string>();
    await pull('a:1', {
      onProgress: ({ event, descriptor }) => {
        seen.push(event);
        if (descriptor !== undefined) digests.add(descriptor.digest);
      },
    });
    assert.ok(seen.includes('saved'), seen.join());
    assert.deepEqual(digests, new Set([image.manifestDigest, image.configDigest, image.layerDigest]));
  });

  it('ends when its signal aborts, at the registry and without a name left', async () => {
    registry.addImage('a', '1', { files: { f: 'never read' } });
    const layerAsked = deferred();
    const dropped = deferred();
    registry.intercept = (request) => {
      if (!request.url?.includes('/blobs/')) return undefined;
      request.socket.once('close', () => dropped.resolve());
      layerAsked.resolve();
      return 'hang';
    };
    const controller = new AbortController();
    const pulling = failure(pull('a:1', { signal: controller.signal, onProgress: () => {} }));
    await layerAsked.promise;
    controller.abort();
    assert.equal((await pulling).kind, 'canceled');
    await dropped.promise;
    assert.deepEqual(await containerd.images.list(), []);
  });
});
