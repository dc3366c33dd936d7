import { readFile } from 'node:fs/promises';
import { eventually } from '../../support/eventually.ts';
import type { ContainerStatus, Pod } from '../../support/node/kubelet.ts';
import type { Output, RunOptions } from '../../support/node/run.ts';
import type { TempCluster } from '../../support/temp-cluster.ts';
import type { TempNode } from '../../support/temp-node.ts';
import { type ContainerSpec, findStatus, isReady } from '../pods.ts';
import { PodWatch } from './pod-watch.ts';
import { SharedCluster } from './shared-cluster.ts';

const shared = new SharedCluster();

// At the root: after the last file of this folder, and whatever mocha runs beside.
after('ends the cluster of the Pod suite', async function () {
  this.timeout(300_000);
  await shared.end();
});

// Not what is expected but what a machine with much else to do may need.
const untilMs = 120_000;

/** Keeps a shell container there until it is told to end, without a process a second. */
export const idle = 'while :; do sleep 3600 & wait $!; done';

/** A Pod of these containers that ends quickly; `spec` is laid over. */
export function makePod(name: string, containers: readonly ContainerSpec[], spec: object = {}, metadata: object = {}): Pod {
  return {
    metadata: { name, ...metadata },
    spec: { terminationGracePeriodSeconds: 1, automountServiceAccountToken: false, containers, ...spec },
  };
}

/** What a file of the Pod suite has: the cluster, and a namespace of its own that is deleted after its tests. */
export class PodSuite {
  readonly namespace: string;
  #parts: { readonly cluster: TempCluster; readonly watch: PodWatch } | undefined;

  constructor(namespace: string) {
    this.namespace = namespace;
  }

  async begin(): Promise<void> {
    const cluster = await shared.get();
    await cluster.kubectl('create', 'namespace', this.namespace);
    // Without it no Pod is let in.
    await eventually('the namespace has a service account', () =>
      cluster.get(`/api/v1/namespaces/${this.namespace}/serviceaccounts/default`).then(() => true, () => false),
    );
    this.#parts = { cluster, watch: new PodWatch(cluster.controlPlane, this.namespace) };
  }

