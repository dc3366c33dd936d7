import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { ControlPlane, clusterTools } from './cluster/control-plane.ts';
import { isReadyNode, type Resource } from './cluster/resources.ts';
import { makeSecrets, type Secrets } from './cluster/secrets.ts';
import { eventually } from './eventually.ts';
import type { NodeFacts, NodeNetwork } from './node/facts.ts';
import type { KubeletOptions } from './node/kubelet.ts';
import { findRemains } from './node/remains.ts';
import { type Output, run, type RunOptions, tryRun } from './node/run.ts';
import { toolFolders } from './node/tools.ts';
import { TempNode, type TempNodeOptions } from './temp-node.ts';

/** A cluster of one node; what is not said is as small clusters have it. */
export interface TempClusterOptions extends Omit<TempNodeOptions, 'kubelet' | 'ownNetwork' | 'beside'> {
  /** Laid over what the cluster's kubelet is configured with. */
  readonly kubelet?: KubeletOptions;
  /** Feature gates of the control plane, kube-proxy and the kubelet. */
  readonly featureGates?: Readonly<Record<string, boolean>>;
  /** More flags of the API server. */
  readonly apiServerArgs?: readonly string[];
}

/**
 * A private cluster: etcd, API server, controllers, scheduler and kube-proxy around a private node whose kubelet
 * is registered there, all of it upstream's programs and in a network namespace of its own. Ends as a node does.
 */
export class TempCluster {
  readonly node: TempNode;
  readonly controlPlane: ControlPlane;
  /** The kubeconfig of one who may do anything. */
  readonly kubeconfig: string;

  private constructor(node: TempNode, controlPlane: ControlPlane, kubeconfig: string) {
    this.node = node;
    this.controlPlane = controlPlane;
    this.kubeconfig = kubeconfig;
  }

  /** Makes a cluster whose node is Ready. When a part does not start, nothing is left. */
  static async start(options: TempClusterOptions = {}): Promise<TempCluster> {
    const { kubelet, featureGates, apiServerArgs, onProgress: say = () => {}, ...nodeOptions } = options;
    const tools = await toolFolders('kubectl', 'kubelet', ...clusterTools);
    let made: { readonly secrets: Secrets; readonly controlPlane: ControlPlane } | undefined;
    // The API server takes longest, and needs nothing of the node but its network.
    const beside = async (facts: NodeFacts): Promise<void> => {
      const network = networkOf(facts);
      const secrets = await makeSecrets(path.join(facts.root, 'cluster', 'pki'), facts, network);
      const controlPlane = new ControlPlane({ facts, network, tools, secrets, featureGates, apiServerArgs });
      made = { secrets, controlPlane };
      await controlPlane.startApi();
    };
    const node = await TempNode.start({ ...nodeOptions, ownNetwork: true, onProgress: say, beside: { what: 'etcd and the API server', start: beside } });
    try {
      if (made === undefined) throw new Error('the node came up without its control plane');
      const { secrets, controlPlane } = made;
      const cluster = new TempCluster(node, controlPlane, secrets.kubeconfigs.admin);
      await cluster.#writeCommands(tools.kubectl);
      say('starting controllers, scheduler, kube-proxy and the kubelet');
      const { nodeAddress } = networkOf(node.facts);
      await Promise.all([controlPlane.startClients(), node.startKubelet(kubeletOptions(secrets, nodeAddress, featureGates, kubelet))]);
      say('waiting until the node is Ready');
      await cluster.#untilReady();
      return cluster;
    } catch (error) {
      await node.stop();
      throw error;
    }
  }

  /** A folder for the `PATH`: a kubectl that comes to this cluster as one who may do anything, and a crictl for its node. */
  get binFolder(): string {
    return path.join(this.node.root, 'bin');
  }

