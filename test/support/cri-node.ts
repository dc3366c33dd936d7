import assert from 'node:assert/strict';
import { mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { status } from '@grpc/grpc-js';
import { busyboxImage } from '../../hack/images/catalogue.ts';
import type { ImageServiceDefinition } from '../../src/types/cri/runtime/v1/ImageService.ts';
import type { PodSandboxConfig } from '../../src/types/cri/runtime/v1/PodSandboxConfig.ts';
import type { RuntimeServiceDefinition } from '../../src/types/cri/runtime/v1/RuntimeService.ts';
import { type Answer, CriClient } from './cri-client.ts';
import { Pod } from './cri-pod.ts';
import { findCgroups } from './node/cgroups.ts';
import { findProcesses } from './node/processes.ts';
import type { PodwrightDaemon, PodwrightOptions } from './node/podwright.ts';
import { TempNode, type TempNodeOptions } from './temp-node.ts';
import { eventually } from './eventually.ts';

// The generated interfaces carry an index signature, which would make every string an RPC.
type Named<T> = { [Name in keyof T as string extends Name ? never : number extends Name ? never : Name]: T[Name] };
type Definitions = Named<RuntimeServiceDefinition> & Named<ImageServiceDefinition>;
type MessagesOf<Definition> =
  Definition extends { requestSerialize(value: infer Request): Buffer; responseDeserialize(bytes: Buffer): infer Response }
    ? { readonly request: Request; readonly response: Response }
    : never;

export type Rpc = keyof Definitions;
export type RequestOf<Name extends Rpc> = MessagesOf<Definitions[Name]>['request'];
export type ResponseOf<Name extends Rpc> = MessagesOf<Definitions[Name]>['response'];

/** Sets a fresh node up for the podwright that is then started with the answer. */
export type Configure = (node: TempNode) => Promise<PodwrightOptions>;

/** One podwright and a client of it, with the calls that tests are told in. */
export class CriNode {
  readonly node: TempNode;
  readonly podwright: PodwrightDaemon;
  #client: CriClient;
  #serial = 0;
  #baseline: readonly string[] = [];

  constructor(node: TempNode, podwright = node.podwright) {
    this.node = node;
    this.podwright = podwright;
    this.#client = new CriClient(podwright.socket);
  }

  /** Starts a node with a podwright that has the busybox image. `configure` may set the node up for it first. */
  static async start(options: TempNodeOptions = {}, configure?: Configure): Promise<CriNode> {
    const node = await TempNode.start({ ...options, podwright: configure === undefined && (options.podwright ?? true) });
    try {
      if (configure !== undefined) await node.startPodwright(await configure(node));
      const cri = new CriNode(node);
      await cri.call('PullImage', { image: { image: busyboxImage } });
      cri.#baseline = await cri.inventory();
      return cri;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  get client(): CriClient {
    return this.#client;
  }

  /** A call that has to succeed. */
  async call<Name extends Rpc>(rpc: Name, request: RequestOf<Name>, deadlineMs = 60_000): Promise<ResponseOf<Name>> {
    const answer = await this.try(rpc, request, deadlineMs);
    assert.equal(answer.code, status.OK, `${rpc}: ${status[answer.code]}: ${answer.details}`);
    return answer.response as unknown as ResponseOf<Name>;
  }

  /** A call that may end in any way. */
  async try<Name extends Rpc>(rpc: Name, request: RequestOf<Name>, deadlineMs = 60_000): Promise<Answer> {
    return this.#client.call(rpc, request as object, { deadline: Date.now() + deadlineMs });
  }

  /** A call that has to be refused with this code, in words that match. Returns them. */
  async refuse<Name extends Rpc>(
    rpc: Name,
    request: RequestOf<Name>,
    code: keyof typeof status,
    ...words: readonly (string | RegExp)[]
  ): Promise<string> {
    const answer = await this.try(rpc, request);
    assert.equal(status[answer.code], code, `${rpc}: ${answer.details || 'succeeded'}`);
    for (const word of words) {
      if (typeof word === 'string') assert.ok(answer.details.includes(word), `"${answer.details}" does not say "${word}"`);
      else assert.match(answer.details, word);
    }
    return answer.details;
  }

  /** A Pod's config with names of its own; like a kubelet's, it asks for a PID namespace for each container. */
  podConfig(given: PodSandboxConfig = {}): PodSandboxConfig {
    const name = `pod-${++this.#serial}`;
    return {
      metadata: { name, namespace: 'test', uid: `uid-${name}`, attempt: 0 },
      hostname: name,
      logDirectory: path.join(this.node.root, 'logs', name),
      ...given,
      linux: {
        ...given.linux,
        securityContext: { namespaceOptions: { pid: 'CONTAINER' }, ...given.linux?.securityContext },
      },
    };
  }

  /** Runs a Pod's sandbox. */
  async runPod(given: PodSandboxConfig = {}, runtimeHandler = ''): Promise<Pod> {
    const config = this.podConfig(given);
    const { podSandboxId } = await this.call('RunPodSandbox', { config, runtimeHandler });
    return new Pod(this, podSandboxId, config);
  }

  /** A new folder on the host that is gone with the node. */
  async folder(name = 'folder'): Promise<string> {
    const folder = path.join(this.node.root, 'files', `${name}-${++this.#serial}`);
    await mkdir(folder, { recursive: true });
    return folder;
  }

  async podIds(): Promise<string[]> {
    return (await this.call('ListPodSandbox', {})).items.map((item) => item.id);
  }

  async containerIds(): Promise<string[]> {
    return (await this.call('ListContainers', {})).containers.map((item) => item.id);
  }

  /** Kills podwright and starts it again, as after a crash. */
  async restartPodwright(signal?: NodeJS.Signals): Promise<void> {
    await this.podwright.restart(signal);
    this.reconnect();
  }

  /** Makes a new connection: the old one would wait a while before it tries a socket that was away. */
  reconnect(): void {
    this.#client.close();
    this.#client = new CriClient(this.podwright.socket);
  }

  /** Stops and removes every Pod, the way a kubelet does. */
  async removePods(): Promise<void> {
    const ids = await this.podIds();
    await Promise.all(
      ids.map(async (podSandboxId) => {
        await this.call('StopPodSandbox', { podSandboxId });
        await this.call('RemovePodSandbox', { podSandboxId });
      }),
    );
  }

  /**
   * Clears what nobody can know of after a call was cut off in containerd's midst: a shim whose address containerd was
   * not told yet, as it kills the program that starts one together with the call (2.4.2), and the empty cgroups of a
   * runc that was killed. A shim that has a task is not cleared: containerd knows that one.
   */
  async clearCutOff(): Promise<void> {
    const tasks = (await this.node.ctr('tasks', 'list', '--quiet')).trim();
    const shims = (await findProcesses(this.node.facts)).filter(({ kind }) => kind === 'shim');
    if (tasks === '') for (const { pid } of shims) process.kill(pid, 'SIGKILL');
    // The deepest first; a cgroup with a process in it stays, and is found to be left.
    for (const group of (await findCgroups(this.node.facts)).toReversed()) await rmdir(group).catch(() => {});
  }

  /** What exists beside images: the same before and after whatever is to leave nothing. */
  async inventory(): Promise<string[]> {
    const [leaks, snapshots] = await Promise.all([this.node.leaks(), this.node.ctr('snapshots', 'list')]);
    const active = snapshots.split('\n').filter((line) => /\s(Active|View)\s*$/.test(line));
    return [...leaks, ...active.map((line) => `snapshot ${line.split(/\s/)[0]}`)].sort();
  }

  /** Fails unless everything is as in `before`, which is the start where not said. Processes may still be ending. */
  async assertNothingLeft(before = this.#baseline): Promise<void> {
    let left: string[] = [];
    await eventually(
      () => `nothing is left, but there is ${left.join('; ')}`,
      async () => {
        left = (await this.inventory()).filter((item) => !before.includes(item));
        // What nothing holds on to any more goes with containerd's next collection.
        if (left.some((item) => item.startsWith('snapshot '))) await this.node.collectGarbage();
        return left.length === 0;
      },
      10_000,
    );
  }

  async stop(): Promise<void> {
    this.#client.close();
    await this.node.stop();
  }
}

/**
 * Gives a file of tests its own node: started before the first, with all Pods removed after each, and
 * found empty after the last.
 */
export function useCriNode(options: TempNodeOptions = {}, configure?: Configure): () => CriNode {
  let cri: CriNode | undefined;
  const get = (): CriNode => {
    assert.ok(cri, 'the node is there once the tests run');
    return cri;
  };
  before(async function () {
    // The first run of all builds the tools.
    this.timeout(1_800_000);
    cri = await CriNode.start(options, configure);
  });
  afterEach(async function () {
    this.timeout(60_000);
    await get().removePods();
  });
  after(async function () {
    this.timeout(60_000);
    if (cri === undefined) return;
    try {
      await cri.assertNothingLeft();
    } finally {
      await cri.stop();
    }
  });
  return get;
}
