import assert from 'node:assert/strict';
import { CodedError } from '../../../src/lib/errors.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import type { Container } from '../../../src/pod/container.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import type { UserNamespace__Output } from '../../../src/types/cri/runtime/v1/UserNamespace.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';

describe('the working directory of a container', () => {
  let world: PodWorld;
  beforeEach(async () => {
    world = await makePodWorld();
  });
  afterEach(() => world.end());

  /** Starts a container as a user, in a Pod with a user namespace where one is given. */
  const start = async (user: number, group: number, usernsOptions: UserNamespace__Output | null = null): Promise<Container> => {
    const pod = sandboxConfig();
    const namespaceOptions = { network: 'POD', pid: 'CONTAINER', ipc: 'POD', targetId: '', usernsOptions } as const;
    const linux = pod.linux && { ...pod.linux, securityContext: pod.linux.securityContext && { ...pod.linux.securityContext, namespaceOptions } };
    const id = await runSandbox(world.parts, { config: { ...pod, linux }, runtimeHandler: '' });
    const usual = containerConfig().linux;
    const securityContext = usual?.securityContext && {
      ...usual.securityContext,
      namespaceOptions,
      runAsUser: { value: String(user) },
      runAsGroup: { value: String(group) },
    };
    const config = containerConfig({ linux: { resources: null, securityContext: securityContext ?? null } });
    const container = world.parts.containers.get(await createContainer(world.parts, world.parts.sandboxes.get(id), { config }));
    await startContainer(world.parts, container);
    return container;
  };
  const given = (): unknown[] =>
    world.around.faults.calls.filter(({ method }) => method === 'kernel.giveWorkingDir').map(({ args }) => [args[0], args[2]]);

  it("becomes its user's between the task's creation and its start", async () => {
    const held = world.around.faults.hold('kernel.giveWorkingDir');
    const starting = start(1000, 2000);
    await held.arrived;
    const [container] = world.parts.containers.values();
    const task = await world.containerd.tasks.get(container?.id ?? '');
    assert.equal(task.status, 'created');
    assert.deepEqual(given(), [[task.pid, { uid: 1000, gid: 2000 }]]);
    held.release();
    await starting;
  });

  it("becomes its user's by the ids that the host knows", async () => {
    const ids = [{ hostId: 100_000, containerId: 0, length: 65_536 }];
    const container = await start(1000, 0, { mode: 'POD', uids: ids, gids: ids });
    assert.deepEqual(given(), [[container.status.pid, { uid: 101_000, gid: 100_000 }]]);
  });

  it('is not looked at for root', async () => {
    await start(0, 0);
    assert.deepEqual(given(), []);
  });

  it('keeps no container from its start', async () => {
    world.around.faults.failNext('kernel.giveWorkingDir', new CodedError('internal', 'no working directory'));
    assert.equal((await start(1000, 1000)).state, 'CONTAINER_RUNNING');
  });
});
