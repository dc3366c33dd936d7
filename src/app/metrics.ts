import type { Containerd } from '../containerd/client.ts';
import type { CallOutcome } from '../cri/call.ts';
import type { CriServices } from '../cri/service.ts';
import { isStreaming } from '../cri/rpc-names.ts';
import type { ImagePuller } from '../image/pull.ts';
import type { LogPump } from '../io/log-pump.ts';
import { Counter, exposition, expositionType, Histogram, type Metric, read } from '../lib/metrics.ts';
import type { Log } from '../lib/log.ts';
import type { Parts } from '../pod/parts.ts';
import { serveMetrics } from './metrics-server.ts';
import { processMetrics } from './process-metrics.ts';
import { podwrightVersion } from './status.ts';
import type { StreamingParts } from './streaming.ts';

/** Seconds; from the quickest answers from memory to the pull of a large image. */
const callBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const callLabels = ['grpc_service', 'grpc_method', 'grpc_type'];

/** The calls of the CRI, counted; names and labels are those of containerd's own metrics of its CRI. */
export class CallMetrics {
  readonly #serviceOf: ReadonlyMap<string, string>;
  readonly #handled = new Counter('grpc_server_handled_total', 'RPCs that ended, by the code they ended with.', [...callLabels, 'grpc_code']);
  readonly #seconds = new Histogram('grpc_server_handling_seconds', 'How long RPCs took.', callBounds, callLabels);
  readonly metrics: readonly Metric[] = [this.#handled, this.#seconds];

  constructor({ definitions }: Pick<CriServices, 'definitions'>) {
    const methods = definitions.flatMap((definition) => Object.values(definition));
    this.#serviceOf = new Map(methods.map(({ path }) => path.split('/')).map(([, service = '', method = '']) => [method, service]));
  }

  readonly observe = ({ name, code, ms }: CallOutcome): void => {
    const labels = [this.#serviceOf.get(name) ?? '', name, isStreaming(name) ? 'server_stream' : 'unary'];
    this.#handled.add(1, ...labels, code);
    this.#seconds.observe(ms / 1000, ...labels);
  };
}

/** What metrics are taken from. */
export interface MetricSources {
  readonly running: () => number;
  readonly parts: Pick<Parts, 'sandboxes' | 'containers' | 'events'>;
  readonly puller: Pick<ImagePuller, 'activity'>;
  readonly logs: Pick<LogPump, 'onDropped'>;
  readonly streaming: Pick<StreamingParts, 'counts'>;
  readonly containerd: Pick<Containerd, 'state' | 'onStateChange'>;
}

/** podwright's metrics and their endpoint. This module is loaded only where one is configured. */
export class Metrics {
  readonly #address: string;
  readonly #calls: CallMetrics;
  #stop: (() => Promise<void>) | undefined;

  constructor(address: string, services: CriServices) {
    this.#address = address;
    this.#calls = new CallMetrics(services);
  }

  /** Counts a call that ended. */
  get onEnded(): (outcome: CallOutcome) => void {
    return this.#calls.observe;
  }

  /** Serves the metrics of all sources. Rejects with UNAVAILABLE where nobody can listen at the address. */
  async serve(sources: MetricSources, log: Log): Promise<void> {
    const own = processMetrics();
    const metrics = [...podwrightMetrics(sources), ...this.#calls.metrics, ...own.metrics];
    const server = await serveMetrics(this.#address, { type: expositionType, text: () => exposition(metrics) });
    log.info({ address: this.#address, port: server.port }, 'metrics are served');
    this.#stop = async () => {
      own.stop();
      await server.stop();
    };
  }

  async stop(): Promise<void> {
    await this.#stop?.();
  }
}

/** Everything but calls and process. */
export function podwrightMetrics({ running, parts, puller, logs, streaming, containerd }: MetricSources): Metric[] {
  const droppedRecords = new Counter('podwright_log_records_dropped_total', 'Records of container logs that could not be written.', ['reason']);
  const droppedBytes = new Counter('podwright_log_bytes_dropped_total', 'Bytes of container logs that could not be written.', ['reason']);
  logs.onDropped(({ records, bytes, reason }) => {
    droppedRecords.add(records, reason);
    droppedBytes.add(bytes, reason);
  });
  const reconnects = new Counter('podwright_containerd_reconnects_total', 'How often the connection to containerd came back.');
  containerd.onStateChange(({ connected }) => {
    if (connected) reconnects.add(1);
  });
  return [
    read('gauge', 'podwright_build_info', 'Always 1; the labels say what runs.', () => [[1, podwrightVersion(), process.version]], ['version', 'node']),
    read('gauge', 'podwright_pod_sandboxes', 'Pod sandboxes by their phase.', () => counted([...parts.sandboxes.values()].map(({ record }) => record.phase)), ['phase']),
    read('gauge', 'podwright_containers', 'Containers by their state.', () => counted([...parts.containers.values()].map(({ state }) => state)), ['state']),
    read('gauge', 'podwright_rpcs_in_progress', 'RPCs that are being served, streams of events included.', running),
    read('counter', 'podwright_image_pulls_total', 'Pulls that ended; callers that share one are one.', () => pulls(puller), ['result']),
    read('gauge', 'podwright_image_pulls_in_progress', 'Pulls under way.', () => puller.activity.running),
    read('counter', 'podwright_image_pull_bytes_total', 'Bytes that came from registries, those of pulls under way included.', () => puller.activity.bytes),
    read('gauge', 'podwright_image_pull_open_blobs', 'Layers and the like that pulls under way still wait for.', () => puller.activity.openBlobs),
    read('gauge', 'podwright_image_pull_stalled_seconds', 'How long the slowest pull has been waiting for a byte.', () => puller.activity.stalledMs / 1000),
    read('gauge', 'podwright_event_readers', 'Who reads container events now.', () => parts.events.counts.readers),
    read('counter', 'podwright_events_dropped_total', 'Container events that slow readers missed.', () => parts.events.counts.dropped),
    droppedRecords,
    droppedBytes,
    read('gauge', 'podwright_streams_open', 'Connections of exec, attach and port-forward.', () => streaming.counts().open),
    read('counter', 'podwright_streaming_bad_input_total', 'Streaming connections that were ended for what their clients sent.', () => streaming.counts().badInput),
    read('counter', 'podwright_abandoned_execs_killed_total', 'Commands of exec that were killed because their client had gone.', () => streaming.counts().killedExecs),
    read('gauge', 'podwright_containerd_connected', 'Whether containerd can be reached: 1 or 0.', () => Number(containerd.state().connected)),
    reconnects,
  ];
}

function pulls({ activity }: MetricSources['puller']): [number, string][] {
  return [[activity.succeeded, 'success'], [activity.failed, 'failure']];
}

function counted(words: readonly string[]): [number, string][] {
  const counts = new Map<string, number>();
  for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return [...counts].map(([word, count]) => [count, word]);
}
