import type { CodedError } from '../../../src/lib/errors.ts';
import type { HostFacts } from '../../../src/spec/host-facts.ts';
import type { ImageSettings } from '../../../src/spec/process.ts';
import type { SelinuxPolicy } from '../../../src/spec/selinux.ts';
import type { ContainerConfig__Output } from '../../../src/types/cri/runtime/v1/ContainerConfig.ts';
import type { LinuxContainerResources__Output } from '../../../src/types/cri/runtime/v1/LinuxContainerResources.ts';
import type { LinuxContainerSecurityContext__Output } from '../../../src/types/cri/runtime/v1/LinuxContainerSecurityContext.ts';
import type { LinuxSandboxSecurityContext__Output } from '../../../src/types/cri/runtime/v1/LinuxSandboxSecurityContext.ts';
import type { Mount__Output } from '../../../src/types/cri/runtime/v1/Mount.ts';
import type { NamespaceOption__Output } from '../../../src/types/cri/runtime/v1/NamespaceOption.ts';
import type { PodSandboxConfig__Output } from '../../../src/types/cri/runtime/v1/PodSandboxConfig.ts';

/** A modern host: cgroup v2, all capabilities, no MAC. */
export const host: HostFacts = {
  cgroupVersion: 2,
  lastCap: 40,
  apparmorEnabled: false,
  swapController: true,
  hugetlbSizes: ['2MB', '1GB'],
  seccompArch: 'x86_64',
  kernelVersion: '6.1.0-13-amd64',
  ownOomScoreAdj: 0,
  canLowerOomScore: true,
};

/** The labels of the distributions' container-selinux. */
export const selinux: SelinuxPolicy = {
  process: 'system_u:system_r:container_t:s0',
  file: 'system_u:object_r:container_file_t:s0',
};

export const image: ImageSettings = {
  entrypoint: ['/bin/app'],
  cmd: ['serve'],
  env: ['PATH=/bin', 'LANG=C'],
  workingDir: '/srv',
  user: '',
};

/** Builders of decoded CRI messages: what a field is when the request leaves it out, and overrides. */
export function namespaceOption(over: Partial<NamespaceOption__Output> = {}): NamespaceOption__Output {
  return { network: 'POD', pid: 'CONTAINER', ipc: 'POD', targetId: '', usernsOptions: null, ...over };
}

export function sandboxSecurity(over: Partial<LinuxSandboxSecurityContext__Output> = {}): LinuxSandboxSecurityContext__Output {
  return {
    namespaceOptions: namespaceOption(),
    selinuxOptions: null,
    runAsUser: null,
    runAsGroup: null,
    readonlyRootfs: false,
    supplementalGroups: [],
    supplementalGroupsPolicy: 'Merge',
    privileged: false,
    seccomp: null,
    apparmor: null,
    seccompProfilePath: '',
    ...over,
  };
}

export function sandboxConfig(
  over: Partial<PodSandboxConfig__Output> = {},
  security: Partial<LinuxSandboxSecurityContext__Output> = {},
): PodSandboxConfig__Output {
  return {
    metadata: { name: 'web', uid: 'u-1', namespace: 'shop', attempt: 0 },
    hostname: 'web',
    logDirectory: '/var/log/pods/shop_web_u-1',
    dnsConfig: null,
    portMappings: [],
    labels: {},
    annotations: {},
    linux: {
      cgroupParent: '/kubepods/podu-1',
      securityContext: sandboxSecurity(security),
      sysctls: {},
      overhead: null,
      resources: null,
    },
    windows: null,
    ...over,
  };
}

export function containerSecurity(
  over: Partial<LinuxContainerSecurityContext__Output> = {},
): LinuxContainerSecurityContext__Output {
  return {
    capabilities: null,
    privileged: false,
    namespaceOptions: namespaceOption(),
    selinuxOptions: null,
    runAsUser: null,
    runAsGroup: null,
    runAsUsername: '',
    readonlyRootfs: false,
    supplementalGroups: [],
    supplementalGroupsPolicy: 'Merge',
    noNewPrivs: false,
    maskedPaths: [],
    readonlyPaths: [],
    seccomp: null,
    apparmor: null,
    apparmorProfile: '',
    seccompProfilePath: '',
    ...over,
  };
}

export function resources(over: Partial<LinuxContainerResources__Output> = {}): LinuxContainerResources__Output {
  return {
    cpuPeriod: '0',
    cpuQuota: '0',
    cpuShares: '0',
    memoryLimitInBytes: '0',
    oomScoreAdj: '0',
    cpusetCpus: '',
    cpusetMems: '',
    hugepageLimits: [],
    unified: {},
    memorySwapLimitInBytes: '0',
    ...over,
  };
}

export function containerConfig(
  over: Partial<ContainerConfig__Output> = {},
  security: Partial<LinuxContainerSecurityContext__Output> = {},
): ContainerConfig__Output {
  return {
    metadata: { name: 'app', attempt: 0 },
    image: { image: 'sha256:1234', annotations: {}, userSpecifiedImage: 'app:1', runtimeHandler: '', imageRef: '' },
    command: [],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: 'app/0.log',
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: { resources: null, securityContext: containerSecurity(security) },
    windows: null,
    CDIDevices: [],
    stopSignal: 'SIGNAL_RUNTIME_DEFAULT',
    ...over,
  };
}

export function criMount(containerPath: string, over: Partial<Mount__Output> = {}): Mount__Output {
  return {
    containerPath,
    hostPath: '/host',
    readonly: false,
    selinuxRelabel: false,
    propagation: 'PROPAGATION_PRIVATE',
    uidMappings: [],
    gidMappings: [],
    recursiveReadOnly: false,
    image: null,
    imageSubPath: '',
    mountOptions: [],
    ...over,
  };
}

/** One id range from 0 on, as the kubelet gives it to users and groups of a user namespace. */
export const idRange = [{ hostId: 100_000, containerId: 0, length: 65_536 }];

/** What a request sends that isn't in the enum: proto-loader leaves the number. */
export function unknownEnum<T>(value: number): T {
  return value as unknown as T;
}

/** A matcher for `assert.throws`: an invalidArgument whose message has all the given pieces. */
export function invalid(...pieces: string[]): (error: unknown) => boolean {
  return failure('invalidArgument', ...pieces);
}

/** A matcher for `assert.throws`: an error of a kind whose message has all the given pieces. */
export function failure(kind: string, ...pieces: string[]): (error: unknown) => boolean {
  return (error) => {
    const { kind: found, message } = error as CodedError;
    return found === kind && pieces.every((piece) => message.includes(piece));
  };
}
