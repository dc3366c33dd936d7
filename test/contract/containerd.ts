import assert from 'node:assert/strict';
import { deferred } from '../../src/lib/deferred.ts';
import { CodedError } from '../../src/lib/errors.ts';
import type { ErrorKind } from '../../src/lib/errors.ts';
import type { ContainerdEvent } from '../../src/containerd/event.ts';
import type { Mount } from '../../src/containerd/mount.ts';
import { JSON_TYPES, jsonAny } from '../../src/containerd/typeurl.ts';
import type { ContainerdApi } from '../support/fake-containerd.ts';

/** A containerd under test, with what the suite needs beside it. */
export interface ContainerdSubject {
  readonly containerd: ContainerdApi;
  /** A root file system with /bin/busybox. */
  readonly rootfs: readonly Mount[];
  /** Puts an image of one layer where `transfer.pull` finds it, and gives its reference. */
  publish(name: string): string;
  stop(): Promise<void>;
}

const SNAPSHOTTER = 'overlayfs';
const RUNTIME = { name: 'io.containerd.runc.v2' };
const SLEEP = ['/bin/busybox', 'sleep', '1000'];
const EXIT_7 = ['/bin/busybox', 'sh', '-c', 'exit 7'];
const SIGKILL = 9;

const kind = (...kinds: ErrorKind[]) => (error: unknown) => {
  assert.ok(error instanceof CodedError, String(error));
  assert.ok(kinds.includes(error.kind), `${error.kind}: ${error.message}`);
  return true;
};

function processOf(args: readonly string[]) {
  return { user: { uid: 0, gid: 0 }, args, env: [], cwd: '/' };
}

function specOf(args: readonly string[]) {
  return jsonAny(JSON_TYPES.spec, {
    ociVersion: '1.1.0',
    process: processOf(args),
    root: { path: 'rootfs' },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }],
    linux: { namespaces: ['pid', 'mount', 'ipc', 'uts', 'network'].map((type) => ({ type })) },
  });
}

