import type { Readable, Writable } from 'node:stream';
import { messageOf } from '../lib/errors.ts';
import type { TerminalSize } from '../pod/ports.ts';

/** Which streams an exec or attach has, as the CRI request said. */
export interface WantedStreams {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** How an exec or attach ended, to be told to its client. */
export type Outcome = { readonly exitCode: number } | { readonly error: unknown };

/** A client with its streams, whichever protocol it speaks. */
export interface RemoteSession {
  readonly stdin: Readable | undefined;
  readonly stdout: Writable | undefined;
  readonly stderr: Writable | undefined;
  /** The sizes of the client's terminal. */
  readonly sizes: TerminalSizes;
  /** Aborts when the client has gone. */
  readonly gone: AbortSignal;
  /**
   * Tells the outcome behind the last byte of output, whose streams have to be at their end, and closes. Resolves when
   * it is sent; never rejects, as nobody is left to be told then.
   */
  finish(outcome: Outcome): Promise<void>;
}

/** The last known size of a client's terminal, and whoever wants to know of the next. */
export class TerminalSizes {
  #last: TerminalSize | undefined;
  #listener: ((size: TerminalSize) => void) | undefined;

  /** A size that came before anybody listened is what the process begins with. */
  get last(): TerminalSize | undefined {
    return this.#last;
  }

  /** Hands on every size from now on, and the last one before at once. */
  listen(listener: (size: TerminalSize) => void): void {
    this.#listener = listener;
    if (this.#last !== undefined) listener(this.#last);
  }

  set(size: TerminalSize): void {
    this.#last = size;
    this.#listener?.(size);
  }
}

/** The channel protocols, the newest first: what the error stream carries and which streams there are differ. */
export const channelProtocols = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'] as const;
export type ChannelProtocol = (typeof channelProtocols)[number];

/** Whether a protocol has a stream for sizes of the terminal. */
export function hasResize(protocol: ChannelProtocol): boolean {
  return protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io';
}

/**
 * What the error stream says: a metav1.Status as JSON, or, to clients from before it, a text, or nothing when all
 * went well.
 */
export function outcomeText(outcome: Outcome, as: 'json' | 'text'): string {
  const status = outcomeStatus(outcome);
  if (as === 'json') return JSON.stringify(status);
  return status.status === 'Success' ? '' : status.message;
}

type Status =
  | { readonly metadata: object; readonly status: 'Success' }
  | {
      readonly metadata: object;
      readonly status: 'Failure';
      readonly message: string;
      readonly reason: string;
      readonly details?: object;
      readonly code?: number;
    };

function outcomeStatus(outcome: Outcome): Status {
  if ('error' in outcome) {
    const message = messageOf(outcome.error);
    return {
      metadata: {},
      status: 'Failure',
      message,
      reason: 'InternalError',
      details: { causes: [{ message }] },
      code: 500,
    };
  }
  if (outcome.exitCode === 0) return { metadata: {}, status: 'Success' };
  // kubectl takes the code from the cause; the message is what older clients show.
  return {
    metadata: {},
    status: 'Failure',
    message: `command terminated with non-zero exit code: exit status ${outcome.exitCode}`,
    reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(outcome.exitCode) }] },
  };
}

/** How much of a size message may wait for its end; a size has some 30 bytes. */
const maxSizeBytes = 4096;

/** Reads the sizes in a resize stream: JSON objects one behind the other. What is no size is passed over. */
export class SizeReader {
  #text = '';

  /** The sizes that end in this piece. */
  push(bytes: Buffer): TerminalSize[] {
    this.#text += bytes.toString('latin1');
    const sizes: TerminalSize[] = [];
    for (let end = this.#text.indexOf('}'); end !== -1; end = this.#text.indexOf('}')) {
      const size = parseSize(this.#text.slice(this.#text.lastIndexOf('{', end), end + 1));
      if (size !== undefined) sizes.push(size);
      this.#text = this.#text.slice(end + 1);
    }
    if (this.#text.length > maxSizeBytes) this.#text = '';
    return sizes;
  }
}

function parseSize(text: string): TerminalSize | undefined {
  try {
    const { Width: width, Height: height } = JSON.parse(text) as { Width?: unknown; Height?: unknown };
    return isLength(width) && isLength(height) ? { width, height } : undefined;
  } catch {
    return undefined;
  }
}

// As the kernel has it, in 16 bits.
function isLength(value: unknown): value is number {
  return Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 0xffff;
}
