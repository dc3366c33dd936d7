import type { StreamingDefinition } from '../types/containerd/containerd/services/streaming/v1/Streaming.ts';
import { throwIfAborted } from '../lib/abort.ts';
import { CodedError } from '../lib/errors.ts';
import { fromWireAny, toWireAny } from './any.ts';
import type { Any } from './any.ts';
import { toCodedError } from './errors.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import type { TypeUrls } from './typeurl.ts';

/** A side channel of another call: what containerd sends is iterated over, once. */
export interface AnyStream extends AsyncIterable<Any> {
  send(message: Any): void;
  /** Ends the stream; the iteration then ends too. */
  close(): void;
}

/** containerd's streaming service: streams by an id that another call then names. */
export class Streaming {
  readonly #rpc: Rpc;
  readonly #methods: StreamingDefinition;
  readonly #types: TypeUrls;

  constructor(rpc: Rpc, methods: StreamingDefinition, types: TypeUrls) {
    this.#rpc = rpc;
    this.#methods = methods;
    this.#types = types;
  }

  /**
   * Opens a stream and waits until containerd knows it. Give a lease: containerd forgets a stream only when
   * whoever uses it closes it, or with its lease.
   */
  async open(id: string, options: CallOptions = {}): Promise<AnyStream> {
    const { signal } = options;
    const what = `open stream "${id}"`;
    throwIfAborted(signal, what);
    const call = this.#rpc.duplex(this.#methods.Stream, options);
    let closed = false;
    const close = (): void => {
      closed = true;
      signal?.removeEventListener('abort', cancel);
      call.cancel();
    };
    const cancel = (): void => call.cancel();
    signal?.addEventListener('abort', cancel, { once: true });
    call.on('error', () => {}); // it is thrown by the iteration; without a listener it would be by the process
    const messages = call[Symbol.asyncIterator]();
    const next = async (): Promise<Any | undefined> => {
      try {
        const result = await messages.next();
        return result.done || closed ? undefined : fromWireAny(result.value);
      } catch (error) {
        if (closed) return undefined;
        throw toCodedError(what, error, signal);
      }
    };
    try {
      call.write(toWireAny(this.#types.encode('containerd.services.streaming.v1.StreamInit', { id })));
      if ((await next()) === undefined) throw new CodedError('unavailable', `${what}: containerd ended it at once`);
    } catch (error) {
      close();
      throw error;
    }
    return {
      send(message) {
        if (!closed) call.write(toWireAny(message));
      },
      close,
      async *[Symbol.asyncIterator]() {
        for (let message = await next(); message !== undefined; message = await next()) yield message;
      },
    };
  }
}
