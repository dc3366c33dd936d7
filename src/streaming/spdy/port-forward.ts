import { messageOf } from '../../lib/errors.ts';
import type { ConnectionTools } from '../endpoint.ts';
import type { Forward } from '../port-forward.ts';
import type { SpdyStream } from './stream.ts';

interface Pair {
  data?: SpdyStream;
  error?: SpdyStream;
  readonly timer: NodeJS.Timeout;
}

/**
 * The streams of a port-forward connection, two for each forward: one for its bytes and one on which an error is told.
 * They find each other by the header `requestid`.
 */
export class StreamPairs {
  readonly #tools: ConnectionTools;
  readonly #forward: (one: Forward) => Promise<void>;
  readonly #incomplete = new Map<string, Pair>();

  constructor(tools: ConnectionTools, forward: (one: Forward) => Promise<void>) {
    this.#tools = tools;
    this.#forward = forward;
  }

  /** Takes a stream; one that says neither what it is nor for which port is refused. */
  add(stream: SpdyStream, gone: AbortSignal): void {
    const kind = stream.headers.get('streamtype');
    const port = portOf(stream.headers.get('port'));
    if ((kind !== 'data' && kind !== 'error') || port === undefined) {
      stream.destroy();
      return;
    }
    const id = requestId(stream, kind);
    const pair = this.#incomplete.get(id) ?? this.#begin(id);
    if (pair[kind] !== undefined) {
      stream.destroy();
      return;
    }
    pair[kind] = stream;
    const { data, error } = pair;
    if (data === undefined || error === undefined) return;
    this.#forget(id, pair);
    void this.#serve(data, error, gone);
  }

  /** Forgets what never became complete; the connection is gone. */
  end(): void {
    for (const [id, pair] of this.#incomplete) this.#forget(id, pair);
  }

  async #serve(data: SpdyStream, error: SpdyStream, gone: AbortSignal): Promise<void> {
    error.resume();
    const port = portOf(data.headers.get('port')) ?? 0;
    try {
      await this.#forward({ port, source: data, sink: data, gone });
      error.end();
    } catch (failure) {
      tell(error, messageOf(failure));
      // Behind the words, which the client waits for, and which a reset of both could overtake.
      data.destroy();
    }
  }

  #begin(id: string): Pair {
    const { creationTimeoutMs } = this.#tools;
    const timer = setTimeout(() => {
      this.#incomplete.delete(id);
      if (pair.error !== undefined) tell(pair.error, `the data stream was not opened within ${creationTimeoutMs / 1000} s`);
      pair.data?.destroy();
    }, creationTimeoutMs);
    const pair: Pair = { timer };
    this.#incomplete.set(id, pair);
    return pair;
  }

  #forget(id: string, pair: Pair): void {
    clearTimeout(pair.timer);
    this.#incomplete.delete(id);
  }
}

function tell(error: SpdyStream, message: string): void {
  error.resume();
  error.end(message);
}

/** What joins a pair. Clients from before the header open the error stream and then, two numbers on, the data stream. */
function requestId(stream: SpdyStream, kind: 'data' | 'error'): string {
  const given = stream.headers.get('requestid');
  if (given !== undefined && given !== '') return `given ${given}`;
  return `made ${kind === 'error' ? stream.id : stream.id - 2}`;
}

function portOf(text: string | undefined): number | undefined {
  const port = /^\d{1,5}$/.test(text ?? '') ? Number(text) : 0;
  return port >= 1 && port <= 65_535 ? port : undefined;
}