  /** Runs kubectl and returns what it prints; throws when it fails. */
  kubectl(...args: readonly string[]): Promise<string> {
    return run(this.#kubectlPath, args);
  }

  /** Runs kubectl and tells how it ended, for what is to fail or needs input. */
  tryKubectl(args: readonly string[], options?: RunOptions): Promise<Output> {
    return tryRun(this.#kubectlPath, args, options);
  }

  /** Starts kubectl with pipes to its standard streams, for what is bytes or goes on. */
  spawnKubectl(...args: readonly string[]): ChildProcessWithoutNullStreams {
    return spawn(this.#kubectlPath, [...args]);
  }

  /** Creates objects, or changes them to what is given. */
  async apply(...objects: readonly object[]): Promise<void> {
    const list = { apiVersion: 'v1', kind: 'List', items: objects };
    await run(this.#kubectlPath, ['apply', '--filename=-'], { input: JSON.stringify(list) });
  }

  /** An object of the API server by its path, or a list: `/api/v1/namespaces/default/pods/web`. */
  async get<T = Resource>(url: string): Promise<T> {
    return JSON.parse(await this.controlPlane.get(url)) as T;
  }

  /** What Pods left behind on the node, one line each; empty when all of them were removed as it should be. */
  leaks(): Promise<string[]> {
    return this.node.leaks();
  }

  /** Lets the cluster live on after this process, until it is taken down by hand. */
  keep(): Promise<void> {
    return this.node.keep();
  }

  /** Ends everything and removes all that the cluster made, Pods that still run included; throws where something is left. */
  async stop(): Promise<void> {
    await this.node.stop();
    const left = await findRemains(this.node.facts);
    if (left.length > 0) throw new Error(`the cluster in ${this.node.root} left behind:\n${left.join('\n')}`);
  }

  get #kubectlPath(): string {
    return path.join(this.binFolder, 'kubectl');
  }

  async #writeCommands(kubectlFolder: string): Promise<void> {
    await mkdir(this.binFolder, { recursive: true });
    // Nothing of the caller's own ~/.kube is read or written.
    const cache = path.join(this.node.root, 'kubectl-cache');
    const kubectl = [path.join(kubectlFolder, 'kubectl'), `--kubeconfig=${this.kubeconfig}`, `--cache-dir=${cache}`];
    await writeScript(this.#kubectlPath, ['env', 'KUBERC=off', ...kubectl]);
    await writeScript(path.join(this.binFolder, 'crictl'), this.node.crictlCommand());
  }

  /** Ready is a node that takes Pods, a namespace in which Pods may be made, and Services that lead somewhere. */
  async #untilReady(): Promise<void> {
    const { name } = this.node.facts;
    await eventually('the node is Ready', () => this.get(`/api/v1/nodes/${name}`).then(isReadyNode, () => false), 60_000);
    for (const url of ['serviceaccounts/default', 'configmaps/kube-root-ca.crt']) {
      await eventually(`the default namespace has ${url}`, () => this.#exists(`/api/v1/namespaces/default/${url}`), 60_000);
    }
    const proxy = `http://${networkOf(this.node.facts).nodeAddress}:10256/healthz`;
    await eventually('kube-proxy has written its rules', () => fetch(proxy).then(({ ok }) => ok, () => false), 60_000);
  }

  #exists(url: string): Promise<boolean> {
    return this.get(url).then(() => true, () => false);
  }
}

function networkOf({ root, network }: NodeFacts): NodeNetwork {
  if (network === undefined) throw new Error(`the node in ${root} has no network of its own`);
  return network;
}

/** Writes a command that is another one with its first words given. */
async function writeScript(file: string, words: readonly string[]): Promise<void> {
  await writeFile(file, `#!/bin/sh\nexec ${words.map((word) => `'${word}'`).join(' ')} "$@"\n`);
  await chmod(file, 0o755);
}

/** The kubelet of a cluster: registered at the API server, which tells it who may ask it what. */
function kubeletOptions(
  { authority, kubelet, kubeletClient, kubeconfigs }: Secrets,
  nodeAddress: string,
  featureGates: Readonly<Record<string, boolean>> = {},
  { config, args = [] }: KubeletOptions = {},
): KubeletOptions {
  return {
    credentials: { ca: authority.cert, cert: kubeletClient.cert, key: kubeletClient.key },
    args: [`--kubeconfig=${kubeconfigs.kubelet}`, `--node-ip=${nodeAddress}`, ...args],
    config: {
      authentication: { anonymous: { enabled: false }, webhook: { enabled: true }, x509: { clientCAFile: authority.certFile } },
      authorization: { mode: 'Webhook' },
      tlsCertFile: kubelet.certFile,
      tlsPrivateKeyFile: kubelet.keyFile,
      clusterDomain: 'cluster.local',
      makeIPTablesUtilChains: true,
      ...config,
      featureGates: { ...featureGates, ...config?.featureGates },
    },
  };
}
