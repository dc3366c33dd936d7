import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { endLostShims, shimId } from '../../../src/app/lost-shims.ts';
import type { Containerd } from '../../../src/containerd/client.ts';

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
