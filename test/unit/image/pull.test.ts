import assert from 'node:assert/strict';
import { ImageStore } from '../../../src/image/image-store.ts';
import { Pins } from '../../../src/image/pins.ts';
import { ImagePuller } from '../../../src/image/pull.ts';
import { Unpacker } from '../../../src/image/unpack.ts';
import { parseReference } from '../../../src/image/reference.ts';
import { parseAuthConfig } from '../../../src/image/registry-auth.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { amd64, arm64, FakeClock, FakeContent, FakeDiff, FakeIntrospection, FakeLeases, FakeRecords, FakeSnapshots, FakeTransfer, hang, settle, sha256 } from './fakes.ts';
import type { Log } from '../../../src/lib/log.ts';
import type { ImagePullerOptions } from '../../../src/image/pull.ts';

const APP = 'reg.io/app:1';
const user = { username: 'u', password: 'hunter2', auth: '', serverAddress: '', identityToken: '', registryToken: '' };

describe('pulling an image', () => {
  it('answers with the image when it can be found under its names', async () => {
    const { puller, store, records, transfer, target } = fixture();
    const image = await puller.pull({ reference: APP });
    assert.equal(store.find(APP)?.id, image.id);
    await puller.settled();
    assert.deepEqual([...records.byName.keys()], [image.id, `reg.io/app@${target.digest}`, APP]);
    assert.equal(transfer.pulls[0]?.reference, APP);
  });

  it('finds out what it pulled where the last word of the progress was missed', async () => {
    const { puller, transfer, target } = fixture();
    transfer.saysSaved = false;
    assert.equal((await puller.pull({ reference: APP })).target.digest, target.digest);
  });

  it('answers before what it needed for itself is put away, and tells when that is done', async () => {
    const { puller, records } = fixture();
    const ending = deferred();
    records.before = (method) => (method === 'delete' ? ending.promise : undefined);
    const image = await puller.pull({ reference: APP });
    assert.equal(records.byName.size, 4);
    const settled = puller.settled();
    ending.resolve();
    await settled;
    assert.equal(records.byName.size, 3);
    assert.ok(records.byName.has(image.id));
  });

  it('answers while the transfer gives back its lease, of which nobody robs it', async () => {
    const { puller, store, records, transfer } = fixture();
    const ending = deferred();
    transfer.ending = ending.promise;
    const image = await puller.pull({ reference: APP });
    assert.equal(store.find(APP), image);
    await settle();
    assert.equal(transfer.pulls[0]?.signal?.aborted, false);
    assert.equal(records.byName.size, 4);
    const settled = puller.settled();
    ending.reject(new CodedError('unavailable', 'containerd was restarted'));
    await settled;
    assert.equal(records.byName.size, 3);
  });

  it('reads what the image is while its layers are unpacked', async () => {
    const { puller, content, transfer, target } = fixture();
    const isRead = deferred();
    const read = content.read.bind(content);
    content.read = async (digest) => {
      if (digest !== target.digest) isRead.resolve();
      return read(digest);
    };
    const line = { name: 'layer-sha256:1', progress: 0n, total: 1n };
    transfer.during = async ({ onProgress }) => {
      onProgress?.({ ...line, event: 'fetching image content', name: APP, descriptor: target });
      for (let n = 0; n < 2; n += 1) onProgress?.({ ...line, event: 'extracting' });
      await isRead.promise;
      await settle();
    };
    await puller.pull({ reference: APP });
    assert.equal(content.reads.length, 2, 'manifest and configuration, once');
  });

  it('stays what it was when it is pulled again and cannot be unpacked', async () => {
    const { puller, store, records, snapshots, unpacker } = fixture();
    const image = await puller.pull({ reference: APP });
    snapshots.committed.clear();
    unpacker.unpack = async () => {
      throw new CodedError('dataLoss', 'the layer holds something else');
    };
    await assert.rejects(puller.pull({ reference: APP }), (error) => isKind(error, 'dataLoss'));
    await puller.settled();
    assert.deepEqual([store.find(APP)?.id, records.byName.size], [image.id, 3]);
  });

  it('that failed answers when all of it is put away', async () => {
    const { puller, records, transfer } = fixture();
    const ending = deferred();
    records.before = (method) => (method === 'delete' ? ending.promise : undefined);
    transfer.during = () => {
      throw new CodedError('unavailable', 'no registry');
    };
    let answered = false;
    const pulling = puller.pull({ reference: APP }).finally(() => (answered = true));
    pulling.catch(() => {});
    await settle();
    assert.equal(answered, false);
    ending.resolve();
    await assert.rejects(pulling, (error) => isKind(error, 'unavailable'));
    assert.equal(records.byName.size, 0);
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
    const { puller, store, records, transfer } = fixture();
    const abort = new AbortController();
    transfer.during = ({ signal }) => {
      abort.abort(new CodedError('canceled', 'client left'));
      assert.equal(signal?.aborted, false); // the caller leaves first, the work follows
    };
    await assert.rejects(puller.pull({ reference: APP, signal: abort.signal }), (error) => isKind(error, 'canceled'));
    await settle();
    assert.deepEqual([...records.byName.keys()], []);
    assert.deepEqual(store.list(), []);
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
      assert.match(error.message, /^RegistryUnavailable: pull image "reg\.io\/app:1" from reg\.io: .*connection refused/);
      assert.doesNotMatch(error.message, /hunter2/);
      return isKind(error, 'unknown');
    });
    assert.doesNotMatch(lines.join('\n'), /hunter2/);
  });

  it('unpacks what containerd did not, while the record of the pull keeps it, and says how it would', async () => {
    const { puller, content, snapshots, records, unpacker, transfer, lines } = fixture();
    snapshots.committed.clear();
    const kept: string[] = [];
    const unpack = unpacker.unpack.bind(unpacker);
    unpacker.unpack = async (...of) => {
      kept.push(...records.byName.keys());
      await unpack(...of);
    };
    transfer.during = ({ snapshotter }) => {
      if (snapshotter !== undefined) throw new CodedError('invalidArgument', 'unable to initialize unpacker: no unpack platforms defined');
    };
    const { id, chainId } = await puller.pull({ reference: APP, snapshotter: 'native' });
    assert.equal(snapshots.committed.has(chainId), true);
    assert.deepEqual(content.labels.get(id), { 'containerd.io/gc.ref.snapshot.native': chainId });
    assert.deepEqual(kept, [transfer.pulls[0]?.imageName]);
    assert.match(lines.join('\n'), /unpack_config/);
    await puller.pull({ reference: APP, snapshotter: 'native' });
    assert.deepEqual(transfer.pulls.map(({ snapshotter }) => snapshotter), ['native', undefined, undefined]);
  });

  it('does not look for layers that it saw unpacked', async () => {
    const { puller, snapshots, transfer } = fixture();
    const looked: string[] = [];
    snapshots.stat = async (name) => {
      looked.push(name);
      return { name, kind: 'committed' };
    };
    await puller.pull({ reference: APP });
    assert.equal(looked.length, 1);
    transfer.during = ({ onProgress }) => onProgress?.({ event: 'extracted', name: 'layer-sha256:1', progress: 1n, total: 1n });
    await puller.pull({ reference: APP });
    assert.equal(looked.length, 1);
  });

  it('leaves no name when it cannot be unpacked', async () => {
    const { puller, records, snapshots, unpacker } = fixture();
    snapshots.committed.clear();
    unpacker.unpack = async () => {
      throw new CodedError('dataLoss', 'the layer holds something else');
    };
    await assert.rejects(puller.pull({ reference: APP }), (error) => isKind(error, 'dataLoss'));
    assert.equal(records.byName.size, 0);
  });

  it('is another one for another snapshotter', async () => {
    const { puller, transfer } = fixture();
    await Promise.all([puller.pull({ reference: APP }), puller.pull({ reference: APP, snapshotter: 'native' })]);
    assert.deepEqual(new Set(transfer.pulls.map(({ snapshotter }) => snapshotter)), new Set(['native', 'overlayfs']));
  });

  it('waits for others where only so many may run', async () => {
    const { puller, transfer, content } = fixture({ maxConcurrent: 1 });
    transfer.images.set('reg.io/other:1', content.image({ config: { User: 'other' } }));
    const gate = deferred<void>();
    transfer.during = async () => gate.promise;
    const both = Promise.all([puller.pull({ reference: APP }), puller.pull({ reference: 'reg.io/other:1' })]);
    await settle();
    assert.equal(transfer.pulls.length, 1);
    gate.resolve();
    await both;
    assert.equal(transfer.pulls.length, 2);
  });

  it('tells in the log what it took', async () => {
    const { puller, transfer, lines } = fixture();
    transfer.during = async ({ onProgress }) => {
      onProgress?.({ event: 'fetching image content', name: APP, progress: 0n, total: 0n });
      for (const progress of [10n, 40n]) onProgress?.({ event: 'downloading', name: 'a', progress, total: 100n });
      onProgress?.({ event: 'complete', name: 'a', progress: 100n, total: 100n });
      onProgress?.({ event: 'complete', name: 'a', progress: 100n, total: 100n });
      onProgress?.({ event: 'already exists', name: 'b', progress: 0n, total: 7n });
    };
    await puller.pull({ reference: APP });
    const line = lines.find((text) => text.startsWith('pulled image')) ?? '';
    assert.match(line, /"snapshotter":"overlayfs","bytes":100,"blobs":1,"present":1,/);
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
      return isKind(error, 'unknown');
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
    const { puller, transfer, records } = fixture({ pins: new Pins([APP]) });
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

describe('pins', () => {
  const fieldsOf = ({ records }: ReturnType<typeof fixture>, name: string) => records.byName.get(name)?.labels['io.cri-containerd.pinned'];

  it('of an earlier configuration are taken back, those of this one are made', async () => {
    const one = fixture({ pins: new Pins(['reg.io/*']) });
    await one.puller.pull({ reference: APP });
    assert.equal(one.store.find(APP)?.pinned, true);
    const later = new ImagePuller({ ...one.options, pins: new Pins([]) });
    await later.reconcilePins(one.store.list());
    assert.equal(one.store.find(APP)?.pinned, false);
    assert.equal(fieldsOf(one, APP), '');
    await one.puller.reconcilePins(one.store.list());
    assert.equal(one.store.find(APP)?.pinned, true);
    assert.equal(fieldsOf(one, APP), 'pinned');
  });

  it('are made for an image that somebody else brought, or whose digest is pinned, and none is taken back', async () => {
    const target = new FakeContent().image();
    const one = fixture({ pins: new Pins([`reg.io/app@${target.digest}`, 'reg.io/imported:*']) });
    const { id } = await one.puller.pull({ reference: APP });
    await one.puller.pinFound(APP);
    assert.equal(one.store.get(id)?.pinned, true);
    const imported = 'reg.io/imported:1';
    one.records.byName.set(imported, { name: imported, labels: {}, target: one.content.image({ config: { User: '5' } }) });
    await one.store.refresh(imported);
    await one.puller.pinFound(imported);
    assert.deepEqual([one.store.find(imported)?.pinned, fieldsOf(one, imported)], [true, 'pinned']);
    await new ImagePuller({ ...one.options, pins: new Pins([]) }).pinFound(imported);
    assert.equal(one.store.find(imported)?.pinned, true);
    await one.puller.pinFound('reg.io/not-here:1');
  });

  it('of others stay', async () => {
    const { puller, store, records, target } = fixture();
    records.byName.set(APP, { name: APP, labels: { 'io.cri-containerd.pinned': 'pinned' }, target });
    await store.resync();
    await puller.reconcilePins(store.list());
    assert.equal(store.find(APP)?.pinned, true);
  });

  it('go with the tag that they were for', async () => {
    const { puller, store, transfer, content, snapshots } = fixture({ pins: new Pins([APP]) });
    const before = await puller.pull({ reference: APP });
    transfer.images.set(APP, content.image({ config: { User: 'new' } }));
    snapshots.committed.set(sha256('layer'), { sizeBytes: 1n, inodes: 1n });
    const after = await puller.pull({ reference: APP });
    assert.equal(after.pinned, true);
    assert.equal(store.get(before.id)?.pinned, false);
  });
});

describe('pulling for a snapshotter that takes layers side by side', () => {
  const blob = sha256('gz layer');
  const line = { name: `layer-${blob}`, progress: 0n, total: 1n };

  it('unpacks each layer as it comes in, under one lease with the transfer', async () => {
    const { puller, store, transfer, snapshots, diff, leases, content, target } = ahead();
    transfer.during = async ({ onProgress }) => {
      onProgress?.({ ...line, event: 'fetching image content', name: APP, descriptor: target });
      for (const digest of content.blobs.keys()) puller.blobArrived(digest);
      puller.blobArrived(blob);
      while (snapshots.committed.size === 0) await settle();
    };
    const image = await puller.pull({ reference: APP });
    assert.equal(store.find(APP), image);
    assert.deepEqual(diff.applied, [sha256('layer')]);
    assert.deepEqual([transfer.pulls[0]?.snapshotter, transfer.pulls[0]?.lease], [undefined, 'lease-1']);
    assert.deepEqual(content.labels.get(image.id), { 'containerd.io/gc.ref.snapshot.overlayfs': image.chainId });
    await puller.settled();
    assert.equal(leases.open, 0);
  });

  it('asks no more than whether it is unpacked of what it pulled before', async () => {
    const { puller, transfer, content, diff, target } = ahead();
    transfer.during = ({ onProgress }) => onProgress?.({ ...line, event: 'fetching image content', name: APP, descriptor: target });
    const image = await puller.pull({ reference: APP });
    const reads = content.reads.length;
    assert.equal((await puller.pull({ reference: APP })).id, image.id);
    assert.deepEqual([content.reads.length, diff.applied.length], [reads, 1]);
  });

  it('unpacks what is left when the transfer is through', async () => {
    const { puller, transfer, snapshots, target } = ahead();
    transfer.during = ({ onProgress }) => onProgress?.({ ...line, event: 'fetching image content', name: APP, descriptor: target });
    const image = await puller.pull({ reference: APP });
    assert.equal(snapshots.committed.has(image.chainId), true);
  });

  it('unpacks what it was not told the target of', async () => {
    const { puller, snapshots } = ahead();
    const image = await puller.pull({ reference: APP });
    assert.equal(snapshots.committed.has(image.chainId), true);
  });

  it('ends the transfer when a layer cannot be unpacked, and leaves no name', async () => {
    const { puller, records, transfer, snapshots, diff, leases, target } = ahead();
    diff.during = () => {
      throw new CodedError('resourceExhausted', 'no space left on device');
    };
    transfer.during = async ({ onProgress, signal }) => {
      onProgress?.({ ...line, event: 'fetching image content', name: APP, descriptor: target });
      for (const digest of [target.digest, blob]) puller.blobArrived(digest);
      await hang(signal);
    };
    await assert.rejects(puller.pull({ reference: APP }), (error: Error) => {
      assert.equal(isKind(error, 'resourceExhausted'), true);
      return true;
    });
    await puller.settled();
    assert.deepEqual([records.byName.size, snapshots.active.size, leases.open], [0, 0, 0]);
  });

  it('gives up unpacking when the transfer fails, and says why that did', async () => {
    const { puller, transfer, snapshots, diff, leases, target } = ahead();
    diff.during = (_layer, _mounts, options) => hang(options?.signal);
    transfer.during = async ({ onProgress }) => {
      onProgress?.({ ...line, event: 'fetching image content', name: APP, descriptor: target });
      for (const digest of [target.digest, blob]) puller.blobArrived(digest);
      while (diff.running === 0) await settle();
      throw new CodedError('permissionDenied', 'the registry has had enough');
    };
    await assert.rejects(puller.pull({ reference: APP }), (error: Error) => {
      assert.equal(isKind(error, 'permissionDenied'), true);
      assert.match(error.message, /the registry has had enough$/);
      return true;
    });
    assert.deepEqual([diff.running, snapshots.active.size, leases.open], [0, 0, 0]);
  });

  it('stops both when nobody waits any more', async () => {
    const { puller, transfer, snapshots, diff, leases, target } = ahead();
    const abort = new AbortController();
    diff.during = (_layer, _mounts, options) => hang(options?.signal);
    transfer.during = async ({ onProgress, signal }) => {
      onProgress?.({ ...line, event: 'fetching image content', name: APP, descriptor: target });
      for (const digest of [target.digest, blob]) puller.blobArrived(digest);
      while (diff.running === 0) await settle();
      abort.abort(new CodedError('canceled', 'the client left'));
      await hang(signal);
    };
    await assert.rejects(puller.pull({ reference: APP, signal: abort.signal }), (error) => isKind(error, 'canceled'));
    await puller.settled();
    while (leases.open > 0) await settle();
    assert.deepEqual([diff.running, snapshots.active.size], [0, 0]);
  });

  function ahead() {
    const parts = fixture();
    parts.introspection.capabilities = ['remap-ids', 'rebase'];
    parts.snapshots.committed.clear();
    return parts;
  }
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
  const diff = new FakeDiff(['layer']);
  const introspection = new FakeIntrospection();
  const unpacker = new Unpacker({ content, diff, leases, snapshots: () => snapshots, introspection, platform: amd64, log: silentLog, maxConcurrent: 2 });
  const parts: ImagePullerOptions = {
    records, content, leases, transfer, unpacker, store, clock, platform: amd64, snapshotter: 'overlayfs', log: recorder(lines), ...options,
  };
  const puller = new ImagePuller(parts);
  return { records, content, snapshots, diff, leases, introspection, unpacker, transfer, clock, store, puller, target, lines, options: parts };
}

function recorder(lines: string[]): Log {
  const write = (fields: object, message: string): void => {
    lines.push(`${message} ${JSON.stringify(fields)}`);
  };
  const log: Log = { debug: write, info: write, warn: write, error: write, child: () => log };
  return log;
}
