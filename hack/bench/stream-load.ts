import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../test/support/eventually.ts';
import { SpdyClient } from '../../test/support/spdy-client.ts';
import { call, type Runtime, Timings, usageOf } from './runtime.ts';
import { atOnce } from './stopwatch.ts';
import type { StreamPod } from './streams.ts';

const stalled = 50;
const busy = 100;

/** What a stream costs a runtime whose client takes nothing, and one whose command does, MB each at the most. */
export async function stalledStreams(runtime: Runtime, pod: StreamPod): Promise<{ readonly out: number; readonly in: number }> {
  return {
    out: await growth(runtime, async () => {
      const client = await SpdyClient.connect(await pod.url(['dd', 'if=/dev/zero', 'bs=65536', 'count=16384'], { stdout: true }));
      await client.openAll('error', 'stdout');
      client.socket.pause();
      return client;
    }),
    in: await growth(runtime, async () => {
      const client = await SpdyClient.connect(await pod.url(['sleep', '1000'], { stdin: true }));
      const { stdin } = await client.openAll('error', 'stdin');
      const chunk = Buffer.alloc(65_536);
      for (let offered = 0; offered < 1024 ** 3 && stdin.write(chunk); offered += chunk.length);
      const offer = (): void => {
        while (stdin.write(chunk));
      };
      client.socket.on('drain', offer);
      return client;
    }),
  };
}

async function growth(runtime: Runtime, open: () => Promise<SpdyClient>): Promise<number> {
  const before = (await usageOf(runtime.pid)).rssMb;
  const clients = await Promise.all(Array.from({ length: stalled }, open));
  let most = 0;
  for (let looked = 0; looked < 30; looked += 1) {
    most = Math.max(most, (await usageOf(runtime.pid)).rssMb);
    await sleep(100);
  }
  for (const client of clients) client.destroy();
  return (most - before) / stalled;
}

/** How long calls take while a hundred commands write as fast as they can, and how fast these are together, MB/s. */
export async function callsAmidStreams(runtime: Runtime, pod: StreamPod, timings: Timings): Promise<number> {
  // Not in this session: who reads streams is not who makes calls, and must not be held up with it.
  const sink = fork(new URL('stream-sink.ts', import.meta.url).pathname, { detached: true });
  const urls = await Promise.all(Array.from({ length: busy }, () => pod.url(['cat', '/dev/zero'], { stdout: true })));
  let flowing = 0;
  let counted: number | undefined;
  sink.on('message', (message) => {
    if (typeof message === 'number') counted = message;
    else flowing += 1;
  });
  const count = async (): Promise<number> => {
    counted = undefined;
    sink.send('count');
    return eventually('the sink counts', () => counted);
  };
  for (const url of urls) sink.send(url);
  // Starting them keeps all processors busy by itself, and is not what is measured.
  await eventually(() => `all ${busy} streams flow, ${flowing} do`, () => flowing === busy, 120_000);
  const [began, before] = [performance.now(), await count()];
  await atOnce(async () => {
    while (performance.now() < began + 5_000) {
      const asked = performance.now();
      await call(runtime, 'ContainerStatus', { containerId: pod.containerId });
      timings.add('call amid 100 streams', performance.now() - asked);
      await sleep(5);
    }
  });
  const speed = ((await count()) - before) / 1e3 / (performance.now() - began);
  sink.kill();
  await once(sink, 'exit');
  return speed;
}
