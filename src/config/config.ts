import type { Entries, Nodes } from './schema.ts';
import {
  absolutePath,
  absolutePaths,
  anyPaths,
  binary,
  count,
  globs,
  handlerName,
  id,
  identifier,
  imagePatterns,
  imageReference,
  ipAddress,
  isLoopback,
  listenAddress,
  oneOf,
  optional,
  port,
  runtimeType,
  seconds,
  socketPath,
  timezone,
  ulimits,
  variables,
} from './checks.ts';
import { strangeOptions } from './shim.ts';
import { flag, integer, list, table, text } from './schema.ts';

/** All of podwright's configuration, whole and checked. */
export interface Config {
  readonly version: number;
  /** Where the CRI is served. */
  readonly socket: string;
  /** What survives a reboot. */
  readonly root: string;
  /** What does not. */
  readonly state: string;
  readonly containerd: ContainerdConfig;
  readonly images: ImagesConfig;
  readonly cni: CniConfig;
  readonly cdi: CdiConfig;
  readonly containers: ContainersConfig;
  readonly runtimes: RuntimesConfig;
  readonly streaming: StreamingConfig;
  readonly metrics: MetricsConfig;
  readonly log: LogConfig;
}

export interface ContainerdConfig {
  readonly address: string;
  readonly namespace: string;
}

export interface ImagesConfig {
  readonly snapshotter: string;
  readonly configPath: string;
  readonly sandbox: string;
  /** Names and globs of images that the kubelet's image collection leaves alone, besides the sandbox image. */
  readonly pinned: readonly string[];
  /** Pulls at the same time; 0 for any number. */
  readonly maxConcurrentPulls: number;
  /** Layers unpacked at the same time, besides one of each further pull; 0 for what fits the machine, 1 leaves it to containerd. */
  readonly maxConcurrentUnpacks: number;
  /** Seconds that a registry may keep a pull waiting without a byte; 0 for ever. */
  readonly noProgressTimeout: number;
}

export interface CniConfig {
  readonly confDir: string;
  readonly binDirs: readonly string[];
  /** Whether plugins are told at the start which Pods there are, and take the rest for leftovers. */
  readonly gc: boolean;
  /** A file that the configuration is made from when the kubelet tells the Pod CIDR; empty for none. */
  readonly confTemplate: string;
  /** Which address of a dual-stack Pod is its first: `ipv4`, `ipv6`, or `cni` for the plugins' own order. */
  readonly ipPreference: string;
}

export interface CdiConfig {
  readonly specDirs: readonly string[];
}

export interface ContainersConfig {
  readonly defaultEnv: readonly string[];
  /** `nofile=1024:2048` */
  readonly defaultUlimits: readonly string[];
  /** A name of the zone database, `local` for the host's own, or empty for what the image has. */
  readonly timezone: string;
  /** 0 for no limit. */
  readonly pidsLimit: number;
  readonly deviceOwnershipFromSecurityContext: boolean;
  readonly hooksDirs: readonly string[];
}

export interface RuntimesConfig {
  /** The handler of a pod that asks for none. */
  readonly default: string;
  /** By name; `[runtimes.NAME]` in TOML. */
  readonly handlers: Readonly<Record<string, HandlerConfig>>;
}

export interface HandlerConfig {
  readonly type: string;
  /** Empty for that of `[images]`. */
  readonly snapshotter: string;
  /** Empty for that of `[cni]`. */
  readonly cniConfDir: string;
  /** A JSON file laid under every OCI spec; empty for none. */
  readonly baseRuntimeSpec: string;
  readonly privilegedWithoutHostDevices: boolean;
  readonly podAnnotations: readonly string[];
  readonly containerAnnotations: readonly string[];
  readonly options: HandlerOptions;
}

/**
 * The shim's options, named as in containerd's own configuration: those of runc's (containerd.runc.v1.Options), and the
 * two that other shims have (runtimeoptions.v1.Options).
 */
export interface HandlerOptions {
  readonly BinaryName: string;
  readonly SystemdCgroup: boolean;
  readonly Root: string;
  readonly NoPivotRoot: boolean;
  readonly NoNewKeyring: boolean;
  readonly ShimCgroup: string;
  readonly IoUid: number;
  readonly IoGid: number;
  readonly CriuImagePath: string;
  readonly CriuWorkPath: string;
  readonly ConfigPath: string;
  readonly TypeUrl: string;
}

export interface StreamingConfig {
  readonly address: string;
  readonly port: number;
  /** PEM; empty for no TLS. */
  readonly tlsCert: string;
  readonly tlsKey: string;
  /** Whether an address that others can reach is meant without TLS. */
  readonly allowPlaintext: boolean;
  readonly idleTimeoutS: number;
  readonly creationTimeoutS: number;
  /** Whether an exec whose client has gone is killed. */
  readonly killAbandoned: boolean;
}

