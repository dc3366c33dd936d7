import assert from 'node:assert/strict';
import fc from 'fast-check';
import { sendItems } from '../../../src/cri/batches.ts';
import { encodedContainer } from '../../../src/cri/runtime/list-containers.ts';
import { encodedSandbox } from '../../../src/cri/runtime/list-pod-sandbox.ts';
import { toContainer } from '../../../src/cri/runtime/container-message.ts';
import { toPodSandbox } from '../../../src/cri/runtime/sandbox-message.ts';
import { loadCriServices } from '../../../src/cri/service.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld } from '../../support/pod-world.ts';

/** Sends items of these sizes and returns the sizes of the messages. */
async function messageSizes(sizes: readonly number[]): Promise<number[]> {
  const messages: number[] = [];
  await sendItems(sizes, (size) => Buffer.alloc(size), async ({ encoded }) => void messages.push(encoded.length));
  return messages;
}

describe('a streamed list', () => {
  it('is no message at all where nothing is in it', async () => {
    assert.deepEqual(await messageSizes([]), []);
    const none: Buffer[] = [];
    await sendItems([1, 2], () => undefined, async ({ encoded }) => void none.push(encoded));
    assert.deepEqual(none, []);
  });

  it('is many messages of at most 100 items and 16 kB, however long it is', async () => {
    assert.deepEqual(await messageSizes(Array.from({ length: 250 }, () => 10)), [1000, 1000, 500]);
    assert.deepEqual(await messageSizes([10_000, 5_000, 5_000, 100_000, 1]), [15_000, 5_000, 100_000, 1]);
  });

  it('has every item once, in order', async () => {
    const items = fc.array(fc.uint8Array({ minLength: 1, maxLength: 40_000 }), { maxLength: 12 });
    await fc.assert(
      fc.asyncProperty(items, async (pieces) => {
        const messages: Buffer[] = [];
        await sendItems(pieces, (piece) => Buffer.from(piece), async ({ encoded }) => void messages.push(encoded));
        assert.deepEqual(Buffer.concat(messages), Buffer.concat(pieces));
        assert.ok(messages.every((message) => message.length > 0));
      }),
      { numRuns: 30 },
    );
  });

  it('encodes no item before the message ahead of it is taken', async () => {
    let [encoded, sent] = [0, 0];
    await sendItems(
      Array.from({ length: 1000 }),
      () => {
        encoded++;
        assert.ok(encoded - sent <= 100, `${encoded - sent} items were in memory at a time`);
        return Buffer.alloc(1);
      },
      async (message) => {
        sent += message.encoded.length;
      },
    );
  });

  it('lets others have their turn between its messages', async () => {
    let [messages, turns] = [0, 0];
    const timer = setImmediate(function again(): void {
      turns++;
      next = setImmediate(again);
    });
    let next = timer;
    await sendItems(Array.from({ length: 1000 }), () => Buffer.alloc(1), async () => void messages++);
    clearImmediate(next);
    assert.equal(messages, 10);
    assert.ok(turns >= 8, `${turns} turns in ${messages} messages`);
  });

  it('has items of the same bytes as the list, which keeps them', async () => {
    const world = await makePodWorld();
    try {
      const services = loadCriServices();
      const sandbox = world.parts.sandboxes.get(await runSandbox(world.parts, { config: sandboxConfig(), runtimeHandler: '' }));
      const id = await createContainer(world.parts, sandbox, { config: containerConfig() });
      const container = world.parts.containers.get(id);
      assert.deepEqual(
        encodedSandbox(services, sandbox),
        services.encodeResponse('StreamPodSandboxes', { podSandboxes: [toPodSandbox(sandbox)] }),
      );
      assert.deepEqual(
        encodedContainer(services, container),
        services.encodeResponse('StreamContainers', { containers: [toContainer(container)] }),
      );
    } finally {
      await world.end();
    }
  });
});
