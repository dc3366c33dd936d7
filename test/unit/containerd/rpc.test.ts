import assert from 'node:assert/strict';
import { status } from '@grpc/grpc-js';
import type { Metadata, sendUnaryData, ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import { deferred } from '../../../src/lib/deferred.ts';
import { CodedError } from '../../../src/lib/errors.ts';
import { StubContainerd } from './stub-containerd.ts';

type Unary = (call: ServerUnaryCall<unknown, unknown>, answer: sendUnaryData<object>) => void;
const kind = (expected: string) => (error: unknown) => error instanceof CodedError && error.kind === expected;

describe('calls to containerd', () => {
  let stub: StubContainerd;
  beforeEach(() => {
    stub = new StubContainerd();
  });
  afterEach(() => stub.close());

  it('carry the namespace always and the lease when there is one', async () => {
    const seen: Metadata[] = [];
    const Delete: Unary = (call, answer) => {
      seen.push(call.metadata);
      answer(null, {});
    };
    await stub.serve({ containers: { Delete } });
    const client = stub.client();
    await client.containers.delete('a', { lease: 'l' });
    await client.containers.delete('b');
    assert.deepEqual(seen.map((metadata) => metadata.get('containerd-namespace')), [['stub'], ['stub']]);
    assert.deepEqual(seen.map((metadata) => metadata.get('containerd-lease')), [['l'], []]);
  });

  it('end on the server too when their signal aborts, with the signal’s reason', async () => {
    const arrived = deferred();
    const cancelled = deferred();
    const Wait: Unary = (call) => {
      call.on('cancelled', () => cancelled.resolve());
      arrived.resolve();
    };
    await stub.serve({ tasks: { Wait } });
    const controller = new AbortController();
    const waiting = stub.client().tasks.wait('a', '', { signal: controller.signal });
    await arrived.promise;
    controller.abort(new CodedError('failedPrecondition', 'changed my mind'));
    await assert.rejects(waiting, (error: unknown) => {
      assert.equal(String(error), 'CodedError: wait for task "a": changed my mind');
      return kind('failedPrecondition')(error);
    });
    await cancelled.promise;
  });

  it('are not made at all when their signal has aborted', async () => {
    await assert.rejects(stub.client().tasks.kill('a', { signal: 9 }, { signal: AbortSignal.abort() }), kind('canceled'));
  });

  it('end at their time limit', async () => {
    await stub.serve({ tasks: { Kill: () => {} } });
    await assert.rejects(stub.client().tasks.kill('a', { signal: 9 }, { timeoutMs: 30 }), kind('deadlineExceeded'));
  });

  it('fail at once, and say why, when containerd is not there', async () => {
    await assert.rejects(stub.client().containers.get('a'), (error: unknown) => {
      assert.match(String(error), /get container record "a": containerd cannot be reached: connect ENOENT/);
      return kind('unavailable')(error);
    });
  });

  it('take answers of more than gRPC’s usual 4 MiB', async () => {
    const image = 'x'.repeat(8 * 1024 * 1024);
    const Get: Unary = (_, answer) => answer(null, { container: { id: 'a', image } });
    await stub.serve({ containers: { Get } });
    assert.equal((await stub.client().containers.get('a')).image.length, image.length);
  });

  it('that stream are cancelled when their reader has had enough', async () => {
    const cancelled = deferred();
    const Read = (call: ServerWritableStream<unknown, object>): void => {
      call.on('cancelled', () => cancelled.resolve());
      call.write({ data: Buffer.alloc(100) });
    };
    await stub.serve({ content: { Read } });
    await assert.rejects(stub.client().content.read('sha256:a', { maxBytes: 99 }), kind('resourceExhausted'));
    await cancelled.promise;
  });

  it('that stream fail with containerd’s error', async () => {
    const Read = (call: ServerWritableStream<unknown, object>): void => {
      call.emit('error', Object.assign(new Error(), { code: status.NOT_FOUND, details: 'no such blob' }));
    };
    await stub.serve({ content: { Read } });
    await assert.rejects(stub.client().content.read('sha256:a'), (error: unknown) => {
      assert.equal(String(error), 'CodedError: read content "sha256:a": no such blob');
      return kind('notFound')(error);
    });
  });
});
