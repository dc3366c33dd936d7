import assert from 'node:assert/strict';
import { ImageStore } from '../../../src/image/image-store.ts';
import { ImagePuller } from '../../../src/image/pull.ts';
import { parseReference } from '../../../src/image/reference.ts';
import { parseAuthConfig } from '../../../src/image/registry-auth.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { amd64, arm64, FakeClock, FakeContent, FakeLeases, FakeRecords, FakeSnapshots, FakeTransfer, hang, settle, sha256 } from './fakes.ts';
import type { Log } from '../../../src/lib/log.ts';
import type { ImagePullerOptions } from '../../../src/image/pull.ts';

const APP = 'reg.io/app:1';
const user = { username: 'u', password: 'hunter2', auth: '', serverAddress: '', identityToken: '', registryToken: '' };

describe('pulling an image', () => {
  it('answers with the image when it can be found under its names', async () => {
    const { puller, store, records, transfer, leases, target } = fixture();
    const image = await puller.pull({ reference: APP });
    assert.equal(store.find(APP)?.id, image.id);
    assert.deepEqual([...records.byName.keys()], [image.id, `reg.io/app@${target.digest}`, APP]);
    assert.equal(transfer.pulls[0]?.reference, APP);
    assert.equal(transfer.pulls[0]?.lease, 'lease-1');
    assert.equal(leases.open, 0);
  });

  it('completes the reference and refuses what is none before anything is done', async () => {
    const { puller, transfer, target } = fixture();
    transfer.images.set('docker.io/library/busybox:latest', target);
    await puller.pull({ reference: 'busybox' });
    await assert.rejects(puller.pull({ reference: 'Bad/Name' }), (error) => isKind(error, 'invalidArgument'));
    assert.equal(transfer.pulls.length, 1);
  });

  it('asks the registry again for a tag that is present', async () => {
    const { puller, store, content, transfer } = fixture();
    const before = await puller.pull({ reference: APP });
    transfer.images.set(APP, content.image({ config: { User: '5' } }));
    const after = await puller.pull({ reference: APP });
    assert.notEqual(after.id, before.id);
    assert.deepEqual(store.get(before.id)?.repoTags, []);
  });

  it('gives credentials to the registry that asks and to nobody else', async () => {
    const { puller, transfer } = fixture();
    await puller.pull({ reference: APP, auth: parseAuthConfig(user) });
    const ask = transfer.pulls[0]?.credentials;
    assert.deepEqual(await ask?.('reg.io'), { kind: 'basic', username: 'u', secret: 'hunter2' });
    assert.equal(await ask?.('evil.io'), undefined);
    assert.equal(transfer.pulls[0]?.headers, undefined);
  });

  it('sends a registry token as a header', async () => {
    const { puller, transfer } = fixture();
    await puller.pull({ reference: APP, auth: parseAuthConfig({ ...user, username: '', password: '', registryToken: 'tok' }) });
    assert.deepEqual(transfer.pulls[0]?.headers, { Authorization: 'Bearer tok' });
  });

  it('is one pull for callers with equal credentials, and another for others', async () => {
    const { puller, transfer } = fixture();
    const images = await Promise.all([
      puller.pull({ reference: APP }),
      puller.pull({ reference: 'reg.io/app:1' }),
      puller.pull({ reference: APP, auth: parseAuthConfig(user) }),
      puller.pull({ reference: APP, auth: parseAuthConfig(user) }),
    ]);
    assert.equal(transfer.pulls.length, 2);
    assert.equal(new Set(images.map(({ id }) => id)).size, 1);
  });

  it('goes on for one caller when another leaves, and stops when all have left', async () => {
    const { puller, transfer } = fixture();
    transfer.during = ({ signal }) => hang(signal);
    const [one, two] = [new AbortController(), new AbortController()];
    const first = puller.pull({ reference: APP, signal: one.signal });
    const second = puller.pull({ reference: APP, signal: two.signal });
    await settle();
    one.abort(new CodedError('canceled', 'client left'));
    await assert.rejects(first, (error) => isKind(error, 'canceled'));
    assert.equal(transfer.pulls[0]?.signal?.aborted, false);
    two.abort(new CodedError('deadlineExceeded', 'too late'));
    await assert.rejects(second, (error) => isKind(error, 'deadlineExceeded'));
    assert.equal(transfer.pulls[0]?.signal?.aborted, true);
  });

  it('leaves no name when it is cancelled, not even after the transfer wrote its record', async () => {
    const { puller, store, records, transfer, leases } = fixture();
    const abort = new AbortController();
    transfer.during = ({ signal }) => {
      abort.abort(new CodedError('canceled', 'client left'));
      assert.equal(signal?.aborted, false); // the caller leaves first, the work follows
    };
    await assert.rejects(puller.pull({ reference: APP, signal: abort.signal }), (error) => isKind(error, 'canceled'));
    await settle();
    assert.deepEqual([...records.byName.keys()], []);
    assert.deepEqual(store.list(), []);
    assert.equal(leases.open, 0);
  });

  it('starts afresh for who comes after a cancelled pull', async () => {
    const { puller, transfer } = fixture();
    transfer.during = ({ signal }) => (transfer.pulls.length === 1 ? hang(signal) : undefined);
    const abort = new AbortController();
    const first = puller.pull({ reference: APP, signal: abort.signal });
    await settle();
    abort.abort(new CodedError('canceled', 'client left'));
    await assert.rejects(first);
    await puller.pull({ reference: APP });
    assert.equal(transfer.pulls.length, 2);
  });

  it('is deadlineExceeded without a transfer when the deadline is over before it begins', async () => {
    const { puller, transfer } = fixture();
    const signal = AbortSignal.abort(new CodedError('deadlineExceeded', 'too late'));
    await assert.rejects(puller.pull({ reference: APP, signal }), (error) => isKind(error, 'deadlineExceeded'));
    assert.equal(transfer.pulls.length, 0);
  });

  it('finds nothing for this platform, says so, and leaves the tag where it was', async () => {
    const { puller, store, records, content, transfer } = fixture();
    const before = await puller.pull({ reference: APP });
    transfer.images.set(APP, content.image({ platform: arm64 }));
    await assert.rejects(puller.pull({ reference: APP }), (error: Error) => {
      assert.match(error.message, /^pull image "reg\.io\/app:1" from reg\.io: no image for platform linux\/amd64/);
      return isKind(error, 'notFound');
    });
    assert.deepEqual(store.find(APP)?.id, before.id);
    assert.equal(records.byName.size, 3);
  });

  it('says reference, host and cause of a failure, and nothing secret', async () => {
    const { puller, transfer } = fixture();
    transfer.during = () => {
      throw new CodedError('unknown', 'dial tcp: connection refused (u:hunter2)');
    };
    const lines: string[] = [];
    const log = recorder(lines);
    await assert.rejects(puller.pull({ reference: APP, auth: parseAuthConfig(user), log }), (error: Error) => {
      assert.match(error.message, /^pull image "reg\.io\/app:1" from reg\.io: .*connection refused/);
      assert.doesNotMatch(error.message, /hunter2/);
      return isKind(error, 'unavailable');
    });
    assert.doesNotMatch(lines.join('\n'), /hunter2/);
  });

  it('fails when containerd did not unpack, with what to configure', async () => {
    const { puller, records, snapshots } = fixture();
    snapshots.committed.clear();
    await assert.rejects(puller.pull({ reference: APP }), (error: Error) => {
      assert.match(error.message, /unpack_config/);
      return isKind(error, 'failedPrecondition');
    });
    assert.equal(records.byName.size, 0);
  });

  it('gives up when the registry sends nothing for five minutes, and reports until then', async () => {
    const { puller, transfer, clock, lines } = fixture();
    transfer.during = ({ signal, onProgress }) => {
      onProgress?.({ event: 'fetching image content', name: APP, progress: 0n, total: 0n });
      onProgress?.({ event: 'downloading', name: 'layer', progress: 7n, total: 100n });
      return hang(signal);
    };
    const pull = puller.pull({ reference: APP });
    const failed = assert.rejects(pull, (error: Error) => {
      assert.match(error.message, /nothing came from the registry for 300 s/);
      return isKind(error, 'unavailable');
    });
    await settle();
    for (let step = 0; step < 30; step += 1) await clock.advance(10_000);
    assert.equal(transfer.pulls[0]?.signal?.aborted, false);
    await clock.advance(10_000);
    await failed;
    assert.equal(lines.filter((entry) => entry.includes('pulling image')).length, 31);
    assert.equal(clock.sleeping, 0);
  });

  it('is patient as long as bytes come', async () => {
    const { puller, transfer, clock } = fixture();
    const goOn = deferred();
    let bytes = 0n;
    transfer.during = () => goOn.promise;
    const pull = puller.pull({ reference: APP });
    await settle();
    for (let step = 0; step < 100; step += 1) {
      bytes += 1n;
      transfer.pulls[0]?.onProgress?.({ event: 'fetching image content', name: APP, progress: 0n, total: 0n });
      transfer.pulls[0]?.onProgress?.({ event: 'downloading', name: 'layer', progress: bytes, total: 1000n });
      await clock.advance(10_000);
    }
    goOn.resolve();
    await pull;
    assert.equal(clock.sleeping, 0);
  });
});

