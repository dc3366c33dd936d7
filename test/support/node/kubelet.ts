import { mkdir, readFile, readdir, readlink, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import path from 'node:path';
import { Daemon } from './daemon.ts';
import type { NodeFacts } from './facts.ts';
import { httpsGet, type HttpsPeer } from './https-get.ts';

export interface KubeletOptions {
  /** Laid over the node's KubeletConfiguration; `featureGates` are added to. */
  readonly config?: { readonly featureGates?: Readonly<Record<string, boolean>>; readonly [field: string]: unknown };
  readonly args?: readonly string[];
  /** How to show its API who asks, where not everybody may. */
  readonly credentials?: Pick<HttpsPeer, 'ca' | 'cert' | 'key'>;
}

/** What a kubelet needs of the node it runs on. */
export interface KubeletSeat {
  readonly facts: NodeFacts;
  readonly folder: string;
  readonly cgroupProcs: readonly string[];
}

/** The part of a v1.Pod that tests look at. */
export interface Pod {
  readonly metadata: { readonly name: string; readonly namespace?: string; readonly uid?: string };
  readonly spec?: object;
  readonly status?: {
    readonly phase?: string;
    readonly podIP?: string;
    readonly podIPs?: readonly { readonly ip: string }[];
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
    readonly initContainerStatuses?: readonly ContainerStatus[];
    readonly containerStatuses?: readonly ContainerStatus[];
    readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  };
}

export interface ContainerStatus {
  readonly name: string;
  readonly ready: boolean;
  readonly started?: boolean;
  readonly restartCount: number;
  readonly containerID?: string;
  readonly state?: ContainerState;
  /** How it ended the last time, where it runs again or is to run again. */
  readonly lastState?: ContainerState;
}

export interface ContainerState {
  readonly running?: { readonly startedAt: string };
  readonly waiting?: { readonly reason?: string; readonly message?: string };
  readonly terminated?: {
    readonly exitCode: number;
    readonly reason?: string;
    readonly message?: string;
    readonly startedAt?: string;
    readonly finishedAt?: string;
  };
}

/** Kernel settings, below /proc/sys, that a kubelet sets to what it likes. */
const tunables = ['vm/overcommit_memory', 'vm/panic_on_oom', 'kernel/panic', 'kernel/panic_on_oops', 'kernel/keys/root_maxkeys', 'kernel/keys/root_maxbytes'];
const legacyLogFolder = '/var/log/containers';

/** The usual one, which nobody else has in a network of the node's own. */
const kubeletPort = 10_250;

/** An upstream kubelet. Unless its options name an API server it just runs the Pods whose manifests lie in a folder. */
export class KubeletDaemon {
  readonly #seat: KubeletSeat;
  readonly #options: KubeletOptions;
  readonly #folder: string;
  readonly #daemon: Daemon;
  #port = 0;

  constructor(seat: KubeletSeat, options: KubeletOptions) {
    this.#seat = seat;
    this.#options = options;
    this.#folder = path.join(seat.facts.root, 'k');
    this.#daemon = new Daemon({
      name: 'kubelet',
      command: path.join(seat.folder, 'kubelet'),
      args: [
        `--config=${path.join(this.#folder, 'config.json')}`,
        `--root-dir=${path.join(this.#folder, 'root')}`,
        `--cert-dir=${path.join(this.#folder, 'pki')}`,
        `--hostname-override=${seat.facts.name}`,
        ...(options.args ?? []),
      ],
      logPath: path.join(this.#folder, 'kubelet.log'),
      cgroupProcs: seat.cgroupProcs,
      netns: seat.facts.network?.netns,
    });
  }

  get logPath(): string {
    return this.#daemon.logPath;
  }

  get pid(): number | undefined {
    return this.#daemon.pid;
  }

  /** Where it keeps the logs of Pods. */
  get podLogsFolder(): string {
    return path.join(this.#folder, 'pod-logs');
  }

  get manifestFolder(): string {
    return path.join(this.#folder, 'manifests');
  }

  /** Starts it and waits until it answers. */
  async start(): Promise<void> {
    await mkdir(this.manifestFolder, { recursive: true });
    await mkdir(this.podLogsFolder, { recursive: true });
    if (this.#port === 0) this.#port = this.#seat.facts.network === undefined ? await freePort() : kubeletPort;
    await writeFile(path.join(this.#folder, 'config.json'), JSON.stringify(this.#config(), undefined, 2));
    this.#daemon.start();
    await this.#daemon.until('it answers', () => this.pods().then(() => true, () => false), 60_000);
  }

  /** Ends it with a signal. The Pods run on. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#daemon.stop(signal);
  }

  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.kill(signal);
    await this.start();
  }

  /** Puts a static Pod's manifest where the kubelet looks every second. */
  async runPod(pod: Pod): Promise<void> {
    const file = path.join(this.manifestFolder, `${pod.metadata.name}.json`);
    await writeFile(file, JSON.stringify({ apiVersion: 'v1', kind: 'Pod', ...pod }));
  }

  /** Takes the manifest away, upon which the kubelet ends the Pod. It stops listing it at once: the CRI tells when it is gone. */
  async removePod(name: string): Promise<void> {
    await rm(path.join(this.manifestFolder, `${name}.json`), { force: true });
  }

  /** Every Pod that the kubelet knows, as its API tells them. */
  async pods(): Promise<Pod[]> {
    const list = JSON.parse(await this.get('/pods')) as { items: Pod[] | null };
    return list.items ?? [];
  }

  /** The Pod of a manifest; the kubelet adds the node's name to that of a static Pod. */
  async pod(name: string): Promise<Pod | undefined> {
    const full = `${name}-${this.#seat.facts.name}`;
    return (await this.pods()).find((pod) => pod.metadata.name === full);
  }

  /** Polls until a Pod is as `test` wants it; `undefined` is handed in while the kubelet does not know it. */
  async untilPod(name: string, what: string, test: (pod: Pod | undefined) => boolean, timeoutMs = 60_000): Promise<Pod | undefined> {
    let pod: Pod | undefined;
    try {
      await this.#daemon.until(
        `pod ${name} ${what}`,
        async () => {
          pod = await this.pod(name);
          return test(pod);
        },
        timeoutMs,
      );
    } catch (error) {
      throw new Error(`pod ${name} is not ${what}: ${JSON.stringify(pod?.status)}`, { cause: error });
    }
    return pod;
  }

  /** A GET to the kubelet's own API: `/pods`, `/stats/summary`, `/metrics`, `/containerLogs/NAMESPACE/POD/CONTAINER`. */
  get(url: string): Promise<string> {
    return httpsGet({ host: this.#address, port: this.#port, ...this.#options.credentials }, url);
  }

  /** Where its API is. */
  get url(): string {
    return `https://${this.#address}:${this.#port}`;
  }

  get #address(): string {
    return this.#seat.facts.network?.nodeAddress ?? '127.0.0.1';
  }

  #config(): object {
    const { facts } = this.#seat;
    const { featureGates, ...over } = this.#options.config ?? {};
    return {
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      containerRuntimeEndpoint: `unix://${facts.criSocket}`,
      // cAdvisor looks for containerd at one place only, and this one is at another.
      featureGates: { PodAndContainerStatsFromCRI: true, ...featureGates },
      address: this.#address,
      port: this.#port,
      readOnlyPort: 0,
      healthzPort: 0,
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      staticPodPath: this.manifestFolder,
      fileCheckFrequency: '1s',
      podLogsDir: this.podLogsFolder,
      volumePluginDir: path.join(this.#folder, 'plugins'),
      failCgroupV1: false,
      cgroupDriver: 'cgroupfs',
      cgroupRoot: facts.cgroup,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      evictionHard: {},
      makeIPTablesUtilChains: false,
      oomScoreAdj: 0,
      ...over,
    };
  }
}

/** The kernel settings that a kubelet changes, as they are now. */
export async function readTunables(): Promise<Record<string, string>> {
  const values: Record<string, string> = {};
  for (const name of tunables) {
    const value = await readFile(`/proc/sys/${name}`, 'utf8').catch(() => undefined);
    if (value !== undefined) values[name] = value.trim();
  }
  return values;
}

/** Gives the kernel settings back the values they had. */
export async function restoreTunables(before: Readonly<Record<string, string>>): Promise<void> {
  const now = await readTunables();
  for (const [name, value] of Object.entries(before)) {
    if (now[name] !== value) await writeFile(`/proc/sys/${name}`, value);
  }
}

/** Removes the links that a kubelet makes to the logs of its Pods, in a folder that cannot be configured. */
export async function removeLogLinks(facts: NodeFacts): Promise<void> {
  for (const name of await readdir(legacyLogFolder).catch(() => [])) {
    const link = path.join(legacyLogFolder, name);
    const target = await readlink(link).catch(() => '');
    if (target.startsWith(`${facts.root}/`)) await rm(link, { force: true });
  }
}

/** A port on 127.0.0.1 that nobody listens on now. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
