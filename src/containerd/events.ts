import { randomUUID } from 'node:crypto';
import type { EventsDefinition } from '../types/containerd/containerd/services/events/v1/Events.ts';
import type { Clock } from '../lib/clock.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { toWireAny } from './any.ts';
import type { Connection } from './connection.ts';
import { toEvent } from './event.ts';
import type { ContainerdEvent } from './event.ts';
import type { CallOptions, Rpc } from './rpc.ts';
import type { TypeUrls } from './typeurl.ts';

/** Who wants to know what, and until when. */
export interface EventSubscription {
  /** containerd filters, such as `topic=="/tasks/exit"`; an event of our namespace that any matches, or all, is told. */
  readonly filters?: readonly string[];
  /** Called in the order of containerd's events, also while `onGap` runs. Must not throw. */
  readonly onEvent: (event: ContainerdEvent) => void;
  /**
   * Called after the first and after each later subscription: events may have been missed before, and none will be
   * from now on, so what is asked from containerd now and what is told afterwards leave no hole. When it fails, the
   * subscription is made anew.
   */
  readonly onGap: () => Promise<void>;
  readonly signal: AbortSignal;
}

export interface EventsParts {
  readonly rpc: Rpc;
  readonly methods: EventsDefinition;
  readonly types: TypeUrls;
  readonly connection: Connection;
  readonly namespace: string;
  readonly clock: Clock;
  readonly log: Log;
}

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 2_000;
const FIRST_MARK_MS = 5;
const LONGEST_MARK_MS = 500;
const MARK_LIMIT_MS = 10_000;

/** containerd's event stream. */
export class Events {
  readonly #parts: EventsParts;

  constructor(parts: EventsParts) {
    this.#parts = parts;
  }

  /** Keeps a subscription open, whatever happens to containerd, until the signal aborts; then resolves. */
  async openEvents(subscription: EventSubscription): Promise<void> {
    const { signal } = subscription;
    let pauseMs = FIRST_PAUSE_MS;
    while (!signal.aborted) {
      try {
        await this.#parts.connection.waitReady(signal);
        await this.#subscribe(subscription, () => {
          pauseMs = FIRST_PAUSE_MS;
        });
      } catch (error) {
        if (signal.aborted || this.#parts.connection.closed) return;
        this.#parts.log.warn({ error: messageOf(error) }, 'the event stream broke and is opened again');
      }
      await this.#parts.clock.sleep(pauseMs, signal).catch(() => {});
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS);
    }
  }

  /** Publishes an event in our namespace. */
  async publish(topic: string, event: { typeUrl: string; value: Buffer }, options?: CallOptions): Promise<void> {
    const request = { topic, event: toWireAny(event) };
    await this.#parts.rpc.unary(this.#parts.methods.Publish, request, `publish event "${topic}"`, options);
  }

  /**
   * One subscription, until it breaks. containerd answers nothing when it has subscribed somebody: not even
   * headers come before the first event. So we publish events of our own, on a topic nobody else has, until
   * one comes back; by then nothing else can be missed either.
   */
  async #subscribe(subscription: EventSubscription, onEstablished: () => void): Promise<never> {
    const { rpc, methods } = this.#parts;
    const mark = `/podwright/subscribed/${randomUUID()}`;
    const broken = new AbortController();
    const signal = AbortSignal.any([subscription.signal, broken.signal]);
    const marked = new AbortController();
    const giveUp = (error: unknown): void => {
      if (!signal.aborted) broken.abort(error);
    };
    try {
      const filters = [...this.#scoped(subscription.filters ?? []), `topic==${JSON.stringify(mark)}`];
      const stream = rpc.stream(methods.Subscribe, { filters }, 'subscribe to events', { signal });
      void this.#markUntil(mark, AbortSignal.any([signal, marked.signal])).catch(giveUp);
      for await (const envelope of stream) {
        if (envelope.topic !== mark) {
          this.#tell(subscription, envelope);
        } else if (!marked.signal.aborted) {
          marked.abort();
          onEstablished();
          subscription.onGap().catch(giveUp);
        }
      }
      throw new CodedError('unavailable', 'containerd ended the event stream');
    } finally {
      broken.abort();
    }
  }

  /** Publishes the mark until the signal aborts, or throws when that takes too long. */
  async #markUntil(mark: string, signal: AbortSignal): Promise<void> {
    const empty = this.#parts.types.encode('google.protobuf.Empty', {});
    let waitedMs = 0;
    for (let waitMs = FIRST_MARK_MS; !signal.aborted; waitMs = Math.min(waitMs * 2, LONGEST_MARK_MS)) {
      try {
        await this.publish(mark, empty, { signal, timeoutMs: MARK_LIMIT_MS });
        await this.#parts.clock.sleep(waitMs, signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      waitedMs += waitMs;
      if (waitedMs > MARK_LIMIT_MS) throw new CodedError('deadlineExceeded', 'containerd sends no events');
    }
  }

  #tell(subscription: EventSubscription, envelope: Parameters<typeof toEvent>[1]): void {
    try {
      subscription.onEvent(toEvent(this.#parts.types, envelope));
    } catch (error) {
      this.#parts.log.error({ topic: envelope.topic, error: messageOf(error) }, 'could not take an event');
    }
  }

  #scoped(filters: readonly string[]): string[] {
    const namespace = `namespace==${JSON.stringify(this.#parts.namespace)}`;
    return filters.length === 0 ? [namespace] : filters.map((filter) => `${namespace},${filter}`);
  }
}
