import { readFile, stat } from 'node:fs/promises';
import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import { CodedError, invalidField } from '../lib/errors.ts';
import { realPath } from '../linux/real-path.ts';
import { passedAnnotations } from '../spec/annotations.ts';
import { layOverBase } from '../spec/base-spec.ts';
import { asksForRdt } from '../spec/class-annotations.ts';
import { buildContainerSpec, classSubject, type ContainerSpecInput } from '../spec/container-spec.ts';
import type { ResolvedDevice } from '../spec/devices.ts';
import type { HookFile } from '../spec/hooks.ts';
import { type DeclaredVolume, type MountInput, needsMountInfo } from '../spec/mounts.ts';
import type { SandboxNamespaces } from '../spec/namespaces.ts';
import type { OciSpec } from '../spec/oci.ts';
import { seccompFile } from '../spec/seccomp.ts';
import { stopSignalNumber } from '../spec/signals.ts';
import { injectCdiDevices } from './cdi.ts';
import { cgroupsPathOf } from './cgroups.ts';
import type { ImageVolumeSources } from './image-volumes.ts';
import { labelFiles } from './labels.ts';
import { findMountSources, unusable } from './mount-sources.ts';
import type { Parts } from './parts.ts';
import type { ImageFacts } from './ports.ts';
import type { Runtime } from './runtimes.ts';
import { hostnameOf, sandboxFiles } from './sandbox-files.ts';
import type { Sandbox } from './sandbox.ts';

export type SpecParts = Pick<
  Parts,
  | 'cdiFiles'
  | 'containerDefaults'
  | 'hookFiles'
  | 'folders'
  | 'host'
  | 'kernel'
  | 'namespace'
  | 'images'
  | 'containers'
  | 'pauses'
>;

export interface BuiltSpec {
  readonly spec: OciSpec;
  readonly user: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] };
  readonly stopSignal: number;
}

/** The volumes that are made for a container before its spec. */
export interface Volumes {
  readonly images: ImageVolumeSources;
  readonly declared: readonly DeclaredVolume[];
}

/**
 * Looks up on the host and in the image what a container's spec depends on, and builds it. INVALID_ARGUMENT
 * for what the config asks wrongly, with the field and value.
 */
export async function containerSpec(
  parts: SpecParts,
  of: {
    readonly id: string;
    readonly sandbox: Sandbox;
    readonly config: ContainerConfig__Output;
    readonly image: ImageFacts;
    readonly runtime: Runtime;
    readonly volumes: Volumes;
  },
): Promise<BuiltSpec> {
  const { sandbox, config, image, runtime } = of;
  const context = config.linux?.securityContext ?? null;
  const [userFiles, sources, devices, seccompProfile, hookFiles] = await Promise.all([
    parts.images.userFiles(image, runtime.snapshotter),
    findMountSources(config.mounts, of.volumes.images),
    Promise.all(config.devices.map((device, at) => resolveDevice(parts, device, at))),
    readProfile(seccompFile(context)),
    readHooks(parts),
  ]);
  const rdtClasses = asksForRdt(classSubject(config, sandbox.config)) ? await parts.kernel.rdtClasses() : undefined;
  const namespaces = await namespacesOf(parts, sandbox, config);
  const targetPidPath = targetPid(parts, sandbox, config);
  const input: ContainerSpecInput & Pick<MountInput, 'declaredVolumes'> = {
    sandboxId: sandbox.id,
    sandboxConfig: sandbox.config,
    config,
    hostname: hostnameOf(sandbox, parts.kernel),
    imageName: image.repoTags[0] ?? image.repoDigests[0] ?? image.id,
    image: image.config,
    userFiles,
    namespaces,
    cgroupsPath: cgroupsPathOf(of.id, sandbox, runtime, parts.namespace),
    files: sandboxFiles(sandbox, parts.folders),
    mounts: sources.mounts,
    rroSupported: runtime.features.recursiveReadOnlyMounts,
    idMapSupported: runtime.features.idMappedMounts,
    declaredVolumes: of.volumes.declared,
    devices,
    host: parts.host,
    ...(needsMountInfo(config.mounts) && { mountInfo: await parts.kernel.mountTable() }),
    passedAnnotations: {
      ...passedAnnotations(sandbox.config.annotations, runtime.podAnnotations),
      ...passedAnnotations(config.annotations, runtime.containerAnnotations),
    },
    ...(context?.privileged && !runtime.privilegedWithoutHostDevices && { hostDevices: await parts.kernel.hostDevices() }),
    defaults: parts.containerDefaults,
    hookFiles,
    ...(sandbox.record.selinuxLevel !== undefined && { selinuxLevel: sandbox.record.selinuxLevel }),
    ...(rdtClasses !== undefined && { rdtClasses }),
    ...(seccompProfile !== undefined && { seccompProfile }),
    ...(targetPidPath !== undefined && { targetPidPath }),
    ...(parts.host.apparmorEnabled && { apparmorProfiles: await parts.kernel.apparmorProfiles() }),
  };
  const spec = await injectCdiDevices(parts, layOverBase(runtime.baseSpec, buildContainerSpec(input)), config, runtime.features);
  await sources.makeMissing();
  await labelFiles(parts, sandbox, spec, input);
  const { uid, gid, additionalGids } = spec.process.user;
  return {
    spec,
    user: { uid, gid, supplementalGroups: additionalGids ?? [gid] },
    stopSignal: stopSignalNumber(config.stopSignal, image.config.stopSignal),
  };
}

