/**
 * The part of the OCI runtime specification (config.md, config-linux.md) that podwright writes.
 * Field names are the specification's own, because the object is stored and run as JSON.
 */

/** The version of the specification that is written; runc 1.1 and later run it. */
export const ociVersion = '1.2.0';

/** An integer of up to 64 bits: a number where a double holds it exactly, a bigint beyond. */
export type Int64 = number | bigint;

export interface OciSpec {
  readonly ociVersion: string;
  readonly process: OciProcess;
  readonly root: { readonly path: string; readonly readonly?: boolean };
  readonly hostname?: string;
  readonly mounts: readonly OciMount[];
  readonly annotations: Readonly<Record<string, string>>;
  readonly hooks?: OciHooks;
  readonly linux: OciLinux;
}

/** config.md "POSIX-platform Hooks". */
export interface OciHooks {
  readonly prestart?: readonly OciHook[];
  readonly createRuntime?: readonly OciHook[];
  readonly createContainer?: readonly OciHook[];
  readonly startContainer?: readonly OciHook[];
  readonly poststart?: readonly OciHook[];
  readonly poststop?: readonly OciHook[];
}

/** A stage at which hooks run. */
export type HookName = keyof OciHooks;

export const hookNames: readonly HookName[] = [
  'prestart',
  'createRuntime',
  'createContainer',
  'startContainer',
  'poststart',
  'poststop',
];

export interface OciHook {
  readonly path: string;
  readonly args?: readonly string[];
  readonly env?: readonly string[];
  /** Seconds. */
  readonly timeout?: number;
}

/** config.md "Process"; also what containerd's Exec takes. */
export interface OciProcess {
  readonly terminal?: boolean;
  readonly consoleSize?: { readonly height: number; readonly width: number };
  readonly user: OciUser;
  readonly args: readonly string[];
  readonly env: readonly string[];
  readonly cwd: string;
  readonly capabilities?: OciCapabilities;
  readonly rlimits?: readonly OciRlimit[];
  readonly noNewPrivileges?: boolean;
  readonly apparmorProfile?: string;
  readonly oomScoreAdj?: number;
  readonly selinuxLabel?: string;
}

/** config.md "rlimits". */
export interface OciRlimit {
  /** `RLIMIT_NOFILE` */
  readonly type: string;
  readonly hard: Int64;
  readonly soft: Int64;
}

export interface OciUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids?: readonly number[];
}

export interface OciCapabilities {
  readonly bounding: readonly string[];
  readonly effective: readonly string[];
  readonly permitted: readonly string[];
  readonly inheritable?: readonly string[];
  readonly ambient?: readonly string[];
}

export interface OciMount {
  readonly destination: string;
  readonly type: string;
  readonly source: string;
  readonly options: readonly string[];
  readonly uidMappings?: readonly OciIdMapping[];
  readonly gidMappings?: readonly OciIdMapping[];
}

export interface OciIdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

export interface OciLinux {
  readonly uidMappings?: readonly OciIdMapping[];
  readonly gidMappings?: readonly OciIdMapping[];
  readonly sysctl?: Readonly<Record<string, string>>;
  readonly resources: OciResources;
  readonly cgroupsPath: string;
  readonly namespaces: readonly OciNamespace[];
  readonly devices?: readonly OciDevice[];
  /** By their names on the host (specification 1.3). */
  readonly netDevices?: Readonly<Record<string, { readonly name: string }>>;
  readonly intelRdt?: OciIntelRdt;
  readonly seccomp?: OciSeccomp;
  readonly rootfsPropagation?: OciPropagation;
  readonly maskedPaths: readonly string[];
  readonly readonlyPaths: readonly string[];
  readonly mountLabel?: string;
}

export type OciPropagation = 'rprivate' | 'rslave' | 'rshared';

export type OciNamespaceType = 'pid' | 'network' | 'mount' | 'ipc' | 'uts' | 'user' | 'cgroup';

/** A namespace to be made, or with `path` one to be joined. One that is absent is the host's. */
export interface OciNamespace {
  readonly type: OciNamespaceType;
  readonly path?: string;
}

export interface OciDevice {
  readonly path: string;
  readonly type: 'c' | 'b' | 'u' | 'p';
  readonly major: number;
  readonly minor: number;
  /** 0666 where it is left out. */
  readonly fileMode?: number;
  readonly uid: number;
  readonly gid: number;
}

/** config-linux.md "IntelRdt". */
export interface OciIntelRdt {
  readonly closID?: string;
  readonly l3CacheSchema?: string;
  readonly memBwSchema?: string;
  readonly schemata?: readonly string[];
  readonly enableMonitoring?: boolean;
}

export interface OciDeviceRule {
  readonly allow: boolean;
  readonly type?: 'a' | 'c' | 'b' | 'p';
  readonly major?: number;
  readonly minor?: number;
  readonly access: string;
}

/** config-linux.md "Control groups"; also what containerd's task Update takes. */
export interface OciResources {
  readonly devices?: readonly OciDeviceRule[];
  readonly memory?: OciMemory;
  readonly cpu?: OciCpu;
  readonly hugepageLimits?: readonly OciHugepageLimit[];
  readonly pids?: { readonly limit: number };
  readonly unified?: Readonly<Record<string, string>>;
}

export interface OciMemory {
  readonly limit?: Int64;
  /** Memory and swap together. */
  readonly swap?: Int64;
}

export interface OciCpu {
  readonly shares?: Int64;
  readonly quota?: Int64;
  readonly period?: Int64;
  readonly cpus?: string;
  readonly mems?: string;
}

export interface OciHugepageLimit {
  readonly pageSize: string;
  readonly limit: Int64;
}

/** config-linux.md "Seccomp". */
export interface OciSeccomp {
  readonly defaultAction: string;
  readonly defaultErrnoRet?: number;
  readonly architectures?: readonly string[];
  readonly flags?: readonly string[];
  readonly listenerPath?: string;
  readonly listenerMetadata?: string;
  readonly syscalls: readonly OciSyscallRule[];
}

export interface OciSyscallRule {
  readonly names: readonly string[];
  readonly action: string;
  readonly errnoRet?: number;
  readonly args?: readonly OciSyscallArg[];
}

export interface OciSyscallArg {
  readonly index: number;
  readonly value: Int64;
  readonly valueTwo?: Int64;
  readonly op: string;
}
