import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import type { LinuxContainerSecurityContext__Output } from '../types/cri/runtime/v1/LinuxContainerSecurityContext.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';
import { containerAnnotations } from './annotations.ts';
import { apparmorProfile } from './apparmor.ts';
import { buildCapabilities, grantableCapabilities } from './capabilities.ts';
import { type ContainerDefaults, noDefaults } from './container-defaults.ts';
import { type ClassSubject, intelRdt, refuseBlockIoClass } from './class-annotations.ts';
import { defaultMounts } from './default-mounts.ts';
import { buildDevices, type HostDevice, type ResolvedDevice } from './devices.ts';
import { addHooks, type HookFile, isHookFor } from './hooks.ts';
import type { HostFacts } from './host-facts.ts';
import type { MountInfo } from './mount-table.ts';
import { buildMounts, type DeclaredVolume, type MountSection, type ResolvedMount, type SandboxFiles } from './mounts.ts';
import { containerNamespaces, type SandboxNamespaces } from './namespaces.ts';
import { ociVersion, type OciCapabilities, type OciProcess, type OciSpec } from './oci.ts';
import { clampOomScoreAdj } from './oom.ts';
import { type ImageSettings, processArgs, processCwd, processEnv } from './process.ts';
import { mergeResources } from './resources.ts';
import { buildSeccomp, chooseSeccomp } from './seccomp.ts';
import { selinuxLabels, type SelinuxLabels } from './selinux.ts';
import { resolveUser, type UserFiles } from './user.ts';

/** All that a container's spec depends on. What has to be looked up on the host or in the image is looked up before. */
export interface ContainerSpecInput {
  readonly sandboxId: string;
  readonly sandboxConfig: PodSandboxConfig__Output;
  readonly config: ContainerConfig__Output;
  /** The Pod's host name, for HOSTNAME. */
  readonly hostname: string;
  /** As the image is called by people; goes to an annotation. */
  readonly imageName: string;
  readonly image: ImageSettings;
  /** /etc/passwd and /etc/group as the image has them. */
  readonly userFiles: UserFiles;
  readonly namespaces: SandboxNamespaces;
  /** For pid TARGET: `/proc/<pid>/ns/pid` of the container named by target_id. */
  readonly targetPidPath?: string;
  readonly cgroupsPath: string;
  readonly files: SandboxFiles;
  /** config.mounts in their order, each with its source. */
  readonly mounts: readonly ResolvedMount[];
  /** Whether the kernel and the handler's OCI runtime make mounts recursively read-only. */
  readonly rroSupported: boolean;
  /** Whether they make mounts show other owners. */
  readonly idMapSupported: boolean;
  readonly declaredVolumes?: readonly DeclaredVolume[];
  /** The host's mount table, where `needsMountInfo` asks for it. */
  readonly mountInfo?: readonly MountInfo[];
  readonly devices?: readonly ResolvedDevice[];
  /** The host's own device nodes, for a privileged container; undefined where its handler gives it none. */
  readonly hostDevices?: readonly HostDevice[];
  /** The text of `seccompFile`, for a Localhost profile. */
  readonly seccompProfile?: string;
  /** The AppArmor profiles loaded on the host. */
  readonly apparmorProfiles?: readonly string[];
  /** The Pod's SELinux level, `s0:c1,c2`; only looked at where SELinux is enabled. */
  readonly selinuxLevel?: string;
  /** Annotations that the handler passes on to the runtime. */
  readonly passedAnnotations?: Readonly<Record<string, string>>;
  readonly host: HostFacts;
  /** What the node's configuration gives to every container. */
  readonly defaults?: ContainerDefaults;
  /** The RDT classes of the host, where `asksForRdt` asks for them. */
  readonly rdtClasses?: readonly string[];
  /** The hooks of the node, of which a container gets those that are for it. */
  readonly hookFiles?: readonly HookFile[];
}

type SecurityContext = LinuxContainerSecurityContext__Output | null;