/** What podwright relies on in containerd; run against the real one and against the fake. */
export function containerdContract(name: string, start: () => Promise<ContainerdSubject>): void {
  describe(`${name} as a containerd`, function () {
    this.timeout(60_000);
    let subject: ContainerdSubject;
    let containerd: ContainerdApi;
    let serial = 0;
    let id: string;

    before(async function () {
      this.timeout(15 * 60_000); // a real one may have to be built first
      subject = await start();
      ({ containerd } = subject);
    });
    after(async () => {
      await subject.stop();
    });
    beforeEach(() => {
      id = `contract-${++serial}`;
    });

    const newContainer = (args: readonly string[] = SLEEP) => ({ id, runtime: RUNTIME, spec: specOf(args) });
    const newTask = () => ({ containerId: id, rootfs: subject.rootfs });

    describe('container records', () => {
      it('come back as they were made', async () => {
        const extensions = { mine: jsonAny('podwright.test', { some: 'thing' }) };
        await containerd.containers.create({ ...newContainer(), labels: { a: '1' }, image: 'i', extensions });
        const made = await containerd.containers.get(id);
        assert.deepEqual(made.extensions, extensions);
        assert.deepEqual(made.spec, newContainer().spec);
        assert.deepEqual(made.labels, { a: '1' });
        assert.ok(made.createdAtNs > 0n);
        await containerd.containers.delete(id);
      });

      it('are one for an id', async () => {
        await containerd.containers.create(newContainer());
        await assert.rejects(containerd.containers.create(newContainer()), kind('alreadyExists'));
        await containerd.containers.delete(id);
        await assert.rejects(containerd.containers.delete(id), kind('notFound'));
        await assert.rejects(containerd.containers.get(id), kind('notFound'));
      });

      it('are found by label, any filter sufficing', async () => {
        await containerd.containers.create({ ...newContainer(), labels: { 'a.b/c': 'x y', n: id } });
        const found = async (...filters: string[]) => (await containerd.containers.list(filters)).map((record) => record.id);
        assert.deepEqual(await found(`labels."a.b/c"=="x y",labels.n==${id}`), [id]);
        assert.deepEqual(await found('labels.n==other', `id==${id}`), [id]);
        assert.deepEqual(await found(`labels."a.b/c"==z,id==${id}`), []);
        assert.ok((await found()).includes(id));
        await containerd.containers.delete(id);
      });

      it('change in the named fields only', async () => {
        await containerd.containers.create({ ...newContainer(), labels: { a: '1', b: '1' }, extensions: { x: jsonAny('t', 1) } });
        const change = { id, labels: { a: '2', b: '2' }, extensions: { x: jsonAny('t', 2), y: jsonAny('t', 3) } };
        const changed = await containerd.containers.update(change, ['labels.b', 'extensions.y']);
        assert.deepEqual(changed.labels, { a: '1', b: '2' });
        assert.deepEqual(changed.extensions, { x: jsonAny('t', 1), y: jsonAny('t', 3) });
        assert.deepEqual(await containerd.containers.get(id).then((record) => record.extensions), changed.extensions);
        await containerd.containers.delete(id);
      });
    });

    describe('sandbox entries', () => {
      it('are one for an id until they are deleted', async () => {
        const entry = { sandboxId: id, runtime: RUNTIME, sandboxer: 'shim' };
        await containerd.sandboxes.create(entry);
        await assert.rejects(containerd.sandboxes.create(entry), kind('alreadyExists'));
        assert.equal((await containerd.sandboxes.get(id)).runtime.name, RUNTIME.name);
        await containerd.sandboxes.delete(id);
        await assert.rejects(containerd.sandboxes.delete(id), kind('notFound'));
      });
    });

    describe('snapshots', () => {
      it('can be mounted until they are removed', async () => {
        const snapshots = containerd.snapshots(SNAPSHOTTER);
        const lease = await containerd.leases.create({ labels: {} });
        const mounts = await snapshots.prepare(id, '', {}, { lease });
        assert.ok(mounts.length > 0);
        assert.deepEqual(await snapshots.mounts(id), mounts);
        assert.equal((await snapshots.stat(id)).kind, 'active');
        assert.ok((await snapshots.list()).some((snapshot) => snapshot.name === id));
        await assert.rejects(snapshots.prepare(id, '', {}, { lease }), kind('alreadyExists'));
        await snapshots.remove(id);
        await assert.rejects(snapshots.remove(id), kind('notFound'));
        await assert.rejects(snapshots.mounts(id), kind('notFound'));
        await containerd.leases.delete(lease);
      });

      it('need a parent that is there', async () => {
        await assert.rejects(containerd.snapshots(SNAPSHOTTER).prepare(id, 'no-such-parent'), kind('notFound'));
      });

      it('are put on a layer as late as they are committed, and held with it by a lease', async () => {
        const snapshots = containerd.snapshots(SNAPSHOTTER);
        const lease = await containerd.leases.create({ labels: {} });
        for (const name of ['low', 'high']) await snapshots.prepare(`${id}-${name}-unpacking`, '', {}, { lease });
        await assert.rejects(snapshots.commit(`${id}-high`, `${id}-high-unpacking`, {}, { lease, parent: `${id}-low` }), kind('notFound'));
        await snapshots.commit(`${id}-low`, `${id}-low-unpacking`, {}, { lease });
        await snapshots.commit(`${id}-high`, `${id}-high-unpacking`, {}, { lease, parent: `${id}-low` });
        assert.equal((await snapshots.stat(`${id}-high`)).parent, `${id}-low`);
        await assert.rejects(snapshots.remove(`${id}-low`), kind('failedPrecondition'));
        await containerd.leases.delete(lease, { sync: true });
        await assert.rejects(snapshots.stat(`${id}-low`), kind('notFound'));
      });

      it('of layers that are there are told of and held, to whoever asks for room for one', async () => {
        const snapshots = containerd.snapshots(SNAPSHOTTER);
        const [lease, second] = [await containerd.leases.create({ labels: {} }), await containerd.leases.create({ labels: {} })];
        const labels = { 'containerd.io/snapshot.ref': `${id}-layer` };
        await snapshots.prepare(`${id}-unpacking`, '', labels, { lease });
        await snapshots.commit(`${id}-layer`, `${id}-unpacking`, labels, { lease });
        await assert.rejects(snapshots.prepare(`${id}-again`, '', labels, { lease: second }), kind('alreadyExists'));
        await containerd.leases.delete(lease, { sync: true });
        assert.equal((await snapshots.stat(`${id}-layer`)).kind, 'committed');
        await containerd.leases.delete(second, { sync: true });
        await assert.rejects(snapshots.stat(`${id}-layer`), kind('notFound'));
      });

      it('are garbage without a lease or a container record, and safe with either', async () => {
        const snapshots = containerd.snapshots(SNAPSHOTTER);
        const lease = await containerd.leases.create({ labels: {} });
        await snapshots.prepare(`${id}-leased`, '', {}, { lease });
        await containerd.containers.create({ ...newContainer(), snapshotter: SNAPSHOTTER, snapshotKey: `${id}-recorded` });
        await snapshots.prepare(`${id}-recorded`, '');
        await snapshots.prepare(`${id}-loose`, '');
        const collect = await containerd.leases.create({ labels: {} });
        await containerd.leases.delete(collect, { sync: true });
        const left = (await snapshots.list()).map((snapshot) => snapshot.name).filter((key) => key.startsWith(`${id}-`));
        assert.deepEqual(left.toSorted(), [`${id}-leased`, `${id}-recorded`]);
        await snapshots.remove(`${id}-recorded`);
        await containerd.containers.delete(id);
        await containerd.leases.delete(lease, { sync: true });
        await assert.rejects(snapshots.stat(`${id}-leased`), kind('notFound'));
      });
    });

    describe('leases', () => {
      it('are found by label and have the id that they were given', async () => {
        assert.equal(await containerd.leases.create({ id, labels: { who: id } }), id);
        await assert.rejects(containerd.leases.create({ id, labels: {} }), kind('alreadyExists'));
        assert.deepEqual((await containerd.leases.list([`labels.who==${id}`])).map((lease) => lease.id), [id]);
        await containerd.leases.delete(id);
        await assert.rejects(containerd.leases.delete(id), kind('notFound'));
      });

      it('end with the act they are for, also when it fails', async () => {
        const labels = { act: id };
        const mine = () => containerd.leases.list([`labels.act==${id}`]);
        assert.equal(await containerd.leases.withLease(labels, async (lease) => {
          assert.deepEqual((await mine()).map((each) => each.id), [lease]);
          return 5;
        }), 5);
        await assert.rejects(containerd.leases.withLease(labels, async () => {
          throw new CodedError('aborted', 'no more');
        }), kind('aborted'));
        assert.deepEqual(await mine(), []);
      });
    });

    describe('images', () => {
      const pull = (reference: string, more: object = {}) =>
        containerd.transfer.pull({
          reference,
          imageName: reference,
          imageLabels: { pulled: 'yes' },
          platform: { os: 'linux', architecture: 'amd64' },
          snapshotter: SNAPSHOTTER,
          ...more,
        });

      it('are pulled with their content, unpacked and named', async () => {
        const reference = subject.publish(id);
        await pull(reference);
        const image = await containerd.images.get(reference);
        assert.deepEqual(image.labels, { pulled: 'yes' });
        const manifestBytes = await containerd.content.read(image.target.digest);
        assert.equal(BigInt(manifestBytes.length), image.target.size);
        const manifest = JSON.parse(manifestBytes.toString()) as { config: { digest: string } };
        const config = JSON.parse((await containerd.content.read(manifest.config.digest)).toString()) as {
          rootfs: { diff_ids: string[] };
        };
        const layer = await containerd.snapshots(SNAPSHOTTER).stat(config.rootfs.diff_ids[0] ?? '');
        assert.equal(layer.kind, 'committed');
        await containerd.images.delete(reference, { sync: true });
        await assert.rejects(containerd.content.info(manifest.config.digest), kind('notFound'));
        await assert.rejects(containerd.snapshots(SNAPSHOTTER).stat(layer.name), kind('notFound'));
      });

      it('are told of blob by blob as they come in', async () => {
        const reference = subject.publish(id);
        const stop = new AbortController();
        const flowing = deferred();
        const told: string[] = [];
        const following = containerd.events.openEvents({
          filters: ['topic=="/content/create"'],
          onEvent: (event) => {
            if (event.type === 'contentCreate') told.push(event.digest);
          },
          onGap: async () => flowing.resolve(),
          signal: stop.signal,
        });
        await flowing.promise;
        await pull(reference, { snapshotter: undefined });
        const { target } = await containerd.images.get(reference);
        const manifest = JSON.parse((await containerd.content.read(target.digest)).toString()) as {
          config: { digest: string };
          layers: { digest: string }[];
        };
        const blobs = [target.digest, manifest.config.digest, ...manifest.layers.map(({ digest }) => digest)];
        while (told.length < blobs.length) await new Promise((resolve) => setImmediate(resolve));
        assert.deepEqual(told.toSorted(), blobs.toSorted());
        stop.abort();
        await following;
        await containerd.images.delete(reference, { sync: true });
      });

      it('that nobody has are not found, and leave no name', async () => {
        const reference = subject.publish(id).replace(id, `${id}-not`);
        await assert.rejects(pull(reference), kind('notFound'));
        await assert.rejects(containerd.images.get(reference), kind('notFound'));
      });

      it('have as many names as are made', async () => {
        const reference = subject.publish(id);
        await pull(reference);
        const { target } = await containerd.images.get(reference);
        const second = `second.example/${id}:1`;
        await containerd.images.create({ name: second, labels: { a: '1' }, target });
        await assert.rejects(containerd.images.create({ name: second, labels: {}, target }), kind('alreadyExists'));
        const updated = await containerd.images.update({ name: second, labels: { a: '2', b: '2' }, target }, ['labels.b']);
        assert.deepEqual(updated.labels, { a: '1', b: '2' });
        assert.deepEqual((await containerd.images.list([`name==${second}`])).map((image) => image.name), [second]);
        await containerd.images.delete(reference, { sync: true });
        assert.equal((await containerd.content.info(target.digest)).size, target.size);
        await containerd.images.delete(second, { sync: true });
        await assert.rejects(containerd.images.delete(second), kind('notFound'));
      });

      it('are not read beyond a limit', async () => {
        const reference = subject.publish(id);
        await pull(reference);
        const { digest } = (await containerd.images.get(reference)).target;
        await assert.rejects(containerd.content.read(digest, { maxBytes: 10 }), kind('resourceExhausted'));
        await containerd.images.delete(reference, { sync: true });
      });
    });

    describe('tasks', () => {
      let stop: AbortController;
      let told: ContainerdEvent[];
      let toldOne: () => void;
      let events: Promise<void>;

      beforeEach(async () => {
        stop = new AbortController();
        told = [];
        toldOne = () => {};
        const flowing = deferred();
        events = containerd.events.openEvents({
          filters: ['topic~="^/tasks/"'],
          onEvent: (event) => {
            told.push(event);
            toldOne();
          },
          onGap: async () => flowing.resolve(),
          signal: stop.signal,
        });
        await flowing.promise;
        await containerd.containers.create(newContainer());
      });
      afterEach(async () => {
        stop.abort();
        await events;
        await containerd.tasks.kill(id, { signal: SIGKILL, all: true }).catch(() => {});
        await containerd.tasks.wait(id).catch(() => {});
        await containerd.tasks.delete(id).catch(() => {});
        await containerd.containers.delete(id);
      });

      /** The first event of a type, now or later. */
      async function event<T extends ContainerdEvent['type']>(type: T): Promise<ContainerdEvent & { type: T }> {
        for (;;) {
          const found = told.find((each) => each.type === type);
          if (found !== undefined) return found as ContainerdEvent & { type: T };
          const next = deferred();
          toldOne = () => next.resolve();
          await next.promise;
        }
      }

      it('are created, run until they are killed, and are deleted', async () => {
        await assert.rejects(containerd.tasks.get(id), kind('notFound'));
        const { pid } = await containerd.tasks.create(newTask());
        const created = await containerd.tasks.get(id);
        assert.equal(created.status, 'created');
        assert.equal(created.containerId, id);
        assert.equal(created.exitedAtNs, 0n);
        assert.equal((await containerd.tasks.start(id)).pid, pid);
        assert.equal((await containerd.tasks.get(id)).status, 'running');
        const listed = (await containerd.tasks.list()).filter((task) => task.containerId === id);
        assert.deepEqual(listed.map((task) => [task.pid, task.status]), [[pid, 'running']]);
        assert.ok((await containerd.tasks.pids(id)).includes(pid));
        const waiting = containerd.tasks.wait(id);
        await containerd.tasks.kill(id, { signal: SIGKILL });
        const exit = await waiting;
        assert.equal(exit.exitStatus, 137);
        assert.ok(exit.exitedAtNs > 0n);
        assert.deepEqual(await containerd.tasks.wait(id), exit);
        assert.equal((await containerd.tasks.get(id)).status, 'stopped');
        assert.deepEqual(await containerd.tasks.delete(id), { pid, ...exit });
        await assert.rejects(containerd.tasks.delete(id), kind('notFound'));
      });

      it('tell of their life in order until they have ended', async () => {
        const { pid } = await containerd.tasks.create(newTask());
        await containerd.tasks.start(id);
        await containerd.tasks.kill(id, { signal: SIGKILL });
        const exit = await containerd.tasks.wait(id);
        // A shim that is deleted before it has sent its events takes them with it: nothing is promised after that.
        const { atNs: _, ...exited } = await event('taskExit');
        const mine = told.filter((each) => 'containerId' in each && each.containerId === id);
        assert.deepEqual(mine.map((each) => each.type), ['taskCreate', 'taskStart', 'taskExit']);
        assert.deepEqual(exited, { topic: '/tasks/exit', type: 'taskExit', containerId: id, execId: '', pid, ...exit });
      });

      it('are one for a container', async () => {
        await containerd.tasks.create(newTask());
        await assert.rejects(containerd.tasks.create(newTask()), kind('alreadyExists'));
      });

      it('need a container record', async () => {
        await assert.rejects(containerd.tasks.create({ ...newTask(), containerId: `${id}-none` }), kind('notFound'));
      });

      it('cannot be deleted while they run', async () => {
        await containerd.tasks.create(newTask());
        await containerd.tasks.start(id);
        await assert.rejects(containerd.tasks.delete(id), kind('unknown', 'failedPrecondition'));
      });

      it('that have ended are not found by a signal', async () => {
        await containerd.tasks.create(newTask());
        await containerd.tasks.start(id);
        await containerd.tasks.kill(id, { signal: SIGKILL });
        await containerd.tasks.wait(id);
        await assert.rejects(containerd.tasks.kill(id, { signal: SIGKILL }), kind('notFound'));
      });

      it('run further processes, which end on their own', async () => {
        await containerd.tasks.create(newTask());
        await containerd.tasks.start(id);
        const exec = { execId: 'e', spec: jsonAny(JSON_TYPES.process, processOf(EXIT_7)) };
        await containerd.tasks.exec(id, exec);
        await assert.rejects(containerd.tasks.exec(id, exec), kind('alreadyExists'));
        const waiting = containerd.tasks.wait(id, 'e');
        const { pid } = await containerd.tasks.start(id, 'e');
        const exit = await waiting;
        assert.equal(exit.exitStatus, 7);
        const exited = await event('taskExit');
        assert.equal(exited.execId, 'e');
        assert.equal(exited.exitStatus, 7);
        assert.deepEqual(await containerd.tasks.deleteProcess(id, 'e'), { pid, ...exit });
        await assert.rejects(containerd.tasks.deleteProcess(id, 'e'), kind('notFound'));
        assert.equal((await containerd.tasks.get(id)).status, 'running');
      });

      it('are waited for no longer than a signal or a limit allows', async () => {
        await containerd.tasks.create(newTask());
        await containerd.tasks.start(id);
        const controller = new AbortController();
        const waiting = containerd.tasks.wait(id, '', { signal: controller.signal });
        controller.abort();
        await assert.rejects(waiting, kind('canceled'));
        await assert.rejects(containerd.tasks.wait(id, '', { timeoutMs: 20 }), kind('deadlineExceeded'));
        assert.equal((await containerd.tasks.get(id)).status, 'running');
      });
    });
  });
}
