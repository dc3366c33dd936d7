import { CodedError } from '../lib/errors.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';
import { sandboxAnnotations } from './annotations.ts';
import { baseMounts } from './default-mounts.ts';
import type { HostFacts } from './host-facts.ts';
import { pauseNamespaces, type SandboxNamespaces } from './namespaces.ts';
import { type OciCapabilities, type OciSpec, type OciUser, ociVersion } from './oci.ts';
import { clampOomScoreAdj } from './oom.ts';
import { type ImageSettings, mergeEnv, processCwd } from './process.ts';
import { buildSeccomp, chooseSeccomp } from './seccomp.ts';
import { selinuxLabels } from './selinux.ts';
import type { Sysctl } from './sysctls.ts';
import { resolveUser, type UserFiles } from './user.ts';

/** All that the pause container's spec depends on. */
export interface PauseSpecInput {
  /** The sandbox's id, which is the pause container's. */
  readonly id: string;
  readonly config: PodSandboxConfig__Output;
  /** The sandbox's namespaces, pinned already; host name and sysctls are written in them by then. */
  readonly namespaces: SandboxNamespaces;
  readonly cgroupsPath: string;
  readonly image: ImageSettings;
  readonly imageName?: string;
  readonly userFiles?: UserFiles;
  /** The text of `seccompFile`, for a Localhost profile. */
  readonly seccompProfile?: string;
  /** The Pod's SELinux level, `s0:c1,c2`; only looked at where SELinux is on. */
  readonly selinuxLevel?: string;
  /** Annotations that the handler passes on to the runtime. */
  readonly passedAnnotations?: Readonly<Record<string, string>>;
  readonly host: HostFacts;
  /**
   * What a kernel of the Pod's own is told, which does not see what is written in the namespaces; runc is told nothing,
   * as it would write it anew. On the host's network it has the host's name.
   */
  readonly guest?: { readonly hostname?: string; readonly sysctls: readonly Sysctl[] };
}

// The last but the kubelet's own to be killed for memory: with it would go the Pod's shared PID namespace.
const oomScoreAdj = -998;
// The kernel's least, so that it takes nothing from its Pod.
const cpuShares = 2;
// It sleeps and reaps children, for which nobody needs a capability.
const noCapabilities: OciCapabilities = { bounding: [], effective: [], permitted: [] };

/**
 * The pause container's OCI spec: a member of the sandbox's namespaces that does nothing, on a root file system it
 * can't write. invalidArgument where its image names no program.
 */
export function buildPauseSpec(input: PauseSpecInput): OciSpec {
  const { config, image, host } = input;
  const context = config.linux?.securityContext ?? null;
  const args = [...image.entrypoint, ...image.cmd];
  if (args.length === 0) {
    throw new CodedError('invalidArgument', 'the sandbox image has neither ENTRYPOINT nor CMD');
  }
  const labels = selinuxLabels(context?.selinuxOptions ?? null, host.selinux, input.selinuxLevel, false);
  const seccomp = buildSeccomp(chooseSeccomp(context), noCapabilities.bounding, host, input.seccompProfile);
  return {
    ociVersion,
    process: {
      user: pauseUser(input),
      args,
      env: mergeEnv(image.env),
      cwd: processCwd('', image.workingDir),
      capabilities: noCapabilities,
      noNewPrivileges: true,
      oomScoreAdj: clampOomScoreAdj(oomScoreAdj, host),
      ...(labels === undefined ? {} : { selinuxLabel: labels.process }),
    },
    root: { path: 'rootfs', readonly: true },
    ...(input.guest?.hostname !== undefined && { hostname: input.guest.hostname }),
    mounts: baseMounts,
    annotations: sandboxAnnotations({
      sandboxId: input.id,
      sandboxConfig: config,
      ...(input.imageName === undefined ? {} : { imageName: input.imageName }),
      ...(input.passedAnnotations && { passed: input.passedAnnotations }),
    }),
    linux: {
      ...(input.guest && { sysctl: Object.fromEntries(input.guest.sysctls.map(({ name, value }) => [name, value])) }),
      ...pauseNamespaces(input.namespaces, context?.namespaceOptions ?? null),
      resources: { devices: [{ allow: false, access: 'rwm' }], cpu: { shares: cpuShares } },
      cgroupsPath: input.cgroupsPath,
      ...(seccomp === undefined ? {} : { seccomp }),
      maskedPaths: [],
      readonlyPaths: [],
      ...(labels === undefined ? {} : { mountLabel: labels.mount }),
    },
  };
}

function pauseUser({ config, image, userFiles }: PauseSpecInput): OciUser {
  const context = config.linux?.securityContext;
  const choice = context ?? {
    runAsUser: null,
    runAsGroup: null,
    supplementalGroups: [],
    supplementalGroupsPolicy: 'Merge',
  };
  return resolveUser(choice, image.user, userFiles ?? {});
}
