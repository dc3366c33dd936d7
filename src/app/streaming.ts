import type { StreamingConfig } from '../config/config.ts';
import type { Streams } from '../cri/runtime/streams.ts';
import type { Log } from '../lib/log.ts';
import { processorWait } from '../linux/processor-wait.ts';
import { AbandonedExecs } from '../pod/abandoned-execs.ts';
import type { Parts } from '../pod/parts.ts';
import { serveAttach } from '../streaming/attach.ts';
import { Certificate } from '../streaming/certificate.ts';
import { channelEndpoint } from '../streaming/channels.ts';
import type { ConnectionTools, StreamingCounters } from '../streaming/endpoint.ts';
import { serveExec } from '../streaming/exec.ts';
import { Pacer } from '../streaming/pacer.ts';
import { portForwardEndpoint } from '../streaming/port-forward.ts';
import { StreamingServer } from '../streaming/server.ts';

/** The streaming server with what it serves. */
export interface StreamingParts {
  readonly streams: Streams;
  /** What is open, and what has been counted since the start. */
  counts(): { readonly open: number; readonly badInput: number; readonly killedExecs: number };
  /** Ends every stream, within some `patienceMs`; commands of an exec are killed, or not, as when their clients go. */
  stop(patienceMs: number): Promise<void>;
}

/** Starts the streaming server. */
export async function startStreaming(config: StreamingConfig, parts: Parts, baseLog: Log): Promise<StreamingParts> {
  const log = baseLog.child({ part: 'streaming' });
  const { address, port, tlsCert, tlsKey } = config;
  const certificate = tlsCert === '' ? undefined : await Certificate.load({ cert: tlsCert, key: tlsKey }, log);
  const server = new StreamingServer({ address, port, certificate }, log);
  await server.start();
  const abandoned = new AbandonedExecs(parts, config.killAbandoned);
  const recovered = abandoned.recover();
  const pacer = new Pacer(processorWait());
  const counters: StreamingCounters = { badInput: 0 };
  const tools: ConnectionTools = {
    log,
    idleTimeoutMs: config.idleTimeoutS * 1000,
    creationTimeoutMs: config.creationTimeoutS * 1000,
    counters,
    stopping: server.stopping,
    pacer,
  };
  const streams: Streams = {
    exec(container, command, { tty, stdin, stdout, stderr }) {
      const request = { command, tty, stdin, stdout, stderr };
      const serve = serveExec.bind(undefined, parts, { container, request, abandoned, stopping: server.stopping, pacer });
      return server.url('exec', channelEndpoint(tools, request, serve));
    },
    attach(container, { tty, stdin, stdout, stderr }) {
      const wanted = { tty, stdin, stdout, stderr };
      const serve = serveAttach.bind(undefined, parts, { container, stopping: server.stopping, pacer });
      return server.url('attach', channelEndpoint(tools, wanted, serve));
    },
    portForward(sandbox, ports) {
      return server.url('portforward', portForwardEndpoint(tools, sandbox, ports));
    },
  };
  return {
    streams,
    counts: () => ({ open: server.open, badInput: counters.badInput, killedExecs: abandoned.killed }),
    async stop(patienceMs) {
      await server.stop(patienceMs);
      await recovered;
      await abandoned.stop();
    },
  };
}
