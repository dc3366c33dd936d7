import type { Readable, Writable } from 'node:stream';
import { CodedError } from '../../lib/errors.ts';
import { deferred } from '../../lib/deferred.ts';
import { untilAborted } from '../../lib/abort.ts';
import {
  type ChannelProtocol,
  hasResize,
  type Outcome,
  outcomeText,
  type RemoteSession,
  SizeReader,
  TerminalSizes,
  type WantedStreams,
} from '../remotecommand.ts';
import type { SpdyConnection } from './connection.ts';
import type { SpdyStream } from './stream.ts';

type Kind = 'error' | 'stdin' | 'stdout' | 'stderr' | 'resize';

/** How long the client may take to close once it has the outcome, ms; some lose the end of what they read otherwise. */
const closeMs = 5000;

/** Collects the streams of an exec or attach on a SPDY connection, and is then the session over them. */
export class SpdySession implements RemoteSession {
  readonly sizes = new TerminalSizes();
  readonly #protocol: ChannelProtocol;
  readonly #missing: Set<Kind>;
  readonly #streams = new Map<Kind, SpdyStream>();
  readonly #complete = deferred();
  #connection: SpdyConnection | undefined;

  constructor(protocol: ChannelProtocol, wanted: WantedStreams) {
    this.#protocol = protocol;
    const kinds: Kind[] = ['error'];
    for (const kind of ['stdin', 'stdout', 'stderr'] as const) if (wanted[kind]) kinds.push(kind);
    if (wanted.tty && hasResize(protocol)) kinds.push('resize');
    this.#missing = new Set(kinds);
  }

  get stdin(): Readable | undefined {
    return this.#streams.get('stdin');
  }

  get stdout(): Writable | undefined {
    return this.#streams.get('stdout');
  }

  get stderr(): Writable | undefined {
    return this.#streams.get('stderr');
  }

  get gone(): AbortSignal {
    return this.#open.gone;
  }

  /** Waits until the client has opened all streams; DEADLINE_EXCEEDED with those that are missing when it is late. */
  async opened(connection: SpdyConnection, timeoutMs: number, stopping: AbortSignal): Promise<void> {
    this.#connection = connection;
    const late = new AbortController();
    const timer = setTimeout(() => {
      const what = `the client has not opened its streams within ${timeoutMs / 1000} s`;
      late.abort(new CodedError('deadlineExceeded', `${what}: ${[...this.#missing].join(', ')} missing`));
    }, timeoutMs);
    try {
      await untilAborted(this.#complete.promise, AbortSignal.any([late.signal, connection.gone, stopping]), 'wait for streams');
    } finally {
      clearTimeout(timer);
    }
  }

  /** Takes a stream that the client opened; one that nobody asked for is refused. */
  add(stream: SpdyStream): void {
    const kind = stream.headers.get('streamtype') as Kind | undefined;
    if (kind === undefined || !this.#missing.delete(kind)) {
      stream.destroy();
      return;
    }
    this.#streams.set(kind, stream);
    if (kind === 'resize') this.#readSizes(stream);
    // Nothing is to come on those that carry output, and what comes must not hold up the others.
    else if (kind !== 'stdin') stream.resume();
    // Clients of the first version wait for the server's end of stdin before they send.
    if (kind === 'stdin' && this.#protocol === 'channel.k8s.io') stream.end();
    if (this.#missing.size === 0) this.#complete.resolve();
  }

  async finish(outcome: Outcome): Promise<void> {
    const as = this.#protocol === 'v4.channel.k8s.io' ? 'json' : 'text';
    const text = outcomeText(outcome, as);
    await Promise.all([sent(this.stdout), sent(this.stderr)]);
    await sent(this.#streams.get('error'), text);
    if (!this.gone.aborted) {
      const patience = setTimeout(() => this.#open.close(), closeMs);
      this.gone.addEventListener('abort', () => clearTimeout(patience), { once: true });
    }
  }

  #readSizes(stream: SpdyStream): void {
    const reader = new SizeReader();
    stream.on('data', (bytes: Buffer) => {
      for (const size of reader.push(bytes)) this.sizes.set(size);
    });
  }

  get #open(): SpdyConnection {
    if (this.#connection === undefined) throw new CodedError('internal', 'the session has no connection yet');
    return this.#connection;
  }
}

/** Ends a stream, and resolves when its last byte has left, or cannot any more. */
function sent(stream: Writable | undefined, last = ''): Promise<void> {
  if (stream === undefined || stream.destroyed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once('close', resolve);
    stream.once('error', () => resolve());
    if (stream.writableFinished) resolve();
    else if (stream.writableEnded) stream.once('finish', resolve);
    else if (last === '') stream.end(() => resolve());
    else stream.end(last, () => resolve());
  });
}