export interface MetricsConfig {
  /** `IP:PORT`, or empty for none. */
  readonly address: string;
}

export interface LogConfig {
  readonly level: string;
}

const handlers: Entries<HandlerConfig> = {
  kind: 'entries',
  comment: 'One table for each handler that a RuntimeClass can name: [runtimes.NAME].',
  names: ['runc'],
  checkName: handlerName,
  entry: {
    type: text('io.containerd.runc.v2', 'The containerd runtime, that is its shim.', runtimeType),
    snapshotter: text('', 'Its containerd snapshotter; that of [images] when this is empty.', optional(identifier)),
    cniConfDir: text('', 'The network configuration of its Pods; that of [cni] when this is empty.', optional(absolutePath)),
    baseRuntimeSpec: text('', 'A JSON file with an OCI spec that is laid under that of every container; none when empty.', optional(absolutePath)),
    privilegedWithoutHostDevices: flag(false, "Whether a privileged container gets none of the host's devices."),
    podAnnotations: list([], 'Pod annotations, as globs, that its OCI specs get too, of the pause container and the others.', globs),
    containerAnnotations: list([], 'Container annotations, as globs, that the container\'s OCI spec gets too.', globs),
    options: table('What the shim is told.', {
      BinaryName: text('', 'The OCI runtime; runc is found on PATH when this is empty.', binary),
      SystemdCgroup: flag(false, "Whether cgroups are made through systemd; must agree with the kubelet's cgroupDriver."),
      Root: text('', "Where the OCI runtime keeps its state; the shim's own place when this is empty.", optional(absolutePath)),
      NoPivotRoot: flag(false, 'Whether it changes the root without pivot_root(2), as on a ramdisk.'),
      NoNewKeyring: flag(false, 'Whether a container keeps the session keyring of its parent.'),
      ShimCgroup: text('', 'The cgroup that the shim moves to; none when this is empty.', optional(absolutePath)),
      IoUid: integer(0, "The owner of the shim's pipes.", id),
      IoGid: integer(0, "The group of the shim's pipes.", id),
      CriuImagePath: text('', 'Where CRIU puts its images; none when this is empty.', optional(absolutePath)),
      CriuWorkPath: text('', 'Where CRIU works and logs; none when this is empty.', optional(absolutePath)),
      ConfigPath: text('', "The file of a shim other than runc's, as Kata and gVisor have one; its usual one when this is empty.", optional(absolutePath)),
      TypeUrl: text('', 'What kind of file that is, where the shim asks: io.containerd.runsc.v1.options for gVisor.', optional(identifier)),
    }),
  },
};

