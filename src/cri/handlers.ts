import type * as grpc from '@grpc/grpc-js';
import type { Log } from '../lib/log.ts';
import type { ImageServiceHandlers } from '../types/cri/runtime/v1/ImageService.ts';
import type { RuntimeServiceHandlers } from '../types/cri/runtime/v1/RuntimeService.ts';
import { CodedError } from '../lib/errors.ts';
import { rpcNames } from './rpc-names.ts';

/** What an RPC is given beside its request. */
export interface CallContext {
  /** Aborts with a CodedError: `deadlineExceeded`, `canceled` by the client, or `unavailable` when podwright stops. */
  readonly signal: AbortSignal;
  /** Carries the RPC's name and the ids found in the request. */
  readonly log: Log;
}

/** A response in wire form, sent as it is: for answers put together from cached parts. See `encodeResponse`. */
export interface Encoded {
  readonly encoded: Buffer;
}

/** An RPC with one answer. Its CodedErrors become the status of that kind, anything else it throws INTERNAL. */
export type UnaryRpc<Request, Response> = (request: Request, context: CallContext) => Promise<Response | Encoded>;

/**
 * An RPC with a stream of answers, which ends when the promise settles. `send` resolves when the client has
 * room for more and rejects when the call is aborted, so awaiting it is all the flow control there is.
 */
export type StreamingRpc<Request, Response> = (
  request: Request,
  context: CallContext,
  send: (message: Response | Encoded) => Promise<void>,
) => Promise<void>;

// The generated interfaces carry an index signature, which would make every string an RPC.
type Named<T> = { [Name in keyof T as string extends Name ? never : number extends Name ? never : Name]: T[Name] };

type GrpcHandlers = Named<RuntimeServiceHandlers> & Named<ImageServiceHandlers>;

/** The 43 RPCs of CRI v1. */
export type RpcName = keyof GrpcHandlers;

type RpcOf<Handler> =
  Handler extends (...call: infer Call) => void
    ? Call extends [grpc.ServerUnaryCall<infer Request, infer Response>, unknown]
      ? UnaryRpc<Request, Response>
      : Call extends [grpc.ServerWritableStream<infer Request, infer Response>]
        ? StreamingRpc<Request, Response>
        : never
    : never;

/** One function for each RPC: `RpcHandlers['Version']` is the type of Version's. */
export type RpcHandlers = { readonly [Name in RpcName]: RpcOf<GrpcHandlers[Name]> };

/** The whole table: what is built as it is, and the rest answering UNIMPLEMENTED with the RPC's name. */
export function completeHandlers(built: Partial<RpcHandlers>): RpcHandlers {
  const table: Record<string, unknown> = {};
  for (const name of rpcNames) table[name] = built[name] ?? unimplemented(name);
  return table as unknown as RpcHandlers;
}

/** The RPCs that `built` leaves to UNIMPLEMENTED, for the log line at start. */
export function missingHandlers(built: Partial<RpcHandlers>): RpcName[] {
  return rpcNames.filter((name) => built[name] === undefined);
}

function unimplemented(name: RpcName): () => Promise<never> {
  return async () => {
    throw new CodedError('unimplemented', `${name} is not implemented by this version of podwright`);
  };
}
