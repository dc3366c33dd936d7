import assert from 'node:assert/strict';
import { CodedError } from '../../../src/lib/errors.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Container } from '../../../src/pod/container.ts';
import { execSync } from '../../../src/pod/exec-sync.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { openFilesBelow } from '../../support/open-files.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { until } from '../../support/until.ts';

describe('a command in a container', () => {
  let world: PodWorld;
  let container: Container;
  beforeEach(async () => {
    world = await makePodWorld();
    const sandboxId = await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });
    const id = await createContainer(world.parts, world.parts.sandboxes.get(sandboxId), { config: containerConfig() });
    container = world.parts.containers.get(id);
    await startContainer(world.parts, container);
  });
  afterEach(() => world.end());

  for (const [when, arrange] of [
    ['its container ends before it is made', () => world.containerd.faults.failNext('tasks.exec', new CodedError('notFound', 'no task'))],
    ['it cannot be started', () => world.containerd.faults.failNext('tasks.start', new CodedError('unknown', 'not found in $PATH'))],
  ] as const) {
    it(`that fails because ${when} leaves no pipe open`, async () => {
      arrange();
      await assert.rejects(execSync(world.parts, container, { command: ['x'], timeoutMs: 0 }), /^CodedError: exec in container/);
      await until('its pipes are closed', () => openFilesBelow(world.folder).length === 0);
    });
  }

  it('whose caller has gone already leaves no pipe open and makes no exec', async () => {
    const gone = AbortSignal.abort(new CodedError('canceled', 'gone'));
    await assert.rejects(execSync(world.parts, container, { command: ['x'], timeoutMs: 0 }, gone), { kind: 'canceled' });
    await until('its pipes are closed', () => openFilesBelow(world.folder).length === 0);
    assert.ok(world.containerd.faults.calls.every(({ method }) => method !== 'tasks.exec' && method !== 'tasks.deleteProcess'));
  });
});
