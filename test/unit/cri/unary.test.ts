import { strict as assert } from 'node:assert';
import { status } from '@grpc/grpc-js';
import { CodedError } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { levelOf } from '../../../src/cri/call.ts';
import { recordingLog, withServer } from '../../support/cri-client.ts';

const ask = { containerId: 'c1' };

describe('the unary adapter', () => {
  it('answers a CodedError with the status of its kind', async () => {
    const handlers = {
      ContainerStatus: async () => {
        throw new CodedError('notFound', 'container "c1": not known');
      },
    };
    await withServer(handlers, async (client) => {
      const { code, details } = await client.call('ContainerStatus', ask);
      assert.equal(code, status.NOT_FOUND);
      assert.equal(details, 'container "c1": not known');
    });
  });

  it('answers INTERNAL to a handler that throws before its first await', async () => {
    const handlers = {
      ContainerStatus: (): Promise<never> => {
        throw new TypeError('x is not a function');
      },
    };
    const { log, lines } = recordingLog();
    await withServer(
      handlers,
      async (client) => {
        const { code, details } = await client.call('ContainerStatus', ask);
        assert.equal(code, status.INTERNAL);
        assert.equal(details, 'internal error: x is not a function');
      },
      log,
    );
    const line = lines.find(({ message }) => message === 'rpc failed unexpectedly');
    assert.equal(line?.level, 'error');
    assert.ok(line !== undefined);
    assert.match((line.fields as { stack: string }).stack, /unary\.test\.ts/);
  });

  it('answers INTERNAL whatever is thrown', async () => {
    const thrown: unknown[] = [undefined, null, 'text', 7, Object.create(null)];
    const handlers = {
      ContainerStatus: async () => {
        throw thrown.shift();
      },
    };
    await withServer(handlers, async (client) => {
      while (thrown.length > 0) {
        assert.equal((await client.call('ContainerStatus', ask)).code, status.INTERNAL);
      }
    });
  });

  it('aborts the signal with deadlineExceeded when the deadline passes', async () => {
    const reason = deferred<unknown>();
    const handlers = {
      StopContainer: async (_request: object, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', () => reason.resolve(signal.reason));
        await reason.promise;
        return {};
      },
    };
    await withServer(handlers, async (client) => {
      const { code } = await client.call('StopContainer', ask, { deadline: Date.now() + 50 });
      assert.equal(code, status.DEADLINE_EXCEEDED);
      const aborted = await reason.promise;
      assert.ok(aborted instanceof CodedError);
      // A client that counts more exactly gives up a moment before the server's own timer.
      assert.ok(aborted.kind === 'deadlineExceeded' || aborted.kind === 'canceled');
    });
  });

  it('aborts the signal with canceled when the client gives up', async () => {
    const inside = deferred();
    const reason = deferred<unknown>();
    const handlers = {
      StopContainer: async (_request: object, { signal }: { signal: AbortSignal }) => {
        signal.addEventListener('abort', () => reason.resolve(signal.reason));
        inside.resolve();
        await reason.promise;
        signal.throwIfAborted();
        return {};
      },
    };
    const { log, lines } = recordingLog();
    await withServer(
      handlers,
      async (client) => {
        const answer = client.call('StopContainer', ask, {}, (cancel) => void inside.promise.then(cancel));
        assert.equal((await answer).code, status.CANCELLED);
        const aborted = await reason.promise;
        assert.ok(aborted instanceof CodedError && aborted.kind === 'canceled');
      },
      log,
    );
    assert.ok(lines.some(({ level, message }) => level === 'info' && message === 'rpc failed'));
  });

  it('leaves the signal alone when a call has ended well', async () => {
    const signals: AbortSignal[] = [];
    const handlers = {
      StopContainer: async (_request: object, { signal }: { signal: AbortSignal }) => {
        signals.push(signal);
        return {};
      },
    };
    await withServer(handlers, async (client) => {
      await client.call('StopContainer', ask);
      await client.call('StopContainer', ask);
      assert.equal(signals[0]?.aborted, false);
    });
  });

  it('logs the RPC, its ids and its duration, and nothing else of the request', async () => {
    const { log, lines } = recordingLog();
    const handlers = { PullImage: async () => ({ imageRef: 'sha256:0' }), CreateContainer: async () => ({ containerId: 'c' }) };
    await withServer(
      handlers,
      async (client) => {
        await client.call('PullImage', {
          image: { image: 'busybox:1' },
          auth: { username: 'user', password: 'secret', auth: 'secret', identityToken: 'secret', registryToken: 'secret' },
        });
        await client.call('CreateContainer', {
          podSandboxId: 'p1',
          config: { metadata: { name: 'web' }, envs: [{ key: 'TOKEN', value: Buffer.from('secret') }] },
        });
      },
      log,
    );
    const calls = lines.filter(({ message }) => message === 'rpc done');
    assert.deepEqual(
      calls.map(({ fields, level }) => ({ ...fields, ms: 0, level })),
      [
        { rpc: 'PullImage', image: 'busybox:1', ms: 0, level: 'debug' },
        { rpc: 'CreateContainer', podSandboxId: 'p1', container: 'web', ms: 0, level: 'debug' },
      ],
    );
    assert.ok(!JSON.stringify(lines).includes('secret'));
  });

  it('keeps what a polling client got wrong out of the log', () => {
    assert.equal(levelOf('notFound', true), 'debug');
    assert.equal(levelOf('notFound', false), 'info');
    assert.equal(levelOf('unavailable', true), 'warn');
    assert.equal(levelOf('internal', true), 'error');
  });
});
