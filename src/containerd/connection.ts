import { connectivityState } from '@grpc/grpc-js';
import type { Client } from '@grpc/grpc-js';
import { throwIfAborted, untilAborted } from '../lib/abort.ts';
import { deferred } from '../lib/deferred.ts';
import { CodedError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

/** Whether containerd can be reached; `reason` says why not and is empty when it can. */
export interface ConnectionState {
  readonly connected: boolean;
  readonly reason: string;
}

const HOLD_MS = 60_000;

/**
 * Watches the channel to containerd and keeps it connected: an idle channel would reconnect only with the
 * next call, and until then nobody would know that containerd is gone.
 */
export class Connection {
  readonly #client: Client;
  readonly #address: string;
  readonly #log: Log;
  readonly #findReason: () => Promise<string>;
  readonly #listeners = new Set<(state: ConnectionState) => void>();
  #state: ConnectionState;
  #closed = false;

  /** `findReason` makes a call that fails, to learn why: a channel does not tell. */
  constructor(client: Client, address: string, log: Log, findReason: () => Promise<string>) {
    this.#client = client;
    this.#address = address;
    this.#log = log;
    this.#findReason = findReason;
    this.#state = { connected: false, reason: `not yet connected to containerd at ${address}` };
    this.#watch();
  }

  get state(): ConnectionState {
    return this.#state;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Calls `listener` with each change from now on; the returned function ends that. */
  onChange(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when connected, at once when that is so; rejects when the signal aborts or after `close`. */
  async waitReady(signal?: AbortSignal): Promise<void> {
    const what = `wait for containerd at ${this.#address}`;
    throwIfAborted(signal, what);
    if (this.#closed) throw new CodedError('canceled', `${what}: the client is closed`);
    if (this.#state.connected) return;
    const ready = deferred();
    const unsubscribe = this.onChange((state) => {
      if (state.connected) ready.resolve();
      else if (this.#closed) ready.reject(new CodedError('canceled', `${what}: the client is closed`));
    });
    // Nothing of grpc-js holds the event loop while it connects: a daemon that only waits for containerd would end.
    const hold = setInterval(() => {}, HOLD_MS);
    try {
      await untilAborted(ready.promise, signal, what);
    } finally {
      clearInterval(hold);
      unsubscribe();
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#client.close();
    this.#set({ connected: false, reason: 'the client is closed' });
  }

  #watch(): void {
    if (this.#closed) return;
    const channel = this.#client.getChannel();
    const current = channel.getConnectivityState(true);
    this.#note(current);
    channel.watchConnectivityState(current, Infinity, () => this.#watch());
  }

  #note(current: connectivityState): void {
    if (current === connectivityState.READY) {
      this.#set({ connected: true, reason: '' });
      return;
    }
    if (this.#state.connected) {
      this.#set({ connected: false, reason: `the connection to containerd at ${this.#address} was lost` });
    }
    if (current === connectivityState.TRANSIENT_FAILURE) void this.#noteReason();
  }

  async #noteReason(): Promise<void> {
    const reason = await this.#findReason();
    if (reason === '' || this.#closed || this.#state.connected) return;
    this.#set({ connected: false, reason: `containerd at ${this.#address} cannot be reached: ${reason}` });
  }

  #set(state: ConnectionState): void {
    const before = this.#state;
    if (before.connected === state.connected && before.reason === state.reason) return;
    this.#state = state;
    if (!this.#closed) {
      if (state.connected) this.#log.info({ address: this.#address }, 'connected to containerd');
      else if (before.connected) this.#log.warn({ address: this.#address }, 'lost containerd');
      else this.#log.warn({ reason: state.reason }, 'containerd cannot be reached');
    }
    for (const listener of this.#listeners) listener(state);
  }
}