describe('the sandbox image', () => {
  it('is pulled without credentials when it is not there, once, and pinned', async () => {
    const { puller, transfer, records } = fixture({ pinned: [APP] });
    const [one, two] = await Promise.all([puller.ensure(APP), puller.ensure(APP)]);
    assert.equal(one, two);
    assert.equal(one.pinned, true);
    assert.equal(transfer.pulls.length, 1);
    assert.equal(await transfer.pulls[0]?.credentials?.('reg.io'), undefined);
    assert.equal(records.byName.get(APP)?.labels['io.cri-containerd.pinned'], 'pinned');
  });

  it('is not asked for at a registry when it is there', async () => {
    const { puller, store, transfer, target } = fixture();
    await store.add(parseReference(APP), target, false);
    transfer.during = () => {
      throw new Error('the registry is down');
    };
    assert.equal((await puller.ensure(APP)).pinned, true);
    assert.equal(transfer.pulls.length, 0);
  });

  it('is used unpinned when pinning fails', async () => {
    const { puller, store, records, target } = fixture();
    const image = await store.add(parseReference(APP), target, false);
    records.before = () => {
      throw new CodedError('unavailable', 'containerd is away');
    };
    assert.equal((await puller.ensure(APP)).id, image.id);
  });
});

describe('records of interrupted pulls', () => {
  it('are removed at the start, and no others', async () => {
    const { puller, records, target } = fixture();
    records.byName.set('podwright-pulling/1', { name: 'podwright-pulling/1', labels: {}, target });
    records.byName.set(APP, { name: APP, labels: {}, target });
    await puller.sweep();
    assert.deepEqual([...records.byName.keys()], [APP]);
  });
});

function fixture(options: Partial<ImagePullerOptions> = {}) {
  const records = new FakeRecords();
  const content = new FakeContent();
  const leases = new FakeLeases();
  const snapshots = new FakeSnapshots();
  const transfer = new FakeTransfer(records);
  const clock = new FakeClock();
  const store = new ImageStore({ records, content, platform: amd64, log: silentLog });
  const lines: string[] = [];
  const target = content.image();
  transfer.images.set(APP, target);
  snapshots.committed.set(sha256('layer'), { sizeBytes: 1n, inodes: 1n });
  const puller = new ImagePuller({
    records, leases, transfer, snapshots, store, clock, platform: amd64, snapshotter: 'overlayfs', log: recorder(lines), ...options,
  });
  return { records, content, leases, snapshots, transfer, clock, store, puller, target, lines };
}

function recorder(lines: string[]): Log {
  const write = (fields: object, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  return log;
}
