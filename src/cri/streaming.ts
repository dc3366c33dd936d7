import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import { Metadata } from '@grpc/grpc-js';
import type { CallScope } from './call.ts';
import type { CriServices } from './service.ts';
import type { Encoded, RpcName, StreamingRpc } from './handlers.ts';
import { runCall } from './call.ts';
import { throwIfAborted, untilAborted } from '../lib/abort.ts';

/** The one way from grpc-js to an RPC with a stream of answers. */
export function streaming(
  scope: CallScope,
  services: CriServices,
  name: RpcName,
  rpc: StreamingRpc<object, object>,
): handleServerStreamingCall<object, Encoded> {
  return (call) => {
    const act = runCall(scope, name, call, (context) =>
      rpc(call.request, context, async (message) => {
        throwIfAborted(context.signal, name);
        // grpc-js drops a message for a client that has gone and forgets to say so, hence the race.
        await untilAborted(write(call, services.toEncoded(name, message)), context.signal, name);
      }),
    );
    // At once, not with the first message: to a client that listens for events they say that it listens.
    call.sendMetadata(new Metadata());
    void act.then((outcome) => {
      if ('failure' in outcome) call.emit('error', outcome.failure);
      else call.end();
    });
  };
}

function write(call: ServerWritableStream<object, Encoded>, message: Encoded): Promise<void> {
  return new Promise((resolve, reject) => {
    call.write(message, (error: Error | null | undefined) => {
      if (error) reject(error);
      else resolve();
    });
  });
}
