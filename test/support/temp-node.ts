import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { makeCgroup } from './node/cgroups.ts';
import { ContainerdDaemon } from './node/containerd.ts';
import { type NodeFacts, writeFacts } from './node/facts.ts';
import { KubeletDaemon, type KubeletOptions } from './node/kubelet.ts';
import { findLeaks } from './node/leaks.ts';
import { makeFacts } from './node/make-facts.ts';
import { keepStateInMemory } from './node/mounts.ts';
import { inNetwork, makeBridge, makeNetwork, writeConflist } from './node/network.ts';
import { removeOnExit } from './node/on-exit.ts';
import { PodwrightDaemon, type PodwrightOptions, type PodwrightSeat } from './node/podwright.ts';
import { Registry, type RegistryOptions } from './node/registry.ts';
import { removeNode, sweepNodes } from './node/remove.ts';
import { type Output, run, type RunOptions, tryRun } from './node/run.ts';
import { toolFolders } from './node/tools.ts';

/** What a private node consists of, besides containerd, runc, a CNI network and a registry with the test images. */
export interface TempNodeOptions {
  readonly containerdVersion?: '2.4' | '2.3';
  /** Switches containerd's own CRI on, to compare with. */
  readonly criPlugin?: boolean;
  /** Starts a podwright, with changes where given. Where nothing is said: unless there is a `criPlugin`. */
  readonly podwright?: boolean | PodwrightOptions;
  /** Starts an upstream kubelet on the node's CRI socket. */
  readonly kubelet?: boolean | KubeletOptions;
  /** Keeps the daemons' state in memory, as /run is on a machine with systemd: for measurements. */
  readonly stateInMemory?: boolean;
  /** Runs all of it in a network namespace of its own, where ports and firewall are nobody else's. */
  readonly ownNetwork?: boolean;
  /** Started when the node has its network, and waited for when the rest has been started. */
  readonly beside?: { readonly what: string; readonly start: (facts: NodeFacts) => Promise<void> };
  /** Told what is being done, for those who wait. */
  readonly onProgress?: (what: string) => void;
}

interface Parts {
  readonly seat: PodwrightSeat;
  readonly containerdFolder: string;
  readonly crictlFolder: string;
  readonly containerd: ContainerdDaemon;
  readonly registry: Registry;
  /** Calls off the removal at the end of the process. */
  readonly disarm: () => void;
}

/**
 * A private node: the one way in which tests, the demo and the benchmark get somewhere to run Pods. Two of
 * them, and whatever else runs on the machine, do not meet. It ends with `stop`, or with this process.
 */
export class TempNode {
  readonly #parts: Parts;
  readonly #podwrights: PodwrightDaemon[] = [];
  #kubelet: KubeletDaemon | undefined;
  #serial = 0;

  private constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** Makes a node and starts all that is asked for. When a part does not start, nothing is left. */
  static async start(options: TempNodeOptions = {}): Promise<TempNode> {
    const { criPlugin = false, podwright = !criPlugin, kubelet = false, onProgress: say = () => {} } = options;
    await sweepNodes();
    say('building what tools are not there yet');
    const containerdTool = options.containerdVersion === '2.3' ? 'containerd-lts' : 'containerd';
    const tools = await toolFolders(containerdTool, 'runc', 'cni', 'crictl');
    const containerdFolder = tools[containerdTool];
    const facts = await makeFacts({
      toolsPath: [containerdFolder, tools.runc, tools.crictl],
      podwright: podwright !== false,
      ownNetwork: options.ownNetwork === true,
    });
    const disarm = removeOnExit(facts);
    let beside: Promise<void> | undefined;
    try {
      const seat: PodwrightSeat = {
        facts,
        runcPath: path.join(tools.runc, 'runc'),
        cniFolder: tools.cni,
        certsFolder: path.join(facts.root, 'certs.d'),
        cgroupProcs: await makeCgroup(facts),
      };
      if (options.stateInMemory === true) await keepStateInMemory(facts);
      if (facts.network !== undefined) await makeNetwork(facts, facts.network);
      await makeBridge(facts);
      await writeConflist(facts);
      beside = options.beside?.start(facts);
      // Its failure is told when it is waited for; until then it must not end the process.
      beside?.catch(() => {});
      say('starting containerd and the registry');
      const containerd = new ContainerdDaemon({ ...seat, folder: containerdFolder, criPlugin });
      const registry = new Registry({ folder: path.join(facts.root, 'registry'), ...registryPlace(facts) });
      await Promise.all([containerd.start(), registry.start().then(() => registry.writeHosts(seat.certsFolder))]);
      const node = new TempNode({ seat, containerdFolder, crictlFolder: tools.crictl, containerd, registry, disarm });
      if (podwright !== false) {
        say('starting podwright');
        await node.startPodwright(podwright === true ? {} : podwright);
      }
      if (kubelet !== false) {
        say('starting the kubelet');
        await node.startKubelet(kubelet === true ? {} : kubelet);
      }
      if (options.beside !== undefined) {
        say(`waiting for ${options.beside.what}`);
        await beside;
      }
      return node;
    } catch (error) {
      // What it starts after the removal would stay.
      await Promise.allSettled([beside]);
      await removeNode(facts);
      disarm();
      throw error;
    }
  }

  get facts(): NodeFacts {
    return this.#parts.seat.facts;
  }

  /** The node's folder. */
  get root(): string {
    return this.facts.root;
  }

  get containerd(): ContainerdDaemon {
    return this.#parts.containerd;
  }

  get registry(): Registry {
    return this.#parts.registry;
  }

