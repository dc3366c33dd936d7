import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { endLostShims, LostShims, shimId } from '../../../src/app/lost-shims.ts';
import type { Containerd } from '../../../src/containerd/client.ts';
import { silentLog } from '../../../src/lib/log.ts';

describe('a shim of this containerd', () => {
  const id = 'a'.repeat(64);
  const shim = (namespace: string, address: string, of = id): string[] => [
    '/usr/bin/containerd-shim-runc-v2', '-namespace', namespace, '-id', of, '-address', address,
  ];

  it('is known by its program, namespace, address and id', () => {
    assert.equal(shimId(shim('k8s.io', '/run/c.sock'), '/run/c.sock', 'k8s.io'), id);
  });

  it('is not one of another containerd or namespace, with another kind of id, or another program', () => {
    assert.equal(shimId(shim('k8s.io', '/run/other.sock'), '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId(shim('moby', '/run/c.sock'), '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId(shim('k8s.io', '/run/c.sock', 'by-hand'), '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId(['/bin/sleep', ...shim('k8s.io', '/run/c.sock').slice(1)], '/run/c.sock', 'k8s.io'), undefined);
    assert.equal(shimId([], '/run/c.sock', 'k8s.io'), undefined);
  });
});

describe('a shim whose id nobody is called by', () => {
  const of = { address: '/run/podwright-test.sock', namespace: 'lost-shims' };
  let shim: ChildProcess;
  /** The first process of a container that the shim serves. */
  let pid: number;
  beforeEach(async () => {
    const flags = ['-namespace', of.namespace, '-id', 'b'.repeat(64), '-address', of.address];
    shim = spawn('/bin/sh', ['-c', 'sleep 1000 & echo $!; wait', ...flags], { argv0: 'containerd-shim-runc-v2', stdio: ['ignore', 'pipe', 'ignore'] });
    const [line] = (await once(shim.stdout as NodeJS.ReadableStream, 'data')) as [Buffer];
    pid = Number(line.toString());
  });
  afterEach(() => {
    shim.kill('SIGKILL');
    process.kill(pid, 'SIGKILL');
  });

  const containerdWith = (tasks: readonly object[]): Containerd =>
    ({ tasks: { list: async () => tasks }, containers: { list: async () => [] } }) as unknown as Containerd;

  it('is killed', async () => {
    const ended = once(shim, 'exit');
    assert.equal(await endLostShims(containerdWith([]), of), 1);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
  });

  it('is left alone while it serves a task: the container that it was started for may have been removed since', async () => {
    assert.equal(await endLostShims(containerdWith([{ containerId: 'other', pid }]), of), 0);
    assert.equal(shim.exitCode ?? shim.signalCode, null);
  });
});

describe('a shim that containerd loses while podwright runs', () => {
  let shim: ChildProcess;
  let removals: number;
  let lost: number[];
  let asked: number;
  let shims: LostShims;
  beforeEach(() => {
    shim = spawn('sleep', ['1000'], { stdio: 'ignore' });
    [removals, lost, asked] = [0, [shim.pid ?? 0], 0];
    const find = async (): Promise<number[]> => {
      asked += 1;
      return lost;
    };
    shims = new LostShims(find, () => removals, silentLog);
  });
  afterEach(() => void shim.kill('SIGKILL'));

  it('is killed when two looks after the removal of a Pod found it', async () => {
    const ended = once(shim, 'exit');
    removals++;
    await shims.look();
    assert.equal(shim.exitCode ?? shim.signalCode, null, 'once is not enough');
    await shims.look();
    assert.deepEqual(await ended, [null, 'SIGKILL']);
  });

  it('is left alone where the second look finds it no more', async () => {
    removals++;
    await shims.look();
    lost = [];
    for (let looks = 0; looks < 4; looks++) await shims.look();
    assert.equal(asked, 3);
    assert.equal(shim.exitCode ?? shim.signalCode, null);
  });

  it('is looked for only after the removal of a Pod', async () => {
    lost = [];
    for (let looks = 0; looks < 3; looks++) await shims.look();
    assert.equal(asked, 0);
    removals++;
    for (let looks = 0; looks < 6; looks++) await shims.look();
    assert.equal(asked, 3);
  });

  it('is looked for as long as it is suspect', async () => {
    const ended = once(shim, 'exit');
    const { pid = 0 } = shim;
    lost = [];
    removals++;
    for (let looks = 0; looks < 2; looks++) await shims.look();
    lost = [pid];
    for (let looks = 0; looks < 2; looks++) await shims.look();
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    lost = [];
    for (let looks = 0; looks < 3; looks++) await shims.look();
    assert.equal(asked, 5, 'and then no more');
  });

  it('is looked for again after looks that failed', async () => {
    const failing = new LostShims(
      async () => {
        asked += 1;
        if (asked <= 4) throw new Error('containerd is away');
        return lost;
      },
      () => removals,
      silentLog,
    );
    const ended = once(shim, 'exit');
    removals++;
    for (let looks = 0; looks < 6; looks++) await failing.look();
    assert.deepEqual(await ended, [null, 'SIGKILL']);
  });
});
