import { mkdir, symlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { Daemon } from '../node/daemon.ts';
import type { NodeFacts, NodeNetwork } from '../node/facts.ts';
import { httpsGet, httpsLines, type HttpsPeer, type LineListener } from '../node/https-get.ts';
import { apiPort, frontProxyName, type Secrets, serviceSubnet } from './secrets.ts';

/** The programs of a control plane, and kube-proxy, which needs the same. */
export const clusterTools = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kube-proxy'] as const;

export type ClusterTool = (typeof clusterTools)[number];

export interface ControlPlaneOptions {
  readonly facts: NodeFacts;
  readonly network: NodeNetwork;
  readonly tools: Readonly<Record<ClusterTool, string>>;
  readonly secrets: Secrets;
  /** Feature gates of all its programs. */
  readonly featureGates?: Readonly<Record<string, boolean>> | undefined;
  /** More flags of the API server. */
  readonly apiServerArgs?: readonly string[] | undefined;
}

// In a network namespace of its own nobody else comes to it, but for Pods in the node's own network.
const etcdUrl = 'http://127.0.0.1:2379';

/** etcd, the API server, the controllers, the scheduler and kube-proxy of a cluster of one node. */
export class ControlPlane {
  readonly #options: ControlPlaneOptions;
  readonly #folder: string;
  readonly #daemons: Readonly<Record<ClusterTool, Daemon>>;

  constructor(options: ControlPlaneOptions) {
    this.#options = options;
    this.#folder = path.join(options.facts.root, 'cluster');
    this.#daemons = {
      etcd: this.#daemon('etcd', this.#etcdArgs()),
      'kube-apiserver': this.#daemon('kube-apiserver', this.#apiServerArgs()),
      'kube-controller-manager': this.#daemon('kube-controller-manager', this.#controllerManagerArgs()),
      'kube-scheduler': this.#daemon('kube-scheduler', this.#schedulerArgs()),
      'kube-proxy': this.#daemon('kube-proxy', [`--config=${this.#file('kube-proxy.json')}`, ...this.#gates()]),
    };
  }

  /** One of its daemons, for instance to read its log or to kill it. */
  daemon(tool: ClusterTool): Daemon {
    return this.#daemons[tool];
  }

  /** Starts the API server, and what it needs, and waits until it is ready. */
  async startApi(): Promise<void> {
    await mkdir(this.#folder, { recursive: true });
    // Go names it after its module's folder, and a process called "server" could be anything.
    await symlink(path.join(this.#options.tools.etcd, 'server'), this.#file('etcd'));
    this.#daemons.etcd.start();
    // It waits for etcd by itself.
    this.#daemons['kube-apiserver'].start();
    const isReady = (): Promise<boolean> => this.get('/readyz').then(() => true, () => false);
    await this.#daemons['kube-apiserver'].until('it is ready', isReady, 120_000);
  }

  /** Starts the rest, and waits for nothing. */
  async startClients(): Promise<void> {
    await writeFile(this.#file('kube-proxy.json'), JSON.stringify(this.#proxyConfig(), undefined, 2));
    for (const tool of ['kube-controller-manager', 'kube-scheduler', 'kube-proxy'] as const) this.#daemons[tool].start();
  }

  /** A GET to the API server as one who may do anything. */
  get(url: string): Promise<string> {
    return httpsGet(this.#api, url);
  }

  /** A GET whose answer goes on, one JSON object a line: `/api/v1/pods?watch=true`. Returns how to close it. */
  watch(url: string, listener: LineListener): () => void {
    return httpsLines(this.#api, url, listener);
  }

  get #api(): HttpsPeer {
    const { network, secrets } = this.#options;
    const { cert, key } = secrets.admin;
    return { host: network.nodeAddress, port: apiPort, ca: secrets.authority.cert, cert, key };
  }

  #daemon(tool: ClusterTool, args: readonly string[]): Daemon {
    const { network, tools } = this.#options;
    return new Daemon({
      name: tool,
      command: tool === 'etcd' ? this.#file('etcd') : path.join(tools[tool], tool),
      args,
      logPath: this.#file(`${tool}.log`),
      netns: network.netns,
    });
  }

  #file(name: string): string {
    return path.join(this.#folder, name);
  }

  #gates(): string[] {
    const gates = Object.entries(this.#options.featureGates ?? {});
    return gates.length === 0 ? [] : [`--feature-gates=${gates.map(([name, on]) => `${name}=${on}`).join(',')}`];
  }

  #etcdArgs(): string[] {
    return [
      `--data-dir=${this.#file('etcd-data')}`,
      `--listen-client-urls=${etcdUrl}`,
      `--advertise-client-urls=${etcdUrl}`,
      '--listen-peer-urls=http://127.0.0.1:2380',
      '--log-level=warn',
      // What it holds ends with the cluster, and a machine that crashes ends that as well.
      '--unsafe-no-fsync',
    ];
  }

  #apiServerArgs(): string[] {
    const { network, secrets } = this.#options;
    return [
      `--etcd-servers=${etcdUrl}`,
      `--advertise-address=${network.nodeAddress}`,
      `--secure-port=${apiPort}`,
      `--cert-dir=${this.#folder}`,
      `--tls-cert-file=${secrets.apiServer.certFile}`,
      `--tls-private-key-file=${secrets.apiServer.keyFile}`,
      `--client-ca-file=${secrets.authority.certFile}`,
      `--kubelet-certificate-authority=${secrets.authority.certFile}`,
      `--kubelet-client-certificate=${secrets.kubeletClient.certFile}`,
      `--kubelet-client-key=${secrets.kubeletClient.keyFile}`,
      `--requestheader-client-ca-file=${secrets.authority.certFile}`,
      `--requestheader-allowed-names=${frontProxyName}`,
      '--requestheader-username-headers=X-Remote-User',
      '--requestheader-group-headers=X-Remote-Group',
      '--requestheader-extra-headers-prefix=X-Remote-Extra-',
      `--proxy-client-cert-file=${secrets.frontProxy.certFile}`,
      `--proxy-client-key-file=${secrets.frontProxy.keyFile}`,
      '--kubelet-preferred-address-types=InternalIP',
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${secrets.tokenKeyFile}`,
      `--service-account-signing-key-file=${secrets.tokenKeyFile}`,
      `--service-cluster-ip-range=${serviceSubnet}`,
      '--authorization-mode=Node,RBAC',
      '--enable-admission-plugins=NodeRestriction',
      '--allow-privileged=true',
      ...this.#gates(),
      ...(this.#options.apiServerArgs ?? []),
    ];
  }

  #controllerManagerArgs(): string[] {
    const { facts, secrets } = this.#options;
    return [
      ...this.#clientArgs(secrets.kubeconfigs['controller-manager']),
      '--use-service-account-credentials=true',
      `--service-account-private-key-file=${secrets.tokenKeyFile}`,
      `--root-ca-file=${secrets.authority.certFile}`,
      `--cluster-signing-cert-file=${secrets.authority.certFile}`,
      `--cluster-signing-key-file=${secrets.authority.keyFile}`,
      '--allocate-node-cidrs=true',
      `--cluster-cidr=${facts.subnet}.0/24`,
      '--node-cidr-mask-size=24',
      `--service-cluster-ip-range=${serviceSubnet}`,
      // It would be made below /usr.
      `--flex-volume-plugin-dir=${this.#file('volume-plugins')}`,
    ];
  }

  #schedulerArgs(): string[] {
    return this.#clientArgs(this.#options.secrets.kubeconfigs.scheduler);
  }

  /** There is one of each, which need not ask whether it leads. */
  #clientArgs(kubeconfig: string): string[] {
    return [
      `--kubeconfig=${kubeconfig}`,
      `--authentication-kubeconfig=${kubeconfig}`,
      `--authorization-kubeconfig=${kubeconfig}`,
      `--cert-dir=${this.#folder}`,
      '--bind-address=127.0.0.1',
      '--leader-elect=false',
      // Left to restrain itself the controller manager takes five seconds to make an account for each controller.
      '--kube-api-qps=1000',
      '--kube-api-burst=1000',
      ...this.#gates(),
    ];
  }

  #proxyConfig(): object {
    const { facts, network, secrets } = this.#options;
    return {
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      clientConnection: { kubeconfig: secrets.kubeconfigs.proxy },
      hostnameOverride: facts.name,
      mode: 'iptables',
      clusterCIDR: `${facts.subnet}.0/24`,
      healthzBindAddress: `${network.nodeAddress}:10256`,
      // These settings are the whole machine's: 0 leaves them as they are.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s', udpTimeout: '0s', udpStreamTimeout: '0s' },
      oomScoreAdj: 0,
    };
  }
}
