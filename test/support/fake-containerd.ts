import { untilAborted } from '../../src/lib/abort.ts';
import { deferred } from '../../src/lib/deferred.ts';
import type { Deferred } from '../../src/lib/deferred.ts';
import type { CallOptions } from '../../src/containerd/rpc.ts';
import type { Containerd } from '../../src/containerd/client.ts';
import type { ConnectionState } from '../../src/containerd/connection.ts';
import { loadDefinitions } from '../../src/containerd/definitions.ts';
import type { ContainerdEvent } from '../../src/containerd/event.ts';
import type { Events, EventSubscription } from '../../src/containerd/events.ts';
import type { Snapshots } from '../../src/containerd/snapshots.ts';
import { TypeUrls } from '../../src/containerd/typeurl.ts';
import { FakeContent, FakeImages, FakeTransfer } from './containerd/fake-images.ts';
import { FakeContainers, FakeLeases, FakeSandboxes } from './containerd/fake-stores.ts';
import type { Public } from './containerd/fake-stores.ts';
import { FakeSnapshots } from './containerd/fake-snapshots.ts';
import { FakeTasks } from './containerd/fake-tasks.ts';
import { fieldsOf, matches } from './containerd/filters.ts';
import { collectGarbage, emptyWorld } from './containerd/world.ts';
import type { World } from './containerd/world.ts';

/** containerd's client as others see it: what the real one and the fake have in common. */
export interface ContainerdApi {
  readonly namespace: string;
  readonly containers: Public<Containerd['containers']>;
  readonly tasks: Public<Containerd['tasks']>;
  readonly images: Public<Containerd['images']>;
  readonly content: Public<Containerd['content']>;
  readonly leases: Public<Containerd['leases']>;
  readonly events: Pick<Public<Events>, 'openEvents'>;
  readonly transfer: Public<Containerd['transfer']>;
  readonly sandboxes: Public<Containerd['sandboxes']>;
  readonly types: TypeUrls;
  snapshots(snapshotter: string): Public<Snapshots>;
  version(options?: CallOptions): Promise<{ readonly version: string; readonly revision: string }>;
  state(): ConnectionState;
  onStateChange(listener: (state: ConnectionState) => void): () => void;
  waitReady(signal?: AbortSignal): Promise<void>;
  close(): void;
}

/**
 * A containerd in memory, which passes the contract suite of the real one (test/contract/containerd.ts).
 * `faults` fails or holds back calls by name, `disconnect` takes it away whole, `tasks.exit` ends processes.
 */
export class FakeContainerd implements ContainerdApi {
  readonly namespace = 'fake';
  readonly containers: FakeContainers;
  readonly tasks: FakeTasks;
  readonly images: FakeImages;
  readonly content: FakeContent;
  readonly leases: FakeLeases;
  readonly events: FakeEvents;
  readonly transfer: FakeTransfer;
  readonly sandboxes: FakeSandboxes;
  readonly types = new TypeUrls(loadDefinitions());
  readonly #world: World;
  readonly #listeners = new Set<(state: ConnectionState) => void>();

  constructor() {
    this.events = new FakeEvents();
    this.#world = emptyWorld((event) => this.events.emit(event));
    this.containers = new FakeContainers(this.#world);
    this.tasks = new FakeTasks(this.#world);
    this.images = new FakeImages(this.#world);
    this.content = new FakeContent(this.#world);
    this.leases = new FakeLeases(this.#world);
    this.transfer = new FakeTransfer(this.#world, this.images);
    this.sandboxes = new FakeSandboxes(this.#world);
  }

  /** `failNext`, `hold` and the `calls` so far. */
  get faults(): World['faults'] {
    return this.#world.faults;
  }

  snapshots(snapshotter: string): FakeSnapshots {
    return new FakeSnapshots(this.#world, snapshotter);
  }

  /** Runs the garbage collector now; containerd does so some time after anything was deleted. */
  collectGarbage(): void {
    collectGarbage(this.#world);
  }

  /** Takes containerd away: calls fail with `unavailable` and events are missed. */
  disconnect(): void {
    this.#world.faults.reachable = false;
    this.events.disconnect();
    this.#tell();
  }

  /** Brings containerd back, with all it knew. */
  reconnect(): void {
    this.#world.faults.reachable = true;
    this.events.reconnect();
    this.#tell();
  }

  async version(options?: CallOptions): Promise<{ readonly version: string; readonly revision: string }> {
    await this.#world.faults.enter('version', [], options);
    return { version: 'v2.4.2', revision: '' };
  }

  state(): ConnectionState {
    const connected = this.#world.faults.reachable;
    return { connected, reason: connected ? '' : 'containerd cannot be reached: the test took it away' };
  }

  onStateChange(listener: (state: ConnectionState) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async waitReady(signal?: AbortSignal): Promise<void> {
    const ready = deferred();
    const unsubscribe = this.onStateChange((state) => {
      if (state.connected) ready.resolve();
    });
    if (this.state().connected) ready.resolve();
    try {
      await untilAborted(ready.promise, signal, 'wait for containerd');
    } finally {
      unsubscribe();
    }
  }

  close(): void {}

  #tell(): void {
    for (const listener of this.#listeners) listener(this.state());
  }
}

/** Events that are told in the turn in which they happen. */
class FakeEvents implements Pick<Public<Events>, 'openEvents'> {
  readonly #open = new Set<EventSubscription>();
  #connected = true;
  #reconnected: Deferred<void> = deferred();

  emit(event: ContainerdEvent): void {
    if (!this.#connected) return;
    for (const { filters = [], onEvent } of this.#open) {
      if (matches(filters, fieldsOf({ topic: event.topic, namespace: 'fake' }))) onEvent(event);
    }
  }

  disconnect(): void {
    this.#connected = false;
  }

  reconnect(): void {
    this.#connected = true;
    this.#reconnected.resolve();
    this.#reconnected = deferred();
  }

  async openEvents(subscription: EventSubscription): Promise<void> {
    const { signal, onGap } = subscription;
    const ended = deferred();
    signal.addEventListener('abort', () => ended.resolve(), { once: true });
    if (signal.aborted) return;
    this.#open.add(subscription);
    while (!signal.aborted) {
      const again = this.#reconnected.promise;
      const failed = this.#connected && (await onGap().then(
        () => false,
        () => true,
      ));
      await Promise.race([failed ? nextTurn() : again, ended.promise]);
    }
    this.#open.delete(subscription);
  }
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
