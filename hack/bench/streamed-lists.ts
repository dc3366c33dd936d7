// How much memory the Stream RPCs hold at a time, with 100 containers and with 1,000: what lives after a collection at
// each message, less what lived before the call. The bytes of each Pod and container in lists, which stay between calls,
// lived before: they are no call's. A server on fakes, so that nothing else moves; its client, another process, reads
// nothing until the server waits for it, and then message by message.
//   node --expose-gc --import tsx hack/bench/streamed-lists.ts     prints JSON; bench.ts runs it
import { fork, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { linuxKernel } from '../../src/app/linux-kernel.ts';
import type { RpcHandlers, StreamingRpc } from '../../src/cri/handlers.ts';
import { streamContainerStats } from '../../src/cri/runtime/stream-container-stats.ts';
import { streamContainers } from '../../src/cri/runtime/stream-containers.ts';
import { streamPodSandboxes } from '../../src/cri/runtime/stream-pod-sandboxes.ts';
import { loadCriServices } from '../../src/cri/service.ts';
import type { CgroupOf } from '../../src/linux/cgroup-read.ts';
import { createContainer } from '../../src/pod/create-container.ts';
import { runSandbox } from '../../src/pod/run-sandbox.ts';
import { startContainer } from '../../src/pod/start-container.ts';
import { StatsReader } from '../../src/pod/stats.ts';
import { CriClient, withServer } from '../../test/support/cri-client.ts';
import { containerConfig, sandboxConfig } from '../../test/support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../test/support/pod-world.ts';

const pauseMs = 200;
/** How often one call is looked at; each time is a collection. */
const looks = 12;
const services = loadCriServices();
const labels = Object.fromEntries(Array.from({ length: 8 }, (_, n) => [`example.com/label-${n}`, `the value of label ${n}`]));

type Measured = 'StreamContainers' | 'StreamPodSandboxes' | 'StreamContainerStats';

/** The most that lived at a time, KiB, and how many messages there were. */
interface Peak {
  readonly kib: number;
  readonly messages: number;
}

const [, , clientOf] = process.argv;
if (clientOf === undefined) console.log(JSON.stringify({ small: await measure(100), large: await measure(1000) }));
else await beClient(clientOf);

async function measure(containers: number): Promise<Record<Measured, Peak>> {
  const world = await makePodWorld();
  try {
    await fill(world, containers);
    let onMessage = (): Promise<void> | void => {};
    const handlers = watched(handlersOf(world), () => onMessage());
    const peaks: Partial<Record<Measured, Peak>> = {};
    await withServer(handlers, async (_client, _server, socket) => {
      const client = fork(fileURLToPath(import.meta.url), [socket], { execArgv: ['--import', 'tsx'] });
      for (const rpc of Object.keys(handlers) as Measured[]) {
        // Once unmeasured: what is compiled, connected and cached then stays.
        let messages = 0;
        onMessage = () => void (messages += 1);
        await readAll(client, rpc);
        const every = Math.ceil(messages / looks);
        const rounds: Peak[] = [];
        while (rounds.length < 3) {
          let [peak, at] = [0, 0];
          await sleep(pauseMs);
          const before = await settled();
          onMessage = async () => {
            if (at++ % every === 0) peak = Math.max(peak, (await settled()) - before);
          };
          await readAll(client, rpc);
          onMessage = () => {};
          rounds.push({ kib: Math.round(peak / 1024), messages });
        }
        const [, median] = rounds.toSorted((a, b) => a.kib - b.kib);
        if (median !== undefined) peaks[rpc] = median;
      }
      client.disconnect();
      await once(client, 'exit');
    });
    return peaks as Record<Measured, Peak>;
  } finally {
    await world.end();
  }
}

/** Pods of one container each. */
async function fill(world: PodWorld, containers: number): Promise<void> {
  for (let at = 0; at < containers; at += 1) {
    const metadata = { name: `web-${at}`, namespace: 'bench', uid: `uid-${at}`, attempt: 0 };
    const podId = await runSandbox(world.parts, { config: sandboxConfig({ metadata, labels }), runtimeHandler: '' });
    const config = containerConfig({ labels, annotations: labels });
    const id = await createContainer(world.parts, world.parts.sandboxes.get(podId), { config });
    await startContainer(world.parts, world.parts.containers.get(id));
  }
}

function handlersOf(world: PodWorld): Pick<RpcHandlers, Measured> {
  const version = world.parts.host.cgroupVersion;
  // A real cgroup's numbers for each of them: the machine's own.
  const real = linuxKernel(version, { profiles: async () => [] });
  const kernel = { ...world.parts.kernel, cgroupUsage: (of: CgroupOf) => real.cgroupUsage(of, '/') };
  const parts = { ...world.parts, kernel };
  return {
    StreamContainers: streamContainers(parts, services),
    StreamPodSandboxes: streamPodSandboxes(parts, services),
    StreamContainerStats: streamContainerStats({ parts, stats: new StatsReader(parts), mountpoint: () => '/' }, services),
  };
}

/** The same handlers, which tell of each message before it is sent. */
function watched(handlers: Pick<RpcHandlers, Measured>, onMessage: () => Promise<void> | void): Pick<RpcHandlers, Measured> {
  const entries = Object.entries(handlers).map(([name, handler]) => {
    const rpc = handler as StreamingRpc<object, object>;
    const told: StreamingRpc<object, object> = (request, context, send) =>
      rpc(request, context, async (message) => {
        await onMessage();
        await send(message);
      });
    return [name, told] as const;
  });
  return Object.fromEntries(entries) as unknown as Pick<RpcHandlers, Measured>;
}

/** Has the client read a whole stream. */
async function readAll(client: ChildProcess, rpc: Measured): Promise<void> {
  const read = once(client, 'message');
  client.send(rpc);
  await read;
}

/** The client's side of it. */
async function beClient(socket: string): Promise<void> {
  const client = new CriClient(socket);
  process.once('disconnect', () => client.close());
  for (;;) {
    const [rpc] = (await once(process, 'message')) as [string];
    const stream = client.stream(rpc, {});
    stream.pause();
    // The server writes what the connection takes, and has to wait then.
    await sleep(pauseMs);
    for await (const message of stream) void message;
    process.send?.('read');
  }
}

/** What lives, when what can be collected is: some of it goes in a later turn, and with a later collection only. */
async function settled(): Promise<number> {
  for (let n = 0; n < 3; n += 1) {
    alive();
    await nextTurn();
  }
  return alive();
}

function alive(): number {
  if (globalThis.gc === undefined) throw new Error('run it with --expose-gc');
  globalThis.gc();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}
