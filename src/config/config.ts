import type { Entries, Nodes } from './schema.ts';
import {
  absolutePath,
  absolutePaths,
  anyPaths,
  binary,
  count,
  handlerName,
  identifier,
  imageReference,
  ipAddress,
  oneOf,
  port,
  runtimeType,
  socketPath,
  timezone,
  ulimits,
  variables,
} from './checks.ts';
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
}

export interface CniConfig {
  readonly confDir: string;
  readonly binDirs: readonly string[];
  /** Whether plugins are told at the start which Pods there are, and take the rest for leftovers. */
  readonly gc: boolean;
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
  readonly options: HandlerOptions;
}

/** Named as in containerd's own configuration. */
export interface HandlerOptions {
  readonly BinaryName: string;
  readonly SystemdCgroup: boolean;
}

export interface StreamingConfig {
  readonly address: string;
  readonly port: number;
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
    options: table('What the shim is told.', {
      BinaryName: text('', 'The OCI runtime; runc is found on PATH when this is empty.', binary),
      SystemdCgroup: flag(false, "Whether cgroups are made through systemd; must agree with the kubelet's cgroupDriver."),
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
  }),
  cni: table('The Pod network.', {
    confDir: text('/etc/cni/net.d', 'Its configuration; the first file by name is used.', absolutePath),
    binDirs: list(['/opt/cni/bin'], 'Where its plugins are, the first match is used.', absolutePaths),
    gc: flag(false, 'Whether plugins (CNI 1.1.0) clean up at the start; not where another runtime uses the same network.'),
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
  }),
  log: table('The log, JSON lines on stderr.', {
    level: text('info', 'The least level that is written: error, warn, info or debug.', oneOf('error', 'warn', 'info', 'debug')),
  }),
};

/** What is wrong with a configuration whose keys are all well by themselves, each with the key to blame. */
export function checkTogether(config: Config): { readonly path: readonly string[]; readonly why: string }[] {
  const problems: { readonly path: readonly string[]; readonly why: string }[] = [];
  const { runtimes, root, state, socket, containerd } = config;
  if (!Object.hasOwn(runtimes.handlers, runtimes.default)) {
    const names = Object.keys(runtimes.handlers).map((name) => JSON.stringify(name));
    problems.push({ path: ['runtimes', 'default'], why: `must be a configured handler: ${names.join(', ')}` });
  }
  if (root === state) problems.push({ path: ['state'], why: 'must not be the root: one survives a reboot and the other does not' });
  if (socket === containerd.address) problems.push({ path: ['socket'], why: "must not be containerd's own socket" });
  const systemd = new Set(Object.values(runtimes.handlers).map(({ options }) => options.SystemdCgroup));
  if (systemd.size > 1) {
    // RuntimeConfig tells the kubelet one driver for the whole node.
    problems.push({ path: ['runtimes'], why: 'SystemdCgroup must be the same for every handler, as a node has one cgroup driver' });
  }
  return problems;
}
