import type { handleUnaryCall } from '@grpc/grpc-js';
import type { CallScope } from './call.ts';
import type { CriServices } from './service.ts';
import type { Encoded, RpcName, UnaryRpc } from './handlers.ts';
import { runCall } from './call.ts';

/** The one way from grpc-js to an RPC with one answer. */
export function unary(
  scope: CallScope,
  services: CriServices,
  name: RpcName,
  rpc: UnaryRpc<object, object>,
): handleUnaryCall<object, Encoded> {
  return (call, callback) => {
    // Encoding belongs to the call: an answer that does not fit its message is a bug to be logged like any other.
    const act = runCall(scope, name, call, async (context) => services.toEncoded(name, await rpc(call.request, context)));
    void act.then((outcome) => {
      if ('failure' in outcome) callback(outcome.failure);
      else callback(null, outcome.value);
    });
  };
}
