import { CodedError, invalidField, messageOf } from '../lib/errors.ts';
import { isCniName } from './conf.ts';
import type { JsonObject } from './json.ts';
import { parseQuantity } from '../lib/quantity.ts';

/** A Pod's wish to be on the network, with what of its PodSandboxConfig plugins can use. */
export interface SandboxNetworkRequest {
  readonly id: string;
  readonly netnsPath: string;
  readonly pod: { readonly name: string; readonly namespace: string; readonly uid: string };
  readonly portMappings: readonly {
    readonly protocol: 'tcp' | 'udp' | 'sctp';
    readonly containerPort: number;
    readonly hostPort: number;
    readonly hostIp: string;
  }[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly dns?: {
    readonly servers: readonly string[];
    readonly searches: readonly string[];
    readonly options: readonly string[];
  };
  /** The configuration folder of its handler; the node's own when it is empty or left out. */
  readonly confDir?: string;
  /** PodSandboxConfig.linux.cgroup_parent; empty for none. */
  readonly cgroupParent: string;
  /** The interface in the sandbox; `eth0` when it is left out. */
  readonly ifName?: string;
  /** Further capability arguments by name (`ipRanges`, `mac`, …), for the plugins that declare them. */
  readonly capabilities?: JsonObject;
}

/** The parameters of an attachment (CNI 1.1.0 section 3, "Attachment Parameters") but for its namespace. */
export interface Attachment {
  readonly containerId: string;
  readonly ifName: string;
  readonly args: readonly (readonly [string, string])[];
  readonly capabilityArgs: JsonObject;
}

/** The interface every Pod's network is on. */
export const defaultIfName = 'eth0';

/** The attachment parameters of a Pod, as containerd's CRI names them. `invalidArgument` for what cannot be passed on. */
export function toAttachment(request: SandboxNetworkRequest): Attachment {
  return {
    containerId: checkContainerId(request.id),
    ifName: checkIfName(request.ifName ?? defaultIfName),
    args: [
      ['IgnoreUnknown', '1'],
      ...checkArgs([
        ['K8S_POD_NAMESPACE', request.pod.namespace],
        ['K8S_POD_NAME', request.pod.name],
        ['K8S_POD_INFRA_CONTAINER_ID', request.id],
        ['K8S_POD_UID', request.pod.uid],
      ]),
    ],
    capabilityArgs: capabilityArgs(request),
  };
}

/** The parameters for a sandbox of which nothing is known but its id: enough for most plugins' DEL. */
export function bareAttachment(id: string, ifName = defaultIfName): Attachment {
  return {
    containerId: checkContainerId(id),
    ifName: checkIfName(ifName),
    args: [
      ['IgnoreUnknown', '1'],
      ['K8S_POD_INFRA_CONTAINER_ID', id],
    ],
    capabilityArgs: {},
  };
}

// The names and shapes are those of CNI's CONVENTIONS.md; pod-annotations is containerd's.
function capabilityArgs(request: SandboxNetworkRequest): JsonObject {
  const portMappings = request.portMappings
    .filter((mapping) => mapping.hostPort > 0)
    .map(({ hostPort, containerPort, protocol, hostIp }) => ({
      hostPort,
      containerPort,
      protocol,
      ...(hostIp !== '' && { hostIP: hostIp }),
    }));
  const bandwidth = bandwidthArgs(request.annotations);
  const { dns, cgroupParent } = request;
  return {
    'io.kubernetes.cri.pod-annotations': request.annotations,
    ...(portMappings.length > 0 && { portMappings }),
    ...(bandwidth !== undefined && { bandwidth }),
    ...(dns !== undefined && { dns: { servers: dns.servers, searches: dns.searches, options: dns.options } }),
    ...(cgroupParent !== '' && { cgroupPath: cgroupParent }),
    ...request.capabilities,
  };
}

const ingressAnnotation = 'kubernetes.io/ingress-bandwidth';
const egressAnnotation = 'kubernetes.io/egress-bandwidth';

/** The `bandwidth` capability out of a Pod's annotations: rates and bursts in bits per second and bits. */
export function bandwidthArgs(annotations: Readonly<Record<string, string>>): JsonObject | undefined {
  const ingressRate = bandwidthRate(annotations, ingressAnnotation);
  const egressRate = bandwidthRate(annotations, egressAnnotation);
  if (ingressRate === undefined && egressRate === undefined) return undefined;
  // The plugin wants a burst with every rate; the most it takes leaves the rate alone to limit.
  const burst = 2 ** 32 - 1;
  return {
    ...(ingressRate !== undefined && { ingressRate, ingressBurst: burst }),
    ...(egressRate !== undefined && { egressRate, egressBurst: burst }),
  };
}

function bandwidthRate(annotations: Readonly<Record<string, string>>, key: string): number | undefined {
  const text = Object.hasOwn(annotations, key) ? annotations[key] : undefined;
  if (text === undefined) return undefined;
  const field = `config.annotations["${key}"]`;
  let rate: bigint;
  try {
    rate = parseQuantity(text);
  } catch (error) {
    throw new CodedError('invalidArgument', `${field} is ${JSON.stringify(text)}: ${messageOf(error)}`, { cause: error });
  }
  // Kubernetes' own bounds: less than 1k or more than 1P bits per second is a mistake.
  if (rate < 1000n || rate > 10n ** 15n) throw invalidField(field, text, 'a bandwidth is between 1k and 1P bits per second');
  return Number(rate);
}

function checkContainerId(id: string): string {
  if (!isCniName(id)) throw invalidField('the sandbox id', id, 'CNI allows letters, digits, "_", "." and "-" after a letter or digit');
  return id;
}

// The kernel's rules for an interface name (net/core/dev.c dev_valid_name).
function checkIfName(name: string): string {
  if (name === '' || Buffer.byteLength(name) > 15 || name === '.' || name === '..' || /[/:\s\0]/.test(name)) {
    throw invalidField('the interface name', name, 'at most 15 bytes without "/", ":" and blanks');
  }
  return name;
}

// Where the request gives what plugins get under other names.
const argumentFields: Readonly<Record<string, string>> = {
  K8S_POD_NAMESPACE: 'config.metadata.namespace',
  K8S_POD_NAME: 'config.metadata.name',
  K8S_POD_UID: 'config.metadata.uid',
};

// CNI_ARGS has no way to quote: a ";" in a Pod's name would become an argument of its own, and plugins refuse a
// second "=".
function checkArgs(args: readonly (readonly [string, string])[]): readonly (readonly [string, string])[] {
  for (const [key, value] of args) {
    if (/[;=\0]/.test(value)) throw invalidField(argumentFields[key] ?? key, value, 'CNI arguments hold none of ";", "=" and NUL');
  }
  return args;
}
