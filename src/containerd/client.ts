import { Client, credentials } from '@grpc/grpc-js';
import type { Clock } from '../lib/clock.ts';
import { systemClock } from '../lib/clock.ts';
import { FirstAlone } from '../lib/first-alone.ts';
import type { Log } from '../lib/log.ts';
import { Connection } from './connection.ts';
import type { ConnectionState } from './connection.ts';
import { Containers } from './containers.ts';
import { Content } from './content.ts';
import { loadDefinitions } from './definitions.ts';
import type { Definitions } from './definitions.ts';
import { reasonOf } from './errors.ts';
import { Diff } from './diff.ts';
import { Events } from './events.ts';
import { Images } from './images.ts';
import { Introspection } from './introspection.ts';
import { Leases } from './leases.ts';
import { Namespaces } from './namespaces.ts';
import { Rpc } from './rpc.ts';
import type { CallOptions } from './rpc.ts';
import { Sandboxes } from './sandboxes.ts';
import { Snapshots } from './snapshots.ts';
import { Streaming } from './streaming.ts';
import { Tasks } from './tasks.ts';
import { Transfer } from './transfer.ts';
import { TypeUrls } from './typeurl.ts';

export interface ContainerdOptions {
  /** The path of containerd's socket. */
  readonly address: string;
  /** The containerd namespace that every call is made in. */
  readonly namespace: string;
  readonly log: Log;
  readonly clock?: Clock;
}

/** containerd's own limit for a message, both ways. */
const MAX_MESSAGE_BYTES = 16 * 1024 * 1024;

/** How long the first snapshot may hold up the others: one of a snapshotter that asks a registry first may take long. */
const FIRST_SNAPSHOT_MS = 2_000;

/** A client of one containerd, in one of its namespaces. It connects by itself, and again when it has to. */
export class Containerd {
  readonly namespace: string;
  readonly containers: Containers;
  readonly tasks: Tasks;
  readonly images: Images;
  readonly content: Content;
  readonly diff: Diff;
  readonly leases: Leases;
  readonly namespaces: Namespaces;
  readonly events: Events;
  readonly introspection: Introspection;
  readonly transfer: Transfer;
  readonly sandboxes: Sandboxes;
  readonly streaming: Streaming;
  /** Packs and unpacks what travels inside an Any. */
  readonly types: TypeUrls;
  readonly #definitions: Definitions;
  readonly #rpc: Rpc;
  readonly #connection: Connection;
  readonly #clock: Clock;
  /** By snapshotter, since containerd came. */
  readonly #firstSnapshots = new Map<string, FirstAlone>();

  constructor({ address, namespace, log, clock = systemClock() }: ContainerdOptions) {
    const definitions = loadDefinitions();
    const { services } = definitions;
    const client = new Client(`unix:${address}`, credentials.createInsecure(), {
      'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
      'grpc.initial_reconnect_backoff_ms': 100,
      'grpc.max_reconnect_backoff_ms': 2_000,
      'grpc.primary_user_agent': 'podwright',
      // Two clients of one process stay apart, and closing one closes its connection.
      'grpc.use_local_subchannel_pool': 1,
    });
    const rpc = new Rpc(client, namespace);
    this.namespace = namespace;
    this.#definitions = definitions;
    this.#rpc = rpc;
    this.#clock = clock;
    this.types = new TypeUrls(definitions);
    this.#connection = new Connection(client, address, log, async () => {
      try {
        await this.version({ timeoutMs: 5_000 });
        return '';
      } catch (error) {
        return reasonOf(error);
      }
    });
    this.#connection.onChange(({ connected }) => {
      if (!connected) this.#firstSnapshots.clear();
    });
    this.containers = new Containers(rpc, services.containers);
    this.tasks = new Tasks(rpc, services.tasks);
    this.images = new Images(rpc, services.images);
    this.content = new Content(rpc, services.content);
    this.diff = new Diff(rpc, services.diff);
    this.leases = new Leases(rpc, services.leases, clock, log);
    this.namespaces = new Namespaces(rpc, services.namespaces);
    this.introspection = new Introspection(rpc, services.introspection, this.types);
    this.sandboxes = new Sandboxes(rpc, services.sandboxStore);
    this.streaming = new Streaming(rpc, services.streaming, this.types);
    this.transfer = new Transfer({
      rpc,
      methods: services.transfer,
      types: this.types,
      streaming: this.streaming,
    });
    this.events = new Events({
      rpc,
      methods: services.events,
      types: this.types,
      connection: this.#connection,
      namespace,
      clock,
      log,
    });
  }

  /** The snapshots of one snapshotter, such as `overlayfs`. */
  snapshots(snapshotter: string): Snapshots {
    const methods = this.#definitions.services.snapshots;
    return new Snapshots({ rpc: this.#rpc, methods, snapshotter, firstAlone: () => this.#firstSnapshotOf(snapshotter) });
  }

  /** Which containerd answers: `v2.4.2` and the commit it was built from. */
  async version(options?: CallOptions): Promise<{ readonly version: string; readonly revision: string }> {
    const methods = this.#definitions.services.version;
    const { version, revision } = await this.#rpc.unary(methods.Version, {}, 'ask containerd its version', options);
    return { version, revision };
  }

  /** Whether containerd can be reached now, and why not. */
  state(): ConnectionState {
    return this.#connection.state;
  }

  /** Calls `listener` with each change of `state`; the returned function ends that. */
  onStateChange(listener: (state: ConnectionState) => void): () => void {
    return this.#connection.onChange(listener);
  }

  /** Resolves as soon as containerd can be reached, or rejects when the signal aborts. */
  async waitReady(signal?: AbortSignal): Promise<void> {
    await this.#connection.waitReady(signal);
  }

  /** Ends the connection. Calls that are under way go on; event subscriptions end by their own signal. */
  close(): void {
    this.#connection.close();
  }

  #firstSnapshotOf(snapshotter: string): FirstAlone {
    const first = this.#firstSnapshots.get(snapshotter) ?? new FirstAlone(this.#clock, FIRST_SNAPSHOT_MS);
    this.#firstSnapshots.set(snapshotter, first);
    return first;
  }
}
