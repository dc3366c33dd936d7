import assert from 'node:assert/strict';
import { ImageStore } from '../../../src/image/image-store.ts';
import { parseReference } from '../../../src/image/reference.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { amd64, arm64, FakeContent, FakeRecords, settle } from './fakes.ts';
import type { Descriptor } from '../../../src/image/ports.ts';

describe('image store', () => {
  it('gives a pulled image its id, its digest and its tag, in containerd and here', async () => {
    const { store, records, content } = fixture();
    const target = content.image();
    const image = await store.add(parseReference('busybox:1'), target, false);
    const digestName = `docker.io/library/busybox@${target.digest}`;
    assert.deepEqual([...records.byName.keys()], [image.id, digestName, 'docker.io/library/busybox:1']);
    assert.deepEqual([...records.byName.values()].map((record) => record.labels['io.cri-containerd.image']), Array(3).fill('managed'));
    assert.deepEqual(image.repoTags, ['docker.io/library/busybox:1']);
    assert.deepEqual(image.repoDigests, [digestName]);
    assert.equal(image.pinned, false);
  });

  it('lists no tag for an image pulled by digest', async () => {
    const { store, content } = fixture();
    const target = content.image();
    const image = await store.add(parseReference(`q.io/app:v1@${target.digest}`), target, false);
    assert.deepEqual(image.repoTags, []);
    assert.deepEqual(image.repoDigests, [`q.io/app@${target.digest}`]);
  });

  it('finds an image by every form of its name and of its id', async () => {
    const { store, content } = fixture();
    const target = content.image();
    const { id } = await store.add(parseReference('busybox'), target, false);
    const hex = id.slice('sha256:'.length);
    const forms = [
      id, hex, hex.slice(0, 13), `sha256:${hex.slice(0, 5)}`, 'busybox', 'busybox:latest', 'docker.io/library/busybox',
      `busybox@${target.digest}`, `docker.io/library/busybox:whatever@${target.digest}`,
    ];
    for (const form of forms) assert.equal(store.find(form)?.id, id, form);
    for (const form of ['busybox:1', 'other', `sha256:${'0'.repeat(64)}`, 'Busybox', 'not an image', `other@${target.digest}`]) {
      assert.equal(store.find(form), undefined, form);
    }
  });

  it('refuses the beginning of two ids and names both', async () => {
    const { store, content } = fixture();
    const ids = new Map<string, string>();
    let pair: [string, string] | undefined;
    for (let i = 0; pair === undefined; i += 1) {
      const { id } = await store.add(parseReference(`app:${i}`), content.image({ config: { User: `${i}` } }), false);
      const first = id.slice('sha256:'.length)[0] ?? '';
      const other = ids.get(first);
      if (other !== undefined) pair = [other, id];
      ids.set(first, id);
    }
    const [one, two] = pair;
    assert.throws(() => store.find(one.slice('sha256:'.length, 'sha256:'.length + 1)), (error: Error) => {
      assert.match(error.message, new RegExp(one));
      assert.match(error.message, new RegExp(two));
      return isKind(error, 'invalidArgument');
    });
  });

  it('prefers a name to the beginning of an id', async () => {
    const { store, content } = fixture();
    const image = await store.add(parseReference('app:1'), content.image(), false);
    const hexName = image.id.slice('sha256:'.length, 'sha256:'.length + 6);
    const named = await store.add(parseReference(hexName), content.image({ config: { User: '7' } }), false);
    assert.equal(store.find(hexName)?.id, named.id);
  });

  it('takes a moved tag away from the image that had it', async () => {
    const { store, records, content } = fixture();
    const before = await store.add(parseReference('app:v1'), content.image({ config: { User: '1' } }), false);
    const after = await store.add(parseReference('app:v1'), content.image({ config: { User: '2' } }), false);
    assert.deepEqual(store.get(before.id)?.repoTags, []);
    assert.equal(store.get(before.id)?.repoDigests.length, 1);
    assert.deepEqual(store.get(after.id)?.repoTags, ['docker.io/library/app:v1']);
    assert.equal(records.byName.get('docker.io/library/app:v1')?.target.digest, after.target.digest);
  });

  it('shows one image under the names of two registries', async () => {
    const { store, content } = fixture();
    const target = content.image();
    await store.add(parseReference('registry.k8s.io/pause:3.9'), target, false);
    await store.add(parseReference('k8s.gcr.io/pause:3.9'), target, false);
    assert.equal(store.list().length, 1);
    assert.deepEqual(store.list()[0]?.repoTags, ['k8s.gcr.io/pause:3.9', 'registry.k8s.io/pause:3.9']);
  });

  it('removes an image with all its names by any of them, the last one synchronously', async () => {
    const { store, records, content } = fixture();
    const target = content.image();
    for (const tag of ['1', '2', '3']) await store.add(parseReference(`app:${tag}`), target, false);
    assert.equal(await store.remove('app:2'), true);
    assert.equal(records.byName.size, 0);
    assert.deepEqual(store.list(), []);
    assert.deepEqual(records.deletes.map(({ sync }) => sync), [false, false, false, false, true]);
    assert.equal(await store.remove('app:2'), false);
  });

  it('lets five removals at once succeed', async () => {
    const { store, records, content } = fixture();
    const image = await store.add(parseReference('app:1'), content.image(), false);
    await Promise.all(Array.from({ length: 5 }, () => store.remove(image.id)));
    assert.equal(records.byName.size, 0);
    assert.equal(records.deletes.length, 3);
  });

  it('leaves a tag to the image that gets it while its old one is removed or loses its pin', async () => {
    for (const act of ['remove', 'setPinned'] as const) {
      const { store, records, content } = fixture();
      const reference = parseReference('app:1');
      const old = await store.add(reference, content.image(), true);
      const [isAsked, goesOn] = [deferred(), deferred()];
      records.before = async (method, name) => {
        if (method !== 'get' || name !== reference.name) return;
        isAsked.resolve();
        await goesOn.promise;
      };
      const pulled = store.add(reference, content.image({ config: { User: '5' } }), true);
      await isAsked.promise;
      const acted = act === 'remove' ? store.remove(old.id) : store.setPinned(old, false);
      goesOn.resolve();
      const { id } = await pulled;
      await acted;
      assert.equal(store.find('app:1')?.id, id, act);
      assert.equal(records.byName.get(reference.name)?.labels['io.cri-containerd.pinned'], 'pinned', act);
      assert.deepEqual(store.get(id)?.repoTags, [reference.name]);
    }
  });

  it('keeps nothing of an image that is gone', async () => {
    const { store, content } = fixture();
    const target = content.image();
    for (let round = 0; round < 2; round += 1) {
      await store.add(parseReference('app:1'), target, false);
      await store.remove('app:1');
    }
    assert.equal(content.reads.filter((digest) => digest === target.digest).length, 2);
  });

  it('does not mind names that somebody else removed first', async () => {
    const { store, records, content } = fixture();
    await store.add(parseReference('app:1'), content.image(), false);
    records.byName.clear();
    assert.equal(await store.remove('app:1'), true);
    assert.deepEqual(store.list(), []);
  });

  it('keeps what it could not remove, and removes it when asked again', async () => {
    const { store, records, content } = fixture();
    const image = await store.add(parseReference('app:1'), content.image(), false);
    records.before = (method, name) => {
      if (method === 'delete' && name === image.id) throw new Error('containerd is away');
    };
    await assert.rejects(store.remove('app:1'), /away/);
    assert.deepEqual(store.get(image.id)?.repoTags, []);
    records.before = () => {};
    assert.equal(await store.remove(image.id), true);
    assert.deepEqual(store.list(), []);
  });

  it('builds itself from what containerd has, leaving out what is no image for this machine', async () => {
    const { store, records, content } = fixture();
    const target = content.image();
    const first = new ImageStore({ records, content, platform: amd64, log: silentLog });
    const image = await first.add(parseReference('app:1'), target, true);
    const record = (name: string, descriptor: Descriptor) => records.byName.set(name, { name, labels: {}, target: descriptor });
    record('sideloaded', content.image({ config: { User: '9' } }));
    record('q.io/foreign:1', content.image({ platform: arm64 }));
    record('q.io/chart:1', content.put({ config: { digest: target.digest }, layers: [] }));
    record('q.io/gone:1', { ...target, digest: `sha256:${'0'.repeat(64)}` });
    record('podwright-pulling/x', target);
    await store.resync();
    assert.deepEqual(store.list().map(({ id }) => id).sort(), [image.id, idOf(store, 'sideloaded')].sort());
    assert.deepEqual(store.get(image.id), image);
    assert.equal(store.get(image.id)?.pinned, true);
  });

  it('forgets what is gone when it synchronises, and reads no content twice', async () => {
    const { store, records, content } = fixture();
    const kept = await store.add(parseReference('app:1'), content.image(), false);
    await store.add(parseReference('app:2'), content.image({ config: { User: '2' } }), false);
    for (const [name, record] of records.byName) if (record.target.digest !== kept.target.digest) records.byName.delete(name);
    content.reads.length = 0;
    await store.resync();
    assert.deepEqual(store.list().map(({ id }) => id), [kept.id]);
    assert.deepEqual(content.reads, []);
  });

  it('keeps what changed while it was reading containerd’s list', async () => {
    const { store, records, content } = fixture();
    await store.add(parseReference('app:old'), content.image(), false);
    let goOn = (): void => {};
    records.before = (method) => (method === 'list' ? new Promise((resolve) => (goOn = resolve)) : undefined);
    const resync = store.resync();
    await settle();
    const pulled = await store.add(parseReference('app:new'), content.image({ config: { User: '5' } }), false);
    await store.remove('app:old');
    goOn();
    await resync;
    assert.deepEqual(store.list().map(({ id }) => id), [pulled.id]);
    assert.deepEqual(store.list()[0]?.repoTags, ['docker.io/library/app:new']);
  });

  it('follows a name that somebody else made, moved or removed', async () => {
    const { store, records, content } = fixture();
    const name = 'docker.io/library/app:1';
    records.byName.set(name, { name, labels: {}, target: content.image() });
    await store.refresh(name);
    const first = store.find('app:1');
    assert.deepEqual(first?.repoTags, [name]);
    records.byName.set(name, { name, labels: { 'io.cri-containerd.pinned': 'pinned' }, target: content.image({ config: { User: '3' } }) });
    await store.refresh(name);
    assert.equal(store.find('app:1')?.pinned, true);
    assert.equal(store.list().length, 1);
    records.byName.delete(name);
    await store.refresh(name);
    assert.deepEqual(store.list(), []);
  });

  it('starts over when a name vanishes between creating and moving it', async () => {
    const { store, records, content } = fixture();
    const reference = parseReference('app:1');
    await store.add(reference, content.image(), false);
    let raced = false;
    records.before = (method, name) => {
      if (method !== 'update' || raced) return;
      raced = true;
      records.byName.delete(name);
    };
    const target = content.image({ config: { User: '4' } });
    const image = await store.add(reference, target, false);
    assert.equal(image.target.digest, target.digest);
    assert.equal(records.byName.get(reference.name)?.target.digest, target.digest);
  });

  it('writes nothing where containerd has it all, and what it lacks', async () => {
    const { store, records, content } = fixture();
    const reference = parseReference('app:1');
    const target = content.image();
    const { id } = await store.add(reference, target, false);
    const writes: string[] = [];
    records.before = (method, name) => {
      if (method === 'create' || method === 'update') writes.push(`${method} ${name}`);
    };
    await store.add(reference, target, false);
    assert.deepEqual(writes, []);
    records.byName.delete(reference.name);
    records.byName.set(id, { name: id, labels: {}, target });
    await store.add(reference, target, false);
    assert.deepEqual(writes, [`update ${id}`, `create ${reference.name}`]);
    assert.equal(records.byName.get(id)?.labels['io.cri-containerd.image'], 'managed');
  });

  it('pins an image that is there, and a later pull does not unpin it', async () => {
    const { store, records, content } = fixture();
    const reference = parseReference('registry.k8s.io/pause:3.10');
    const target = content.image();
    const image = await store.add(reference, target, false);
    assert.equal((await store.pin(image, reference)).pinned, true);
    assert.equal(records.byName.get(reference.name)?.labels['io.cri-containerd.pinned'], 'pinned');
    assert.equal((await store.add(reference, target, false)).pinned, true);
  });

  it('tells listeners of changes until they stop listening', async () => {
    const { store, content } = fixture();
    let calls = 0;
    const stop = store.onChange(() => (calls += 1));
    await store.add(parseReference('app:1'), content.image(), false);
    assert.equal(calls, 1);
    stop();
    await store.remove('app:1');
    assert.equal(calls, 1);
  });
});

function fixture() {
  const records = new FakeRecords();
  const content = new FakeContent();
  return { records, content, store: new ImageStore({ records, content, platform: amd64, log: silentLog }) };
}

function idOf(store: ImageStore, name: string): string {
  return store.find(name)?.id ?? store.list().find((image) => image.config.user === '9')?.id ?? '';
}
