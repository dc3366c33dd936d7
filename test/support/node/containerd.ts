import { mkdir, readFile, readdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { stringify } from 'smol-toml';
import { pauseImage } from '../../../hack/images/catalogue.ts';
import { Daemon } from './daemon.ts';
import type { NodeFacts } from './facts.ts';
import { cniFolders } from './network.ts';
import { tryRun } from './run.ts';

export interface ContainerdOptions {
  readonly facts: NodeFacts;
  /** The folder of containerd, its shim and ctr. */
  readonly folder: string;
  readonly runcPath: string;
  readonly cniFolder: string;
  readonly certsFolder: string;
  /** Whether containerd's own CRI is switched on. */
  readonly criPlugin: boolean;
  readonly cgroupProcs: readonly string[];
}

/** Where libcni, as containerd's CRI has it, caches results. */
const cniResults = '/var/lib/cni/results';

const folderOf = (facts: NodeFacts): string => path.join(facts.root, 'c');

/** The node's own containerd. */
export class ContainerdDaemon {
  readonly #options: ContainerdOptions;
  readonly #daemon: Daemon;

  constructor(options: ContainerdOptions) {
    const { facts, folder } = options;
    this.#options = options;
    this.#daemon = new Daemon({
      name: 'containerd',
      command: path.join(folder, 'containerd'),
      args: ['--config', path.join(folderOf(facts), 'config.toml')],
      logPath: path.join(folderOf(facts), 'containerd.log'),
      // The shim is looked up on the PATH.
      env: { PATH: `${folder}:${path.dirname(options.runcPath)}:${process.env['PATH'] ?? ''}` },
      cgroupProcs: options.cgroupProcs,
      netns: facts.network?.netns,
    });
  }

  get socket(): string {
    return this.#options.facts.containerdSocket;
  }

  get logPath(): string {
    return this.#daemon.logPath;
  }

  get pid(): number | undefined {
    return this.#daemon.pid;
  }

  /** Programs here say of each image whether it may be pulled; not there unless a test makes it. */
  get verifiersFolder(): string {
    return path.join(folderOf(this.#options.facts), 'verifiers');
  }

  /** Starts it and waits until it answers over gRPC. */
  async start(): Promise<void> {
    const folder = folderOf(this.#options.facts);
    await mkdir(folder, { recursive: true });
    await writeFile(path.join(folder, 'config.toml'), stringify(this.#config(folder)));
    // Otherwise the socket file of a killed one would be taken for that of the new one.
    await rm(this.socket, { force: true });
    this.#daemon.start();
    await this.#daemon.until('it answers', async () => (await this.#ask()).code === 0);
  }

  /** Ends it with a signal, SIGKILL unless said. Its shims and containers run on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#daemon.stop(signal);
  }

  /** Kills it and starts it again under its running containers. */
  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  #ask(): ReturnType<typeof tryRun> {
    const ctr = path.join(this.#options.folder, 'ctr');
    return tryRun(ctr, ['--address', this.socket, '--connect-timeout', '2s', 'version'], { timeoutMs: 5_000 });
  }

  #config(folder: string): object {
    const { criPlugin } = this.#options;
    return {
      version: 3,
      root: path.join(folder, 'root'),
      state: path.join(folder, 'state'),
      grpc: { address: this.socket },
      ttrpc: { address: `${this.socket}.ttrpc` },
      disabled_plugins: [
        ...['blockfile', 'btrfs', 'devmapper', 'erofs', 'zfs'].map((name) => `io.containerd.snapshotter.v1.${name}`),
        // Left on, containerd's CRI claims every record in its namespace that looks like a Pod's.
        ...(criPlugin ? [] : ['io.containerd.grpc.v1.cri', 'io.containerd.cri.v1.runtime', 'io.containerd.cri.v1.images']),
      ],
      plugins: {
        'io.containerd.internal.v1.opt': { path: path.join(folder, 'opt') },
        'io.containerd.image-verifier.v1.bindir': { bin_dir: this.verifiersFolder, per_verifier_timeout: '2s' },
        // Its socket has one place for the whole machine.
        'io.containerd.nri.v1.nri': { disable: true },
        ...(criPlugin && this.#criPlugins()),
      },
    };
  }

  #criPlugins(): object {
    const { facts, runcPath, cniFolder, certsFolder } = this.#options;
    const runc = { runtime_type: 'io.containerd.runc.v2', options: { BinaryName: runcPath } };
    return {
      'io.containerd.grpc.v1.cri': { stream_server_address: '127.0.0.1', stream_server_port: '0' },
      'io.containerd.cri.v1.images': {
        pinned_images: { sandbox: pauseImage },
        registry: { config_path: certsFolder },
      },
      'io.containerd.cri.v1.runtime': {
        // Without CAP_SYS_RESOURCE a sandbox's negative score is refused otherwise.
        restrict_oom_score_adj: true,
        netns_mounts_under_state_dir: true,
        cni: { bin_dirs: [cniFolder], conf_dir: cniFolders(facts.root).confFolder },
        // Specs of Kubernetes' node suite ask for the second handler.
        containerd: { runtimes: { runc, 'test-handler': runc } },
      },
    };
  }
}

/** Removes what containerd's shims, runc and libcni keep outside every folder that can be configured. */
export async function removeStrays(facts: NodeFacts): Promise<void> {
  const tasks = path.join(folderOf(facts), 'state', 'io.containerd.runtime.v2.task');
  for (const namespace of await names(tasks)) {
    for (const id of await names(path.join(tasks, namespace))) {
      await removeShimSocket(path.join(tasks, namespace, id));
      await rm(path.join('/run/containerd/runc', namespace, id), { recursive: true, force: true });
    }
  }
  await rm(path.join('/run/containerd/runc', facts.name), { recursive: true, force: true });
  for (const name of await names(cniResults)) {
    const file = path.join(cniResults, name);
    // The network namespace's path is in it, which lies in the node's folder.
    const content = await readFile(file, 'utf8').catch(() => '');
    if (content.includes(`${facts.root}/`)) await rm(file, { force: true });
  }
}

async function removeShimSocket(bundle: string): Promise<void> {
  try {
    const { address } = JSON.parse(await readFile(path.join(bundle, 'bootstrap.json'), 'utf8')) as { address?: string };
    if (address?.startsWith('unix://')) await rm(address.slice('unix://'.length), { force: true });
  } catch {
    // A bundle without a shim.
  }
}

async function names(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}