  /** What a second daemon of any kind needs to know of this node: its paths and programs. */
  get seat(): PodwrightSeat {
    return this.#parts.seat;
  }

  /** The podwright that was started first. */
  get podwright(): PodwrightDaemon {
    const [first] = this.#podwrights;
    if (first === undefined) throw new Error('this node has no podwright');
    return first;
  }

  get kubelet(): KubeletDaemon {
    if (this.#kubelet === undefined) throw new Error('this node has no kubelet');
    return this.#kubelet;
  }

  /** Starts a podwright and waits until it serves; a second one needs a name and a namespace of its own. */
  async startPodwright(options: PodwrightOptions = {}): Promise<PodwrightDaemon> {
    const podwright = new PodwrightDaemon(this.seat, options);
    this.#podwrights.push(podwright);
    await podwright.start();
    await run(...this.#crictlWords(podwright.socket, ['version']));
    return podwright;
  }

  /** A podwright that is not started, for a start that is to go wrong. */
  preparePodwright(options: PodwrightOptions): PodwrightDaemon {
    const podwright = new PodwrightDaemon(this.seat, options);
    this.#podwrights.push(podwright);
    return podwright;
  }

  /** Starts the kubelet and waits until it answers. */
  async startKubelet(options: KubeletOptions = {}): Promise<KubeletDaemon> {
    const { kubelet: folder } = await toolFolders('kubelet');
    this.#kubelet = new KubeletDaemon({ facts: this.facts, folder, cgroupProcs: this.seat.cgroupProcs }, options);
    await this.#kubelet.start();
    return this.#kubelet;
  }

  /** Starts one more registry, for instance one that asks for credentials. Its images have the host `registry.host`. */
  async startRegistry(options: Omit<RegistryOptions, 'folder'> = {}): Promise<Registry> {
    const registry = new Registry({ ...registryPlace(this.facts), ...options, folder: path.join(this.root, `registry${++this.#serial}`) });
    return registry.start();
  }

  /** Runs crictl on the node's CRI and returns what it prints; throws when it fails. */
  crictl(...args: readonly string[]): Promise<string> {
    return run(...this.#crictlWords(this.facts.criSocket, args));
  }

  /** Runs crictl and tells how it ended, for what is to fail. */
  tryCrictl(args: readonly string[], options?: RunOptions & { readonly socket?: string }): Promise<Output> {
    return tryRun(...this.#crictlWords(options?.socket ?? this.facts.criSocket, args), options);
  }

  /** Starts crictl with pipes to its standard streams, for what is bytes or goes on. */
  spawnCrictl(...args: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn(...this.#crictlWords(this.facts.criSocket, args));
  }

  /** As `spawnCrictl`, on a terminal of its own with 40 rows of 100 columns. */
  spawnCrictlOnTty(...args: readonly string[]): ChildProcessWithoutNullStreams {
    const command = this.#crictlWords(this.facts.criSocket, args).flat().map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    return spawn('script', ['--quiet', '--return', '--echo', 'never', '--command', `stty rows 40 cols 100; ${command}`, '/dev/null']);
  }

  /** Runs ctr in podwright's namespace and returns what it prints; throws when it fails. */
  ctr(...args: readonly string[]): Promise<string> {
    return run(this.ctrPath, ['--address', this.containerd.socket, '--namespace', this.facts.name, ...args]);
  }

  /** containerd's collector comes by itself too, but on a busy disk it waits for minutes. */
  async collectGarbage(): Promise<void> {
    const lease = (await this.ctr('leases', 'create')).trim();
    await this.ctr('leases', 'delete', '--sync', lease);
  }

  get ctrPath(): string {
    return path.join(this.#parts.containerdFolder, 'ctr');
  }

  /** The words of a crictl command on the node's CRI, to which its own are to be added. */
  crictlCommand(socket = this.facts.criSocket): string[] {
    return this.#crictlWords(socket, []).flat();
  }

  /** In the node's network, since what is streamed comes over a port there. */
  #crictlWords(socket: string, args: readonly string[]): [string, string[]] {
    return inNetwork(this.facts, path.join(this.#parts.crictlFolder, 'crictl'), ...crictlFlags(socket), ...args);
  }

  /** Writes a value as a JSON file that is gone with the node, as crictl takes its Pod and container configs. */
  async writeJson(value: unknown): Promise<string> {
    const folder = path.join(this.root, 'files');
    await mkdir(folder, { recursive: true });
    const file = path.join(folder, `${++this.#serial}.json`);
    await writeFile(file, JSON.stringify(value, undefined, 2));
    return file;
  }

  /** What Pods left behind, one line each; empty when all of them were removed as it should be. */
  leaks(): Promise<string[]> {
    return findLeaks(this.facts, this.ctrPath);
  }

  /** Lets the node live on after this process, until it is taken down by hand. */
  async keep(): Promise<void> {
    await writeFacts({ ...this.facts, owner: null });
    this.#parts.disarm();
  }

  /** Ends everything and removes all that the node made, Pods that still run included. */
  async stop(): Promise<void> {
    await removeNode(this.facts);
    this.#parts.disarm();
  }
}

/** In the node's network a registry is reached from the node, its Pods and the machine. */
function registryPlace({ network }: NodeFacts): Pick<RegistryOptions, 'address' | 'netns'> {
  return { address: network?.nodeAddress, netns: network?.netns };
}

/** crictl's flags for a socket, with nothing taken from this machine's own crictl.yaml. */
export function crictlFlags(socket: string): string[] {
  const endpoint = `unix://${socket}`;
  return ['--config', '/dev/null', '--runtime-endpoint', endpoint, '--image-endpoint', endpoint, '--timeout', '60s'];
}
