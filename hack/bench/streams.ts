import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { open, rm } from 'node:fs/promises';
import net from 'node:net';
import path from 'node:path';
import { webImage } from '../images/catalogue.ts';
import { eventually } from '../../test/support/eventually.ts';
import { podConfig, containerConfig, pull } from './pod.ts';
import { call, type Runtime, type Timings } from './runtime.ts';

const bytes = 1024 ** 3;
const giveAll = `dd if=/dev/zero bs=65536 count=${bytes / 65536} 2>/dev/null`;
// With something to say at the end: containerd ends the input of a command that has closed its output.
const takeAll = 'cat > /dev/null; echo taken';
const [sourcePort, sinkPort, webPort] = [7000, 7001, 8080];

/** A Pod that streams are made to, on a runtime whose clients are crictl processes. */
export class StreamPod {
  readonly #runtime: Runtime;
  readonly #crictl: readonly string[];
  readonly #folder: string;
  #sandboxId = '';
  #containerId = '';

  /** `crictl` is the words it is called with on this runtime; `folder` is for a file that is read as input. */
  constructor(runtime: Runtime, crictl: readonly string[], folder: string) {
    this.#runtime = runtime;
    this.#crictl = crictl;
    this.#folder = folder;
  }

  get containerId(): string {
    return this.#containerId;
  }

  /** Starts it, with servers that give, take, and answer over HTTP. */
  async start(): Promise<void> {
    const servers = [
      `nc -ll -p ${sourcePort} -e sh -c '${giveAll}' &`,
      `nc -ll -p ${sinkPort} -e sh -c '${takeAll}' &`,
      `exec httpd -f -h /www -p ${webPort}`,
    ];
    const config = podConfig(this.#runtime, path.join(this.#folder, this.#runtime.name));
    const image = await pull(this.#runtime, webImage);
    this.#sandboxId = (await call<{ podSandboxId: string }>(this.#runtime, 'RunPodSandbox', { config })).podSandboxId;
    const { containerId } = await call<{ containerId: string }>(this.#runtime, 'CreateContainer', {
      podSandboxId: this.#sandboxId,
      // A hundred execs that start at once have a hundred runc init.
      config: containerConfig(image, ['sh', '-c', servers.join('\n')], 1024),
      sandboxConfig: config,
    });
    this.#containerId = containerId;
    await call(this.#runtime, 'StartContainer', { containerId });
  }

  async stop(): Promise<void> {
    await call(this.#runtime, 'StopPodSandbox', { podSandboxId: this.#sandboxId });
    await call(this.#runtime, 'RemovePodSandbox', { podSandboxId: this.#sandboxId });
  }

  /** The URL of a command, to be asked for without crictl. */
  async url(cmd: readonly string[], streams: { readonly stdin?: boolean; readonly stdout?: boolean }): Promise<string> {
    return (await call<{ url: string }>(this.#runtime, 'Exec', { containerId: this.#containerId, cmd, ...streams })).url;
  }

  /** How fast a command's output comes, MB/s. */
  async stdout(): Promise<number> {
    return speedOf(() => this.#run(['exec', this.#containerId, 'sh', '-c', giveAll]));
  }

  /** How fast a command's input goes, MB/s. */
  async stdin(): Promise<number> {
    const name = path.join(this.#folder, 'zeros');
    const file = await open(name, 'w+');
    try {
      await file.truncate(bytes);
      return await speedOf(() => this.#run(['exec', '-i', this.#containerId, 'sh', '-c', takeAll], file.fd));
    } finally {
      await file.close();
      await rm(name);
    }
  }

  /** Runs a command that does nothing; ms. */
  async nothing(timings: Timings): Promise<void> {
    const began = performance.now();
    await this.#run(['exec', this.#containerId, 'true']);
    timings.add('crictl exec true', performance.now() - began);
  }

  /** How fast a forwarded port gives, and takes, MB/s. */
  async forwards(): Promise<{ readonly from: number; readonly to: number }> {
    const [from, to] = [await this.#forward(sourcePort), await this.#forward(sinkPort)];
    try {
      return { from: await speedOf(() => receive(from.port)), to: await speedOf(() => send(to.port)) };
    } finally {
      from.child.kill();
      to.child.kill();
    }
  }

  /** Makes 200 connections through one forwarded port, 50 at a time; ms. */
  async connections(timings: Timings): Promise<void> {
    const { port, child } = await this.#forward(webPort);
    const began = performance.now();
    let left = 200;
    const worker = async (): Promise<void> => {
      while (left-- > 0) await ask(port);
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    timings.add('200 connections, 50 at once', performance.now() - began);
    child.kill();
  }

  async #run(words: readonly string[], stdin: number | 'ignore' = 'ignore'): Promise<void> {
    const child = spawn('env', [...this.#crictl, ...words], { stdio: [stdin, 'ignore', 'pipe'] });
    let said = '';
    child.stderr?.on('data', (text: Buffer) => (said += text.toString()));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${this.#runtime.name}: crictl ${words.join(' ')}: exit code ${code}: ${said}`);
  }

  async #forward(port: number): Promise<{ readonly port: number; readonly child: ChildProcess }> {
    const words = [...this.#crictl, 'port-forward', this.#sandboxId, `:${port}`];
    const child = spawn('env', words, { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout?.on('data', (text: Buffer) => (said += text.toString()));
    const local = await eventually('a port is forwarded', () => /127\.0\.0\.1:(\d+) ->/.exec(said)?.[1]);
    return { port: Number(local), child };
  }
}

async function speedOf(act: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await act();
  return bytes / 1e6 / ((performance.now() - began) / 1000);
}

async function receive(port: number): Promise<void> {
  let got = 0;
  const onread = { buffer: Buffer.alloc(256 * 1024), callback: (count: number) => ((got += count), true) };
  const socket = net.connect({ port, host: '127.0.0.1', onread });
  await once(socket, 'close');
  if (got !== bytes) throw new Error(`${got} bytes came of ${bytes}`);
}

async function send(port: number): Promise<void> {
  const socket = net.connect({ port, host: '127.0.0.1' });
  const chunk = Buffer.alloc(256 * 1024);
  socket.resume();
  for (let sent = 0; sent < bytes; sent += chunk.length) if (!socket.write(chunk)) await once(socket, 'drain');
  socket.end();
  // No answer is waited for: containerd's does not carry what comes behind an end.
  await once(socket, 'close');
}

async function ask(port: number): Promise<void> {
  const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } });
  const text = await response.text();
  if (!text.includes('hello')) throw new Error(`HTTP ${response.status}: ${text}`);
}