/** The hooks of all folders by the files' names; a later folder's file stands for an earlier's of the same name. */
async function readHooks(parts: SpecParts): Promise<HookFile[]> {
  const folders = await parts.hookFiles.read();
  const byName = new Map(folders.flatMap(({ files }) => files.map(({ name, value }) => [name, value] as const)));
  return [...byName].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, file]) => file);
}

/**
 * The sandbox's namespaces, and the pause container's PID namespace where this container is to share it. RunPodSandbox
 * has not waited for that one unless the whole Pod shares it.
 */
async function namespacesOf(parts: SpecParts, sandbox: Sandbox, config: ContainerConfig__Output): Promise<SandboxNamespaces> {
  const { namespaces } = sandbox.record;
  const pid = config.linux?.securityContext?.namespaceOptions?.pid ?? 'POD';
  if (pid !== 'POD' || sandbox.hostPid) return namespaces;
  const pause = await parts.pauses.pidWhenMade(sandbox.id);
  if (pause === 0) {
    throw new CodedError('unavailable', `the pause container of pod sandbox "${sandbox.id}", whose PID namespace is to be shared, is being made again; try again`);
  }
  return { ...namespaces, pid: `/proc/${pause}/ns/pid` };
}

/** For pid TARGET: the PID namespace of another container, which has to run and be of the same Pod. */
export function targetPid(parts: Pick<Parts, 'containers'>, sandbox: Sandbox, config: ContainerConfig__Output): string | undefined {
  const options = config.linux?.securityContext?.namespaceOptions;
  if (options?.pid !== 'TARGET') return undefined;
  const target = parts.containers.find(options.targetId);
  const field = 'config.linux.security_context.namespace_options.target_id';
  if (target === undefined) throw invalidField(field, options.targetId, 'no such container');
  if (target.sandboxId !== sandbox.id) throw invalidField(field, options.targetId, 'that container is of another pod sandbox');
  if (target.state !== 'CONTAINER_RUNNING') throw invalidField(field, options.targetId, `that container is ${target.state}, not running`);
  return `/proc/${target.status.pid}/ns/pid`;
}

async function resolveDevice(parts: SpecParts, device: ResolvedDevice['device'], at: number): Promise<ResolvedDevice> {
  try {
    const source = await realPath(device.hostPath);
    const nodes = await parts.kernel.devicesAt(source);
    if (nodes.length === 0) throw new Error('neither a device nor a folder of devices');
    return { device, source, nodes };
  } catch (error) {
    throw unusable(`config.devices[${at}].host_path`, device.hostPath, error);
  }
}

/**
 * The text of a Localhost seccomp profile. INVALID_ARGUMENT with field and path when it cannot be read. Of a FIFO there
 * might never be anything to read, and whoever waits for it takes a thread from all others.
 */
export async function readProfile(file: ReturnType<typeof seccompFile>): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    if (!(await stat(file.path)).isFile()) throw new Error('it is no regular file');
    return await readFile(file.path, 'utf8');
  } catch (error) {
    throw unusable(file.field, file.path, error);
  }
}
