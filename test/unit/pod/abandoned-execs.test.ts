import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir } from 'node:fs/promises';
import { AbandonedExecs } from '../../../src/pod/abandoned-execs.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Container } from '../../../src/pod/container.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';

describe('an exec that the podwright before has left', () => {
  let world: PodWorld;
  let container: Container;
  let process: ChildProcess;
  beforeEach(async () => {
    world = await makePodWorld();
    const sandboxId = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    const id = await createContainer(world.parts, world.parts.sandboxes.get(sandboxId), { config: containerConfig() });
    container = world.parts.containers.get(id);
    await startContainer(world.parts, container);
    await mkdir(world.parts.folders.execState(id, 'exec-1'), { recursive: true });
    process = spawn('sleep', ['1000'], { stdio: 'ignore', detached: true });
    await once(process, 'spawn');
  });
  afterEach(async () => {
    process.kill('SIGKILL');
    await world.end();
  });

  /** Has containerd tell of the exec as given, with the pid of the process above, and takes it over. */
  async function recover(status: string): Promise<void> {
    const { tasks } = world.parts.containerd;
    const told = { id: 'exec-1', containerId: container.id, pid: process.pid ?? 0, status, exitStatus: 0, exitedAtNs: 0n };
    const get = async (): Promise<typeof told> => told;
    const containerd = { ...world.parts.containerd, tasks: Object.assign(Object.create(tasks) as typeof tasks, { get }) };
    await new AbandonedExecs({ ...world.parts, containerd }, true).recover();
  }

  it('is killed when it runs', async () => {
    const ended = once(process, 'exit');
    await recover('running');
    assert.deepEqual(await ended, [null, 'SIGKILL']);
  });

  for (const status of ['stopped', 'created']) {
    it(`does not have its number taken for its process where it is ${status}`, async () => {
      await recover(status);
      // Whoever is to be stopped is stopped first, and killed in the same breath: one signal behind it tells.
      const ended = once(process, 'exit');
      process.kill('SIGTERM');
      assert.deepEqual(await ended, [null, 'SIGTERM']);
    });
  }
});