  /** Begins to delete all that the file made. The next one need not wait for the end. */
  async end(): Promise<void> {
    if (this.#parts === undefined) return;
    this.#parts.watch.close();
    await this.cluster.kubectl('delete', 'namespace', this.namespace, '--wait=false');
  }

  get cluster(): TempCluster {
    return this.#started.cluster;
  }

  /** Its daemons are there to be killed and started again. */
  get node(): TempNode {
    return this.cluster.node;
  }

  /** Runs kubectl in the file's namespace and returns what it prints; throws when it fails. */
  kubectl(...args: readonly string[]): Promise<string> {
    return this.cluster.kubectl(`--namespace=${this.namespace}`, ...args);
  }

  /** Runs kubectl in the file's namespace and tells how it ended, for what is to fail or needs input. */
  tryKubectl(args: readonly string[], options?: RunOptions): Promise<Output> {
    return this.cluster.tryKubectl([`--namespace=${this.namespace}`, ...args], options);
  }

  /** Starts kubectl in the file's namespace, with pipes to its standard streams. */
  spawnKubectl(...args: readonly string[]): ReturnType<TempCluster['spawnKubectl']> {
    return this.cluster.spawnKubectl(`--namespace=${this.namespace}`, ...args);
  }

  /** Creates objects in the file's namespace. */
  async create(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    const { code, stderr } = await this.tryKubectl(['create', '--filename=-'], { input: JSON.stringify(list) });
    if (code !== 0) throw new Error(`kubectl create: ${stderr}`);
  }

  /** Creates Pods and waits for nothing. */
  run(...pods: readonly Pod[]): Promise<void> {
    return this.create(...pods.map((pod) => ({ apiVersion: 'v1', kind: 'Pod', ...pod })));
  }

  /** Creates Pods and waits until all of them are Ready; returns them in the order they were given in. */
  async start<Pods extends readonly Pod[]>(...pods: Pods): Promise<{ [Each in keyof Pods]: Pod }> {
    await this.run(...pods);
    const ready = await Promise.all(pods.map(({ metadata }) => this.untilReady(metadata.name)));
    return ready as { [Each in keyof Pods]: Pod };
  }

  /** The Pod as the API server told it last; undefined where there is none. */
  pod(name: string): Pod | undefined {
    return this.watch.latest(name);
  }

  /** All that happens to the file's Pods. */
  get watch(): PodWatch {
    return this.#started.watch;
  }

  /** Waits until a Pod is as `test` wants it, and returns it as it is then. */
  untilPod(name: string, what: string, test: (pod: Pod) => boolean, timeoutMs = untilMs): Promise<Pod> {
    return this.#until(name, what, (pod) => pod !== undefined && test(pod) && pod, timeoutMs);
  }

  untilReady(name: string): Promise<Pod> {
    return this.untilPod(name, 'Ready', isReady);
  }

  /** Waits until one container of a Pod, of whatever kind, is as `test` wants it, and returns its status. */
  async untilContainer(pod: string, container: string, what: string, test: (status: ContainerStatus) => boolean, timeoutMs = untilMs): Promise<ContainerStatus> {
    const look = (status: ContainerStatus | undefined): ContainerStatus | undefined => (status !== undefined && test(status) ? status : undefined);
    return this.#until(pod, `${what} in its container ${container}`, (each) => look(findStatus(each, container)), timeoutMs);
  }

  /** Waits until one container of a Pod runs, `restarts` times started anew or more. */
  untilRunning(pod: string, container: string, restarts = 0): Promise<ContainerStatus> {
    return this.untilContainer(pod, container, `running after ${restarts} restarts`, ({ state, restartCount }) => state?.running !== undefined && restartCount >= restarts);
  }

  /** Waits until a Pod's phase is Succeeded or Failed, and returns it. */
  untilEnded(name: string, timeoutMs = untilMs): Promise<Pod> {
    return this.untilPod(name, 'at its end', ({ status }) => status?.phase === 'Succeeded' || status?.phase === 'Failed', timeoutMs);
  }

  async untilGone(name: string, timeoutMs = untilMs): Promise<void> {
    await this.#until(name, 'gone', (pod) => pod === undefined, timeoutMs);
  }

  /** Runs a shell script in a container, the first one where none is named, and returns what it prints; throws when it fails. */
  async exec(pod: string, script: string, container?: string): Promise<string> {
    const { code, stdout, stderr } = await this.tryExec(pod, script, container);
    if (code !== 0) throw new Error(`in ${pod}${container === undefined ? '' : `/${container}`}: ${script}: exit code ${code}: ${stderr}${stdout}`);
    return stdout;
  }

  /** Runs a shell script in a container and tells how it ended. */
  tryExec(pod: string, script: string, container?: string): Promise<Output> {
    const flags = container === undefined ? ['--quiet'] : [`--container=${container}`];
    return this.tryKubectl(['exec', pod, ...flags, '--', 'sh', '-c', script]);
  }

  /** Asks a container's first process to end. That ends the asking one as well, which makes what it returns worthless. */
  async endContainer(pod: string, container: string): Promise<void> {
    await this.tryExec(pod, 'kill -TERM 1', container);
  }

  /** What a container has written, of its first one where none is named; `flags` are those of `kubectl logs`. */
  logs(pod: string, container?: string, ...flags: readonly string[]): Promise<string> {
    return this.kubectl('logs', pod, ...(container === undefined ? [] : [`--container=${container}`]), ...flags);
  }

  /** Waits until what a container has written is as `test` wants it, and returns that. */
  untilLogs(pod: string, container: string, test: (log: string) => boolean): Promise<string> {
    let log = '';
    return eventually(
      () => `the log of ${pod}/${container} is as it should be; it is: ${log}`,
      async () => {
        log = await this.logs(pod, container);
        return test(log) && log;
      },
      untilMs,
    );
  }

  /** Waits until an event of this reason, with such a message, has been told of a Pod. */
  async untilEvent(name: string, reason: string, message: RegExp): Promise<void> {
    const url = `/api/v1/namespaces/${this.namespace}/events?fieldSelector=involvedObject.name=${name}`;
    let told: readonly string[] = [];
    await eventually(
      () => `${name} has an event ${reason} with ${message}; there are: ${told.join('; ')}`,
      async () => {
        const { items } = await this.cluster.get<{ readonly items: readonly { readonly reason: string; readonly message: string }[] }>(url);
        told = items.map((event) => `${event.reason}: ${event.message}`);
        return items.some((event) => event.reason === reason && message.test(event.message));
      },
      untilMs,
    );
  }

  get #started(): { readonly cluster: TempCluster; readonly watch: PodWatch } {
    if (this.#parts === undefined) throw new Error('the Pod suite has not begun: use it within a test or a hook');
    return this.#parts;
  }

  async #until<T>(name: string, what: string, test: (pod: Pod | undefined) => T | undefined | false, timeoutMs: number): Promise<T> {
    try {
      return await this.watch.until(() => test(this.pod(name)), timeoutMs);
    } catch (error) {
      throw new Error(`pod ${name} is not ${what}: ${String(error)}\n${await this.#describe(name)}`, { cause: error });
    }
  }

  /** What there is to know of a Pod with which something is wrong. */
  async #describe(name: string): Promise<string> {
    const { kubelet, podwright } = this.node;
    const { stdout, stderr } = await this.tryKubectl(['describe', 'pod', name]);
    const told = await Promise.all([kubelet.logPath, podwright.logPath].map((file) => lastLines(file, `${this.namespace}/${name}`)));
    return [stdout, stderr, 'the kubelet:', told[0], 'podwright:', told[1]].join('\n');
  }
}

/** The last lines of a log that have to do with a Pod. */
async function lastLines(file: string, name: string): Promise<string> {
  return (await readFile(file, 'utf8')).split('\n').filter((line) => line.includes(name)).slice(-15).join('\n');
}

/** Gives the tests of a `describe` the cluster of the Pod suite, and a namespace of this name. */
export function usePodSuite(namespace: string): PodSuite {
  const suite = new PodSuite(namespace);
  before(async function () {
    this.timeout(300_000);
    await suite.begin();
  });
  after(() => suite.end());
  return suite;
}
