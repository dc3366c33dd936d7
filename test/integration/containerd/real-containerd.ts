import { execFile, spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { openSync, closeSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Containerd } from '../../../src/containerd/client.ts';
import type { Mount } from '../../../src/containerd/mount.ts';
import { silentLog } from '../../../src/lib/log.ts';

const BUILD = fileURLToPath(new URL('../../../hack/tools/build.sh', import.meta.url));

/** The first start on a machine builds containerd. */
export const BUILD_TIMEOUT_MS = 15 * 60_000;

const CONFIG = `version = 3
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]
`;

/** A containerd of a test's own, and nothing beside it: for what concerns the client alone. */
export class RealContainerd {
  readonly folder: string;
  readonly #path: string;
  #process: ChildProcess | undefined;
  readonly #clients: Containerd[] = [];

  private constructor(folder: string, searchPath: string) {
    this.folder = folder;
    this.#path = searchPath;
  }

  /** Starts one; `tool` is `containerd` or `containerd-lts`. */
  static async start(tool: string): Promise<RealContainerd> {
    const { stdout } = await promisify(execFile)(BUILD, [tool, 'runc']);
    const searchPath = [...stdout.trim().split('\n'), process.env['PATH']].join(':');
    const folder = await mkdtemp('/tmp/podwright-ctd-');
    const containerd = new RealContainerd(folder, searchPath);
    await mkdir(path.join(folder, 'rootfs/bin'), { recursive: true });
    await mkdir(path.join(folder, 'rootfs/proc'));
    await copyFile('/bin/busybox', path.join(folder, 'rootfs/bin/busybox'));
    await writeFile(path.join(folder, 'config.toml'), CONFIG);
    await containerd.run();
    return containerd;
  }

  get address(): string {
    return path.join(this.folder, 'c.sock');
  }

  /** A root file system with /bin/busybox. */
  get rootfs(): Mount[] {
    return [{ type: 'bind', source: path.join(this.folder, 'rootfs'), target: '', options: ['rbind', 'rw'] }];
  }

  /** Runs containerd, the first time or after `kill`, and waits until it answers. */
  async run(): Promise<void> {
    const at = (name: string): string => path.join(this.folder, name);
    const log = openSync(at('log'), 'a');
    const args = ['--config', at('config.toml'), '--root', at('root'), '--state', at('state'), '--address', this.address];
    this.#process = spawn('containerd', args, {
      env: { ...process.env, PATH: this.#path },
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const client = this.client();
    await client.waitReady(AbortSignal.timeout(30_000));
    client.close();
  }

  /** Ends containerd without a word; its shims and their containers live on. */
  async kill(): Promise<void> {
    const child = this.#process;
    this.#process = undefined;
    if (child === undefined || child.exitCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  }

  /** A client in a namespace; `stop` closes it. */
  client(namespace = 'test'): Containerd {
    const client = new Containerd({ address: this.address, namespace, log: silentLog });
    this.#clients.push(client);
    return client;
  }

  /** Ends every task, then containerd, and removes what it wrote. */
  async stop(): Promise<void> {
    const client = this.client();
    for (const { name } of await client.namespaces.list()) {
      const inside = this.client(name);
      for (const { containerId } of await inside.tasks.list()) {
        await inside.tasks.kill(containerId, { signal: 9, all: true }).catch(() => {});
        await inside.tasks.wait(containerId).catch(() => {});
        await inside.tasks.delete(containerId);
      }
    }
    for (const each of this.#clients) each.close();
    await this.kill();
    const left = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').filter((line) => line.includes(this.folder));
    if (left.length > 0) throw new Error(`mounts are left:\n${left.join('\n')}`);
    await rm(this.folder, { recursive: true });
  }
}