/** A container's OCI spec from its CRI config. Pure and deterministic; errors as the parts throw them. */
export function buildContainerSpec(input: ContainerSpecInput): OciSpec {
  const { config, sandboxConfig, host, defaults = noDefaults } = input;
  const context = config.linux?.securityContext ?? null;
  const privileged = context?.privileged ?? false;
  const capabilities = buildCapabilities(context?.capabilities ?? null, privileged, grantableCapabilities(host));
  const selinux = context?.selinuxOptions ?? sandboxConfig.linux?.securityContext?.selinuxOptions ?? null;
  const labels = selinuxLabels(selinux, host.selinux, input.selinuxLevel, privileged);
  const seccomp = buildSeccomp(chooseSeccomp(context), capabilities.bounding, host, input.seccompProfile);
  const namespaces = containerNamespaces({
    sandbox: input.namespaces,
    sandboxOptions: sandboxConfig.linux?.securityContext?.namespaceOptions ?? null,
    containerOptions: context?.namespaceOptions ?? null,
    ...(input.targetPidPath === undefined ? {} : { targetPidPath: input.targetPidPath }),
    cgroupVersion: host.cgroupVersion,
    privileged,
  });
  const hasCgroupNamespace = namespaces.namespaces.some(({ type }) => type === 'cgroup');
  const { mounts, rootfsPropagation } = mountsOf(input, context, hasCgroupNamespace);
  const { devices, rules } = buildDevices({
    devices: input.devices ?? [],
    hostDevices: input.hostDevices ?? [],
    // Which devices are open goes with which are there: a handler that shows none of the host's opens none.
    privileged: privileged && input.hostDevices !== undefined,
    inUserNamespace: input.namespaces.user !== undefined,
    ...(defaults.ownDevices && { owner: ownerOf(context) }),
  });
  const classes = classSubject(config, sandboxConfig);
  refuseBlockIoClass(classes);
  const rdt = intelRdt(classes, input.rdtClasses);
  const pids = defaults.pidsLimit > 0 ? { pids: { limit: defaults.pidsLimit } } : {};
  const process = processOf(input, context, capabilities, labels);
  const hookFiles = (input.hookFiles ?? []).filter((file) =>
    isHookFor(file, {
      annotations: { ...sandboxConfig.annotations, ...config.annotations },
      program: process.args[0] ?? '',
      hasBindMounts: config.mounts.length > 0,
    }),
  );
  return {
    ociVersion,
    process,
    root: { path: 'rootfs', readonly: context?.readonlyRootfs ?? false },
    mounts,
    annotations: containerAnnotations({
      sandboxId: input.sandboxId,
      sandboxConfig,
      containerName: config.metadata?.name ?? '',
      imageName: input.imageName,
      ...(input.passedAnnotations && { passed: input.passedAnnotations }),
    }),
    ...(hookFiles.length === 0 ? {} : { hooks: addHooks(undefined, hookFiles) }),
    linux: {
      ...namespaces,
      resources: mergeResources({ devices: rules, ...pids }, config.linux?.resources ?? null, host),
      cgroupsPath: input.cgroupsPath,
      ...(devices.length === 0 ? {} : { devices }),
      ...(rdt === undefined ? {} : { intelRdt: rdt }),
      ...(seccomp === undefined ? {} : { seccomp }),
      ...(rootfsPropagation === undefined ? {} : { rootfsPropagation }),
      maskedPaths: privileged ? [] : (context?.maskedPaths ?? []),
      readonlyPaths: privileged ? [] : (context?.readonlyPaths ?? []),
      ...(labels === undefined ? {} : { mountLabel: labels.mount }),
    },
  };
}

/** Root's devices stay the host's owner's: a container that runs as root can use them anyway. */
function ownerOf(context: SecurityContext): { readonly uid?: number; readonly gid?: number } {
  const [uid, gid] = [Number(context?.runAsUser?.value ?? 0), Number(context?.runAsGroup?.value ?? 0)];
  return { ...(uid > 0 && { uid }), ...(gid > 0 && { gid }) };
}

/** Who a container is to annotations that name classes. */
export function classSubject(config: ContainerConfig__Output, sandboxConfig: PodSandboxConfig__Output): ClassSubject {
  const { annotations } = config;
  return { containerName: config.metadata?.name ?? '', annotations, podAnnotations: sandboxConfig.annotations };
}

function processOf(
  input: ContainerSpecInput,
  context: SecurityContext,
  capabilities: OciCapabilities,
  labels: SelinuxLabels | undefined,
): OciProcess {
  const { config, image, host, defaults = noDefaults } = input;
  const apparmor = apparmorProfile(
    context ?? { privileged: false, apparmor: null, apparmorProfile: '' },
    host,
    input.apparmorProfiles ?? [],
  );
  const oomScoreAdj = config.linux?.resources?.oomScoreAdj;
  return {
    terminal: config.tty,
    user: resolveUser(context ?? rootByImage, image.user, input.userFiles),
    args: processArgs(config, image),
    env: processEnv({
      hostname: input.hostname,
      tty: config.tty,
      defaultEnv: defaults.env,
      imageEnv: image.env,
      envs: config.envs,
    }),
    cwd: processCwd(config.workingDir, image.workingDir),
    capabilities,
    ...(defaults.rlimits.length === 0 ? {} : { rlimits: defaults.rlimits }),
    noNewPrivileges: context?.noNewPrivs ?? false,
    ...(apparmor === undefined ? {} : { apparmorProfile: apparmor }),
    ...(oomScoreAdj === undefined ? {} : { oomScoreAdj: clampOomScoreAdj(Number(oomScoreAdj), host) }),
    ...(labels === undefined ? {} : { selinuxLabel: labels.process }),
  };
}

const rootByImage = {
  runAsUser: null,
  runAsUsername: '',
  runAsGroup: null,
  supplementalGroups: [],
  supplementalGroupsPolicy: 'Merge',
};

function mountsOf(input: ContainerSpecInput, context: SecurityContext, hasCgroupNamespace: boolean): MountSection {
  const { sandboxConfig, host } = input;
  const sandboxOptions = sandboxConfig.linux?.securityContext?.namespaceOptions ?? null;
  const userns = sandboxOptions?.usernsOptions ?? null;
  const localtime = input.defaults?.localtime;
  const inUserns = userns !== null && input.namespaces.user !== undefined;
  return buildMounts({
    defaults: defaultMounts({
      privileged: context?.privileged ?? false,
      hostNetworkInUserns: inUserns && sandboxOptions?.network === 'NODE',
      hasCgroupNamespace,
      host,
    }),
    files: localtime === undefined ? input.files : { ...input.files, localtime },
    declaredVolumes: input.declaredVolumes ?? [],
    mounts: input.mounts,
    readonlyRootfs: context?.readonlyRootfs ?? false,
    rroSupported: input.rroSupported,
    idMapSupported: input.idMapSupported,
    mountInfo: input.mountInfo ?? [],
    ...(inUserns ? { idMappings: { uids: userns.uids, gids: userns.gids } } : {}),
  });
}
