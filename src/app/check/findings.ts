import path from 'node:path';
import type { Config } from '../../config/config.ts';
import type { RuntimeAnswer } from '../../cri/ask.ts';
import type { Kubelet, UnreadableKubelet } from './kubelet.ts';

/** One thing that was looked at: whether it is as it should be, and one sentence, which names the remedy where it is not. */
export interface Finding {
  readonly level: 'fine' | 'note' | 'wrong';
  readonly text: string;
}

/** What was found on the machine; where something could not be asked, an error's message stands for the answer. */
export interface NodeFindings {
  readonly config: Config;
  readonly containerd: { readonly version: string; readonly criPluginRuns: boolean } | { readonly error: string };
  readonly podwright: RuntimeAnswer | { readonly error: string };
  /** What NetworkReady would say, asked without podwright; empty where the network is ready. */
  readonly networkFault: string;
  readonly kubelets: readonly (Kubelet | UnreadableKubelet)[];
  /** What is to run as the node's kubelet, which is looked at where none runs. */
  readonly configuredKubelet: Kubelet | UnreadableKubelet | undefined;
  readonly systemdRuns: boolean;
}

/** Judges all that was found. */
export function judge(found: NodeFindings): Finding[] {
  return [...judgeContainerd(found), ...judgePodwright(found), ...judgeDriver(found), ...judgeKubelets(found)];
}

/**
 * What to say of containerd's own CRI plugin when it runs beside podwright; undefined where the two have nothing
 * in common. The plugin's namespace is always k8s.io.
 */
export function criPluginFault(namespace: string): string | undefined {
  if (namespace !== 'k8s.io') return undefined;
  return (
    'containerd\'s own CRI plugin runs beside podwright on the same namespace "k8s.io", where each meddles with the other\'s Pods: ' +
    'add "io.containerd.grpc.v1.cri" to disabled_plugins in /etc/containerd/config.toml and restart containerd'
  );
}

function judgeContainerd({ config, containerd }: NodeFindings): Finding[] {
  const { address, namespace } = config.containerd;
  if ('error' in containerd) {
    return [wrong(`containerd does not answer at ${address} (${containerd.error}): start it, or set containerd.address to its socket`)];
  }
  const fault = containerd.criPluginRuns ? criPluginFault(namespace) : undefined;
  return [fine(`containerd ${containerd.version} answers at ${address}`), ...(fault === undefined ? [] : [wrong(fault)])];
}

function judgePodwright({ config, podwright, networkFault }: NodeFindings): Finding[] {
  if ('error' in podwright) {
    const text = `nobody serves the CRI at ${config.socket} (${podwright.error}): start podwright (systemctl start podwright; journalctl -u podwright says why it ended)`;
    return [wrong(text), ...(networkFault === '' ? [] : [wrong(`the network is not ready: ${networkFault}`)])];
  }
  const { runtimeName, runtimeVersion, conditions } = podwright;
  if (runtimeName !== 'podwright') {
    return [wrong(`${config.socket} is served by ${runtimeName} ${runtimeVersion}, not by podwright: give podwright's configuration a socket of its own`)];
  }
  const unmet = conditions.filter(({ status }) => !status);
  return [
    fine(`podwright ${runtimeVersion} serves at ${config.socket}`),
    ...unmet.map(({ type, message }) => wrong(`${type} is false: ${message}`)),
  ];
}

function judgeDriver({ config, systemdRuns }: NodeFindings): Finding[] {
  const { handler, driver } = driverOf(config);
  if (driver === 'cgroupfs' || systemdRuns) return [];
  return [wrong(`the cgroup driver is systemd, and systemd does not run here: set SystemdCgroup = false in [runtimes.${handler}.options] and restart podwright`)];
}

function judgeKubelets({ config, kubelets, configuredKubelet }: NodeFindings): Finding[] {
  if (kubelets.length > 0) return judgeEach(config, kubelets);
  if (configuredKubelet === undefined) return [note('no kubelet runs on this machine')];
  return [note('no kubelet runs on this machine: journalctl -u kubelet says why it ended'), ...judgeEach(config, [configuredKubelet])];
}

function judgeEach(config: Config, kubelets: NodeFindings['kubelets']): Finding[] {
  const faults: Finding[] = [];
  const readable: Kubelet[] = [];
  for (const kubelet of kubelets) {
    if ('error' in kubelet) faults.push(wrong(`the ${kubelet.name} cannot read its configuration: ${kubelet.error}`));
    else readable.push(kubelet);
  }
  return [...faults, ...judgeReadable(config, readable)];
}

function judgeReadable(config: Config, kubelets: readonly Kubelet[]): Finding[] {
  const ours = kubelets.filter(({ runtimeEndpoint }) => isSamePlace(runtimeEndpoint.value, config.socket));
  // Where one of several is podwright's, the others may well be somebody else's.
  if (ours.length === 0) return kubelets.map((kubelet) => wrong(endpointFault(config, kubelet)));
  return ours.flatMap((kubelet) => {
    const fault = driverFault(config, kubelet);
    return [fine(`the ${kubelet.name} asks for its containers at ${config.socket}`), ...(fault === undefined ? [] : [wrong(fault)])];
  });
}

function endpointFault(config: Config, { name, runtimeEndpoint }: Kubelet): string {
  const { value, from } = runtimeEndpoint;
  return (
    `the ${name} asks for its containers at ${value} (${from}), and podwright serves at unix://${config.socket}: ` +
    `set containerRuntimeEndpoint: unix://${config.socket} in its configuration (with kubeadm criSocket, too) and restart it`
  );
}

/** A kubelet that can asks the runtime for its driver, whatever it was told; an older one goes by what it was told. */
function driverFault(config: Config, { name, cgroupDriver }: Kubelet): string | undefined {
  const { handler, driver } = driverOf(config);
  if (cgroupDriver === undefined || cgroupDriver.value === driver) return undefined;
  const { value, from } = cgroupDriver;
  return (
    `the ${name} is told the cgroup driver ${value} (${from}), and podwright has ${driver}: set SystemdCgroup = ${value === 'systemd'} ` +
    `in [runtimes.${handler}.options] and restart podwright, or cgroupDriver: ${driver} and restart the kubelet`
  );
}

function driverOf({ runtimes }: Config): { readonly handler: string; readonly driver: 'systemd' | 'cgroupfs' } {
  const handler = runtimes.default;
  return { handler, driver: runtimes.handlers[handler]?.options.SystemdCgroup === true ? 'systemd' : 'cgroupfs' };
}

/** Whether an endpoint is a socket's. /var/run is a link to /run wherever there is a kubelet. */
function isSamePlace(endpoint: string, socket: string): boolean {
  const place = (text: string): string => path.normalize(text.replace(/^unix:(\/\/)?/u, '')).replace(/^\/var\/run\//u, '/run/');
  return place(endpoint) === place(socket);
}

function fine(text: string): Finding {
  return { level: 'fine', text };
}

function note(text: string): Finding {
  return { level: 'note', text };
}

function wrong(text: string): Finding {
  return { level: 'wrong', text };
}
