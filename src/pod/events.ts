import { BoundedQueue } from '../lib/bounded-queue.ts';
import type { Log } from '../lib/log.ts';
import type { Container, ContainerRecord, ContainerStatus } from './container.ts';
import type { IdStore } from './id-store.ts';
import type { Sandbox, SandboxRecord } from './sandbox.ts';

/** What happened to a sandbox or a container, in the words of CRI's ContainerEventType. */
export interface PodEvent {
  readonly type: 'CONTAINER_CREATED_EVENT' | 'CONTAINER_STARTED_EVENT' | 'CONTAINER_STOPPED_EVENT' | 'CONTAINER_DELETED_EVENT';
  /** The container's id, or the sandbox's own. */
  readonly id: string;
  readonly sandboxId: string;
  readonly atNs: bigint;
}

/** An event with the Pod as it was then; a container that it tells the removal of is no more among them. */
export interface ToldEvent extends PodEvent {
  /** Undefined only where the sandbox's record is lost. */
  readonly sandbox: SandboxRecord | undefined;
  readonly containers: readonly { readonly record: ContainerRecord; readonly status: ContainerStatus }[];
}

/** One who reads the events from now on. */
export interface EventReader {
  /** The next event; rejects with the signal's reason. */
  next(signal: AbortSignal): Promise<ToldEvent>;
  close(): void;
}

/** How many events wait for a reader: what a node full of Pods makes of a reboot of all of them. */
const mostWaiting = 1000;

/**
 * Tells readers what happens to Pods. Whoever emits never waits: a reader that does not keep up misses the
 * oldest events, which a kubelet makes up for by listing.
 */
export class PodEvents {
  readonly #parts: { readonly log: Log; readonly sandboxes: IdStore<Sandbox>; readonly containers: IdStore<Container> };
  readonly #readers = new Set<(event: ToldEvent) => void>();
  #dropped = 0;

  constructor(parts: { readonly log: Log; readonly sandboxes: IdStore<Sandbox>; readonly containers: IdStore<Container> }) {
    this.#parts = parts;
  }

  /** How many read now, and how many events slow readers have missed since the start. */
  get counts(): { readonly readers: number; readonly dropped: number } {
    return { readers: this.#readers.size, dropped: this.#dropped };
  }

  /** Emitted while the sandbox can still be found, also for its own removal. */
  emit(event: PodEvent): void {
    if (this.#readers.size === 0) return;
    const { sandboxes, containers } = this.#parts;
    // Records and statuses are never changed, only replaced: holding them is a copy of the moment.
    const own = [...containers.values()].filter(({ sandboxId }) => sandboxId === event.sandboxId);
    const told: ToldEvent = {
      ...event,
      sandbox: sandboxes.find(event.sandboxId)?.record,
      containers: own.map(({ record, status }) => ({ record, status })),
    };
    for (const reader of this.#readers) reader(told);
  }

  subscribe(): EventReader {
    const { log } = this.#parts;
    const queue = new BoundedQueue<ToldEvent>(mostWaiting);
    let missed = 0;
    const take = (event: ToldEvent): void => {
      if (queue.push(event)) return;
      this.#dropped++;
      if (missed++ === 0) log.warn({ waiting: queue.size }, 'a reader of container events is too slow: it misses the oldest');
    };
    // Not with every event that it takes: a reader that stays too slow would fill the log.
    const report = (): void => {
      if (missed > 0) log.warn({ dropped: missed }, 'a reader of container events missed some');
      missed = 0;
    };
    this.#readers.add(take);
    return {
      next: async (signal) => {
        const event = await queue.next(signal);
        if (queue.size === 0) report();
        return event;
      },
      close: () => {
        if (this.#readers.delete(take)) report();
      },
    };
  }
}
