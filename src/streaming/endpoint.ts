import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Log } from '../lib/log.ts';
import type { Pacer } from './pacer.ts';
import type { Refusal, Transport } from './request.ts';

/** What waits behind a token. */
export interface Endpoint {
  /** Settles with the client how to speak: a refusal, or what then serves it. */
  prepare(request: IncomingMessage, transport: Transport): Refusal | Acceptance;
}

/** A client that is served from here on. */
export interface Acceptance {
  /** Completes the upgrade on the request's socket and serves until all is done. */
  serve(socket: Duplex, head: Buffer): Promise<void>;
}

/** What every connection is given. */
export interface ConnectionTools {
  readonly log: Log;
  /** How long a connection may have nothing to say, ms. */
  readonly idleTimeoutMs: number;
  /** How long a client may take to open its streams, ms. */
  readonly creationTimeoutMs: number;
  readonly counters: StreamingCounters;
  /** In whose turns all of them read. */
  readonly pacer: Pacer;
  /** Aborts when podwright stops. */
  readonly stopping: AbortSignal;
}

/** What is counted over all connections. */
export interface StreamingCounters {
  /** Connections that were ended because the peer spoke against its protocol. */
  badInput: number;
}

/** Counts and reports a peer that spoke against its protocol. */
export function countBadInput(tools: ConnectionTools, why: string): void {
  tools.counters.badInput++;
  tools.log.warn({ error: why }, 'a streaming connection was ended for what its client sent');
}
