import assert from 'node:assert/strict';
import { toEvent } from '../../../src/cri/runtime/get-container-events.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import { PodEvents, type EventReader, type ToldEvent } from '../../../src/pod/events.ts';
import { removeContainer } from '../../../src/pod/remove-container.ts';
import { removeSandbox } from '../../../src/pod/remove-sandbox.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { stopContainer } from '../../../src/pod/stop-container.ts';
import { stopSandbox } from '../../../src/pod/stop-sandbox.ts';
import { CodedError } from '../../../src/lib/errors.ts';
import { recordingLog } from '../../support/cri-client.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';

const never = new AbortController().signal;

async function take(reader: EventReader, count: number): Promise<ToldEvent[]> {
  const events: ToldEvent[] = [];
  while (events.length < count) events.push(await reader.next(never));
  return events;
}

describe('container events', () => {
  let world: PodWorld;
  beforeEach(async () => {
    world = await makePodWorld();
  });
  afterEach(() => world.end());

  const run = async (): Promise<string> => await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' });

  it('tell a Pod with its container from the first to the last, each with the Pod as it was then', async () => {
    const { parts } = world;
    const reader = parts.events.subscribe();
    const sandbox = parts.sandboxes.get(await run());
    const container = parts.containers.get(await createContainer(parts, sandbox, { config: containerConfig() }));
    await startContainer(parts, container);
    await stopContainer(parts, container, 0);
    await removeContainer(parts, container);
    await stopSandbox(parts, sandbox);
    await removeSandbox(parts, sandbox);
    const events = (await take(reader, 8)).map(toEvent);
    assert.deepEqual(
      events.map(({ containerId, containerEventType, podSandboxStatus, containersStatuses }) => [
        containerId === sandbox.id ? 'sandbox' : containerId === container.id ? 'container' : containerId,
        containerEventType,
        podSandboxStatus?.state,
        ...(containersStatuses ?? []).map(({ state }) => state),
      ]),
      [
        ['sandbox', 'CONTAINER_CREATED_EVENT', 'SANDBOX_READY'],
        ['sandbox', 'CONTAINER_STARTED_EVENT', 'SANDBOX_READY'],
        ['container', 'CONTAINER_CREATED_EVENT', 'SANDBOX_READY', 'CONTAINER_CREATED'],
        ['container', 'CONTAINER_STARTED_EVENT', 'SANDBOX_READY', 'CONTAINER_RUNNING'],
        ['container', 'CONTAINER_STOPPED_EVENT', 'SANDBOX_READY', 'CONTAINER_EXITED'],
        ['container', 'CONTAINER_DELETED_EVENT', 'SANDBOX_READY'],
        ['sandbox', 'CONTAINER_STOPPED_EVENT', 'SANDBOX_NOTREADY'],
        ['sandbox', 'CONTAINER_DELETED_EVENT', 'SANDBOX_NOTREADY'],
      ],
    );
    assert.ok(events.every((event) => event.podSandboxStatus?.metadata?.uid === 'uid-1'));
    assert.ok(events.every((event) => BigInt(String(event.createdAt)) > 0n));
  });

  it('have the statuses of all containers of the Pod and of no other, the newest first', async () => {
    const { parts } = world;
    const one = parts.sandboxes.get(await run());
    const metadata = { name: 'other', namespace: 'default', uid: 'uid-2', attempt: 0 };
    const otherId = await runSandbox(parts, { config: sandboxConfig({ metadata }), runtimeHandler: '' });
    const reader = parts.events.subscribe();
    const create = (sandbox: typeof one, name: string): Promise<string> =>
      createContainer(parts, sandbox, { config: containerConfig({ metadata: { name, attempt: 0 } }) });
    const ids = [await create(one, 'a'), await create(parts.sandboxes.get(otherId), 'b'), await create(one, 'c')];
    const last = (await take(reader, 3)).map(toEvent).at(-1);
    assert.deepEqual(last?.containersStatuses?.map(({ id }) => id), [ids[2], ids[0]]);
  });

  it('tell that a container ended that could not be started', async () => {
    const { parts } = world;
    const container = parts.containers.get(await createContainer(parts, parts.sandboxes.get(await run()), { config: containerConfig() }));
    const reader = parts.events.subscribe();
    world.containerd.faults.failNext('tasks.start', new CodedError('unknown', 'no'));
    await assert.rejects(startContainer(parts, container));
    const [event] = await take(reader, 1);
    assert.deepEqual([event?.type, event?.id], ['CONTAINER_STOPPED_EVENT', container.id]);
    assert.equal(event?.containers[0]?.status.exitCode, 128);
  });

  it('cost a reader that does not keep up the oldest, and nobody waits for it', async () => {
    const { log, lines } = recordingLog();
    const { sandboxes, containers } = world.parts;
    const events = new PodEvents({ log, sandboxes, containers });
    const [slow, fast] = [events.subscribe(), events.subscribe()];
    const told: string[] = [];
    for (let n = 0; n < 1500; n++) {
      events.emit({ type: 'CONTAINER_STOPPED_EVENT', id: String(n), sandboxId: 'none', atNs: 1n });
      told.push((await fast.next(never)).id);
    }
    assert.equal(told.length, 1500);
    assert.deepEqual(events.counts, { readers: 2, dropped: 500 });
    assert.equal(lines.length, 1, 'one line however many are missed');
    const left = await take(slow, 1000);
    assert.deepEqual([left[0]?.id, left.at(-1)?.id], ['500', '1499']);
    assert.deepEqual(lines.at(-1)?.fields, { dropped: 500 });
    slow.close();
    fast.close();
    assert.deepEqual(events.counts, { readers: 0, dropped: 500 });
  });
});