/** Every key there is. A new one needs its line here and in the interface above, and nothing else. */
export const schema: Nodes<Config> = {
  version: integer(1, 'The version of this format.', oneOf(1)),
  socket: text('/run/podwright/podwright.sock', 'Where the CRI is served.', socketPath),
  root: text('/var/lib/podwright', 'What survives a reboot.', absolutePath),
  state: text('/run/podwright', 'What does not survive a reboot.', absolutePath),
  containerd: table('The containerd that podwright stands on.', {
    address: text('/run/containerd/containerd.sock', 'Its socket.', absolutePath),
    namespace: text('k8s.io', 'Its namespace with our containers and images; cAdvisor looks into k8s.io.', identifier),
  }),
  images: table('Images.', {
    snapshotter: text('overlayfs', 'The containerd snapshotter that unpacks them.', identifier),
    configPath: text('/etc/containerd/certs.d', 'The hosts.toml files, as containerd reads them.', absolutePath),
    sandbox: text('registry.k8s.io/pause:3.10.2', 'The image of the pause container.', imageReference),
    pinned: list([], "Further images, as names or globs, that the kubelet's image collection leaves alone.", imagePatterns),
    maxConcurrentPulls: integer(0, 'How many images are pulled at the same time; 0 is any number.', count),
    maxConcurrentUnpacks: integer(0, 'How many layers are unpacked at the same time; 0 is one a processor, at most 4, and 1 leaves it to containerd.', count),
    noProgressTimeout: integer(300, 'Seconds a registry may keep a pull waiting without a byte; 0 is for ever.', count),
  }),
  cni: table('The Pod network.', {
    confDir: text('/etc/cni/net.d', 'Its configuration; the first file by name is used.', absolutePath),
    binDirs: list(['/opt/cni/bin'], 'Where its plugins are, the first match is used.', absolutePaths),
    gc: flag(false, 'Whether plugins (CNI 1.1.0) clean up at the start; not where another runtime uses the same network.'),
    confTemplate: text('', 'A template that the configuration is made from when the kubelet tells the Pod CIDR; none when empty.', optional(absolutePath)),
    ipPreference: text('cni', 'Which address of a dual-stack Pod is its first: ipv4, ipv6, or cni for the order of the plugins.', oneOf('cni', 'ipv4', 'ipv6')),
  }),
  cdi: table('Devices of vendors (Container Device Interface).', {
    specDirs: list(['/etc/cdi', '/var/run/cdi'], 'Where their specs are; a later folder goes before an earlier one.', absolutePaths),
  }),
  containers: table('What every container gets.', {
    defaultEnv: list([], 'Variables, as NAME=value, where neither the image nor the Pod sets them.', variables),
    defaultUlimits: list([], 'Limits, as nofile=SOFT:HARD; the others are those of containerd.', ulimits),
    timezone: text('', 'The time zone in /etc/localtime, as Europe/Berlin; "local" is the host\'s, and empty the image\'s.', timezone),
    pidsLimit: integer(0, 'The most processes of one container; 0 leaves that to the kubelet.', count),
    deviceOwnershipFromSecurityContext: flag(false, "Whether devices belong to the container's run_as_user and run_as_group."),
    hooksDirs: list([], 'Folders of OCI hooks, as podman has them; a file in a later folder stands for one of its name in an earlier.', anyPaths),
  }),
  runtimes: table('Runtime handlers.', {
    default: text('runc', 'The handler of a Pod that asks for none.', handlerName),
    handlers,
  }),
  streaming: table('The server for exec, attach and port-forward.', {
    address: text('127.0.0.1', 'The address it listens on.', ipAddress),
    port: integer(0, 'Its port; 0 is any free one.', port),
    tlsCert: text('', 'A PEM file with the certificate it shows; empty for no TLS. It is read anew when it changes.', optional(absolutePath)),
    tlsKey: text('', 'A PEM file with the key to the certificate.', optional(absolutePath)),
    allowPlaintext: flag(false, 'Whether an address that others can reach is meant without TLS: whoever hears a URL can use it.'),
    idleTimeoutS: integer(14_400, 'Seconds after which a connection with nothing to say is ended.', seconds),
    creationTimeoutS: integer(30, 'Seconds that a client may take to open its streams.', seconds),
    killAbandoned: flag(true, 'Whether the command of an exec is killed when its client has gone.'),
  }),
  metrics: table('Metrics for Prometheus, at /metrics and /v1/metrics.', {
    address: text('', 'Where they are served, as 127.0.0.1:1338; not at all when this is empty. Whoever reaches it may read them.', optional(listenAddress)),
  }),
  log: table('The log, JSON lines on stderr.', {
    level: text('info', 'The least level that is written: error, warn, info or debug.', oneOf('error', 'warn', 'info', 'debug')),
  }),
};

/** What is wrong with a configuration whose keys are all well by themselves, each with the key to blame, named as here. */
export function checkTogether(config: Config): { readonly path: readonly string[]; readonly why: string }[] {
  const problems: { readonly path: readonly string[]; readonly why: string }[] = [];
  const { runtimes, root, state, socket, containerd } = config;
  if (!Object.hasOwn(runtimes.handlers, runtimes.default)) {
    const names = Object.keys(runtimes.handlers).map((name) => JSON.stringify(name));
    problems.push({ path: ['runtimes', 'default'], why: `must be a configured handler: ${names.join(', ')}` });
  }
  if (root === state) problems.push({ path: ['state'], why: 'must not be the root: one survives a reboot and the other does not' });
  if (socket === containerd.address) problems.push({ path: ['socket'], why: "must not be containerd's own socket" });
  problems.push(...checkStreaming(config.streaming));
  for (const [name, handler] of Object.entries(runtimes.handlers)) {
    for (const { key, why } of strangeOptions(handler)) problems.push({ path: ['runtimes', 'handlers', name, 'options', key], why });
  }
  const systemd = new Set(Object.values(runtimes.handlers).map(({ options }) => options.SystemdCgroup));
  if (systemd.size > 1) {
    // RuntimeConfig tells the kubelet one driver for the whole node.
    problems.push({ path: ['runtimes'], why: 'SystemdCgroup must be the same for every handler, as a node has one cgroup driver' });
  }
  return problems;
}

function checkStreaming({ address, tlsCert, tlsKey, allowPlaintext }: StreamingConfig): { path: readonly string[]; why: string }[] {
  if ((tlsCert === '') !== (tlsKey === '')) {
    const missing = tlsCert === '' ? 'tlsCert' : 'tlsKey';
    return [{ path: ['streaming', missing], why: 'must be given too, as TLS takes both a certificate and its key' }];
  }
  if (tlsCert !== '' || allowPlaintext || isLoopback(address)) return [];
  const why = 'can be reached by others: give tls_cert and tls_key, or say allow_plaintext = true, upon which whoever hears a URL can use it';
  return [{ path: ['streaming', 'address'], why }];
}
