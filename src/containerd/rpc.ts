import { Client, Metadata } from '@grpc/grpc-js';
import type { CallOptions as GrpcCallOptions, ClientDuplexStream } from '@grpc/grpc-js';
import { throwIfAborted } from '../lib/abort.ts';
import { toCodedError } from './errors.ts';

/** What a caller can say about one call. */
export interface CallOptions {
  /** Cancels the call; what it then throws carries the signal's reason. */
  readonly signal?: AbortSignal;
  /** The lease that holds on to what the call makes. */
  readonly lease?: string;
  /** How long the call may take; 0 for no limit. 2 minutes unless the call says otherwise. */
  readonly timeoutMs?: number;
}

/** The part of a method's definition that a client needs. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (value: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

// The kubelet's own limit for most calls is 2 minutes: nobody waits longer for what stands behind them.
const DEFAULT_TIMEOUT_MS = 120_000;
const NO_LIMIT = 0;

/** Calls in one namespace over one channel; turns every failure into a CodedError. */
export class Rpc {
  readonly #client: Client;
  readonly #metadata: Metadata;

  constructor(client: Client, namespace: string) {
    this.#client = client;
    this.#metadata = new Metadata();
    this.#metadata.set('containerd-namespace', namespace);
  }

  /** One request, one answer. `what` says what is being tried, for the error. */
  async unary<Q, R>(method: Method<Q, R>, request: Q, what: string, options: CallOptions = {}): Promise<R> {
    const { signal } = options;
    throwIfAborted(signal, what);
    const limits = grpcOptions(options, DEFAULT_TIMEOUT_MS);
    return new Promise<R>((resolve, reject) => {
      const onAbort = (): void => call.cancel();
      const call = this.#client.makeUnaryRequest(
        method.path,
        method.requestSerialize,
        method.responseDeserialize,
        request,
        this.#metadataFor(options),
        limits,
        (error, response) => {
          signal?.removeEventListener('abort', onAbort);
          if (error !== null) reject(toCodedError(what, error, signal, limits.deadline));
          else if (response === undefined) reject(toCodedError(what, new Error('no answer')));
          else resolve(response);
        },
      );
      signal?.addEventListener('abort', onAbort, { once: true });
    });
  }

  /** One request, many answers; leaving the loop cancels the call. Without `timeoutMs` it has no limit. */
  async *stream<Q, R>(method: Method<Q, R>, request: Q, what: string, options: CallOptions = {}): AsyncGenerator<R> {
    const { signal } = options;
    throwIfAborted(signal, what);
    const call = this.#client.makeServerStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      this.#metadataFor(options),
      grpcOptions(options, NO_LIMIT),
    );
    const onAbort = (): void => call.cancel();
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      for await (const response of call as AsyncIterable<R>) yield response;
    } catch (error) {
      throw toCodedError(what, error, signal);
    } finally {
      signal?.removeEventListener('abort', onAbort);
      // Destroying the stream, as the end of a loop does, leaves the call open in grpc-js.
      call.on('error', () => {});
      call.cancel();
    }
  }

  /** Messages both ways, as grpc-js has it: the caller handles its errors. Without `timeoutMs` it has no limit. */
  duplex<Q, R>(method: Method<Q, R>, options: CallOptions = {}): ClientDuplexStream<Q, R> {
    return this.#client.makeBidiStreamRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      this.#metadataFor(options),
      grpcOptions(options, NO_LIMIT),
    );
  }

  #metadataFor(options: CallOptions): Metadata {
    if (options.lease === undefined) return this.#metadata; // grpc-js works on a copy
    const metadata = this.#metadata.clone();
    metadata.set('containerd-lease', options.lease);
    return metadata;
  }
}

function grpcOptions(options: CallOptions, defaultMs: number): GrpcCallOptions & { readonly deadline?: number } {
  const timeoutMs = options.timeoutMs ?? defaultMs;
  return timeoutMs === NO_LIMIT ? {} : { deadline: Date.now() + timeoutMs };
}
