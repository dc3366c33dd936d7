import { strict as assert } from 'node:assert';
import { status } from '@grpc/grpc-js';
import { CodedError } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { withServer, type CriClient } from '../../support/cri-client.ts';

type Send = (message: object) => Promise<void>;

function readAll(client: CriClient, rpc: string): Promise<{ messages: object[]; code: number; details: string }> {
  const messages: object[] = [];
  const stream = client.stream(rpc, {});
  stream.on('data', (message: object) => messages.push(message));
  return new Promise((resolve) => {
    stream.on('error', (error: Error & { code: number; details: string }) => {
      resolve({ messages, code: error.code, details: error.details });
    });
    stream.on('end', () => resolve({ messages, code: status.OK, details: '' }));
  });
}

describe('the streaming adapter', () => {
  it('sends every message in order and then the end', async () => {
    const handlers = {
      StreamContainers: async (_request: object, _context: object, send: Send) => {
        for (let n = 0; n < 500; n++) await send({ containers: [{ id: String(n) }] });
      },
    };
    await withServer(handlers, async (client) => {
      const { messages, code } = await readAll(client, 'StreamContainers');
      assert.equal(code, status.OK);
      assert.deepEqual(
        messages.map((message) => (message as { containers: { id: string }[] }).containers[0]?.id),
        Array.from({ length: 500 }, (_, n) => String(n)),
      );
    });
  });

  it('ends with the status of what was thrown, after what was sent', async () => {
    const handlers = {
      StreamContainers: async (_request: object, _context: object, send: Send) => {
        await send({ containers: [{ id: 'a' }] });
        throw new CodedError('unavailable', 'containerd went away');
      },
    };
    await withServer(handlers, async (client) => {
      const { messages, code, details } = await readAll(client, 'StreamContainers');
      assert.deepEqual({ n: messages.length, code, details }, { n: 1, code: status.UNAVAILABLE, details: 'containerd went away' });
    });
  });

  it('waits with the next message until the client has taken the last, and lets go when it leaves', async () => {
    const ended = deferred<unknown>();
    let sent = 0;
    const block = 'x'.repeat(1024 * 1024);
    const handlers = {
      StreamContainers: async (_request: object, _context: object, send: Send) => {
        try {
          for (;;) {
            await send({ containers: [{ id: block }] });
            sent++;
          }
        } catch (error) {
          ended.resolve(error);
          throw error;
        }
      },
    };
    await withServer(handlers, async (client) => {
      const stream = client.stream('StreamContainers', {});
      stream.on('error', () => {});
      stream.once('readable', () => stream.cancel());
      const error = await ended.promise;
      assert.ok(error instanceof CodedError && error.kind === 'canceled');
      // Without flow control the loop above would have filled the memory before anybody could cancel it.
      assert.ok(sent < 100, `${sent} MiB were sent to a client that read nothing`);
    });
  });
});
