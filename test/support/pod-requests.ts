import type { ContainerConfig__Output } from '../../src/types/cri/runtime/v1/ContainerConfig.ts';
import type { PodSandboxConfig__Output } from '../../src/types/cri/runtime/v1/PodSandboxConfig.ts';

/** A sandbox's config as proto-loader hands it over, with PID namespaces of the containers' own unless changed. */
export function sandboxConfig(changes: Partial<PodSandboxConfig__Output> & { readonly pid?: 'POD' | 'CONTAINER' } = {}): PodSandboxConfig__Output {
  const { pid = 'CONTAINER', ...rest } = changes;
  return {
    metadata: { name: 'web', namespace: 'default', uid: 'uid-1', attempt: 0 },
    hostname: 'web',
    logDirectory: '',
    dnsConfig: null,
    portMappings: [],
    labels: {},
    annotations: {},
    linux: {
      cgroupParent: '/kubepods/poduid-1',
      securityContext: {
        namespaceOptions: { network: 'POD', pid, ipc: 'POD', targetId: '', usernsOptions: null },
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
      },
      sysctls: {},
      overhead: null,
      resources: null,
    },
    windows: null,
    ...rest,
  };
}

/** A container's config likewise. */
export function containerConfig(changes: Partial<ContainerConfig__Output> = {}): ContainerConfig__Output {
  return {
    metadata: { name: 'main', attempt: 0 },
    image: { image: 'registry.test/app:1', annotations: {}, userSpecifiedImage: '', runtimeHandler: '', imageRef: '' },
    command: [],
    args: [],
    workingDir: '',
    envs: [],
    mounts: [],
    devices: [],
    labels: {},
    annotations: {},
    logPath: '',
    stdin: false,
    stdinOnce: false,
    tty: false,
    linux: {
      resources: null,
      securityContext: {
        capabilities: null,
        privileged: false,
        namespaceOptions: { network: 'POD', pid: 'CONTAINER', ipc: 'POD', targetId: '', usernsOptions: null },
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
      },
    },
    windows: null,
    CDIDevices: [],
    stopSignal: 'SIGNAL_RUNTIME_DEFAULT',
    ...changes,
  };
}
