import { mkdir, rmdir } from 'node:fs/promises';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import { allSettledOrThrow } from '../lib/all-settled.ts';
import { CodedError, errnoOf, wrapError } from '../lib/errors.ts';
import { Undo } from '../lib/undo.ts';
import { userMappings } from '../spec/namespaces.ts';
import { toCriResources } from '../spec/resources.ts';
import { validateContainerConfig } from '../spec/validate.ts';
import { jsonAny, specTypeUrl } from './anys.ts';
import { containerExtensions } from './container-records.ts';
import { containerSpec } from './container-spec.ts';
import { Container, containerName, createdStatus, type ContainerRecord } from './container.ts';
import { containerLabels } from './cri-labels.ts';
import { makeDeclaredVolumes } from './declared-volumes.ts';
import { shiftDevices } from './device-nodes.ts';
import { newId } from './ids.ts';
import { mountImageVolumes } from './image-volumes.ts';
import { sandboxLease } from './leases.ts';
import { missingIsFine } from './missing.ts';
import { owe } from './owed.ts';
import type { Parts } from './parts.ts';
import { idMapLabels, prepareRoot } from './prepare-root.ts';
import type { ImageFacts } from './ports.ts';
import type { Runtime } from './runtimes.ts';
import type { Sandbox } from './sandbox.ts';

export type CreateParts = Pick<
  Parts,
  | 'log'
  | 'clock'
  | 'cdiFiles'
  | 'containerConfigs'
  | 'containerDefaults'
  | 'hookFiles'
  | 'folders'
  | 'host'
  | 'kernel'
  | 'namespace'
  | 'containerd'
  | 'images'
  | 'runtimes'
  | 'containers'
  | 'containerNames'
  | 'containerRecords'
  | 'owedRecords'
  | 'pauses'
  | 'events'
>;

/**
 * Prepares a container in a ready sandbox without running anything (CRI CreateContainer). Resolves to its
 * id; leaves nothing behind when it fails: what cannot be taken back goes with the next creation in the sandbox, with
 * that, or with a restart. NOT_FOUND for an image that is not there.
 */
export async function createContainer(
  parts: CreateParts,
  sandbox: Sandbox,
  request: { readonly config: ContainerConfig__Output | null },
  signal?: AbortSignal,
): Promise<string> {
  if (!sandbox.isReady) throw notReady(sandbox);
  const config = validateContainerConfig(request.config, sandbox.config);
  const name = containerName(config, sandbox.name);
  return await parts.containerNames.run(name, config, newId(), signal, async (id) => {
    const undo = new Undo(parts.log.child({ containerId: id }));
    try {
      await sandbox.settleOwed();
      await create(parts, { id, name, sandbox, config }, undo);
    } catch (error) {
      if ((await undo.unwind()).length > 0) await owe(parts, sandbox, id);
      throw wrapError(`create container "${config.metadata?.name}" in pod sandbox "${sandbox.id}"`, error);
    }
  });
}

interface NewContainer {
  readonly id: string;
  readonly name: string;
  readonly sandbox: Sandbox;
  readonly config: ContainerConfig__Output;
  readonly image: ImageFacts;
  readonly runtime: Runtime;
}

async function create(
  parts: CreateParts,
  of: Omit<NewContainer, 'image' | 'runtime'>,
  undo: Undo,
): Promise<void> {
  const { id, sandbox, config } = of;
  const image = findImage(parts, config);
  const runtime = parts.runtimes.of(sandbox.record.runtimeHandler);
  const { snapshotter } = runtime;
  const sandboxOptions = sandbox.config.linux?.securityContext?.namespaceOptions ?? null;
  const labels = idMapLabels(userMappings(sandbox.record.namespaces, sandboxOptions));
  undo.push("remove the container's folder", () => removeEmptyFolders(parts, id));
  undo.push('remove the snapshot', () => missingIsFine(parts.containerd.snapshots(snapshotter).remove(id)));
  // The layer takes as long as all the rest, and what the container is to be makes no difference to it. So it is on its
  // way first: finding a hundred mounts and building the spec keep the loop for milliseconds.
  const [rootfs, container] = await allSettledOrThrow([
    prepareRoot(parts, { key: id, image, snapshotter, labels }, { lease: sandboxLease(sandbox.id) }),
    nextTurn().then(() => makeRecord(parts, { ...of, image, runtime }, undo)),
  ]);
  container.rootfs = rootfs;
  // A removal of the sandbox that began meanwhile did not see this container, and nobody would remove it.
  if (!sandbox.isReady) throw notReady(sandbox);
  parts.containers.add(container);
  const atNs = BigInt(container.record.createdAtNs);
  parts.events.emit({ type: 'CONTAINER_CREATED_EVENT', id, sandboxId: sandbox.id, atNs });
  parts.log.info({ containerId: id, podSandboxId: sandbox.id, name: config.metadata?.name }, 'container is created');
}

/** Makes all of a container but its layer: its volumes, its spec, its record, and its folder. */
async function makeRecord(parts: CreateParts, of: NewContainer, undo: Undo): Promise<Container> {
  const { id, sandbox, config, image, runtime } = of;
  const { containerd } = parts;
  const { snapshotter } = runtime;
  const volumes = {
    images: await mountImageVolumes(parts, { id, sandbox, config, snapshotter }, undo),
    declared: await makeDeclaredVolumes(parts, { id, sandbox, config, image, snapshotter }, undo),
  };
  const { spec: built, stopSignal, user } = await containerSpec(parts, { ...of, volumes });
  const spec = await shiftDevices(parts, id, built, undo);
  const record: ContainerRecord = {
    id,
    name: of.name,
    sandboxId: sandbox.id,
    config,
    imageId: image.id,
    imageRef: image.repoDigests[0] ?? image.id,
    imageName: image.repoTags[0] ?? image.repoDigests[0] ?? image.id,
    createdAtNs: parts.clock.nowNs().toString(),
    logPath: logPath(sandbox, config),
    stopSignal,
    user,
    snapshotter,
    ...(spec.linux.mountLabel !== undefined && { mountLabel: spec.linux.mountLabel }),
  };
  undo.push('remove the container record', () => missingIsFine(containerd.containers.delete(id)));
  await allSettledOrThrow([
    containerd.containers.create(
      {
        id,
        labels: containerLabels(config),
        image: record.imageName,
        runtime: { name: runtime.type, ...(runtime.options && { options: runtime.options }) },
        spec: jsonAny(specTypeUrl, spec),
        snapshotter,
        snapshotKey: id,
        extensions: containerExtensions(parts.containerConfigs, record),
        sandboxId: sandbox.id,
      },
      { lease: sandboxLease(sandbox.id) },
    ),
    mkdir(parts.folders.containerState(id), { recursive: true, mode: 0o700 }),
  ]);
  const container = new Container(record, createdStatus(toCriResources(spec)));
  container.process = spec.process;
  return container;
}

function notReady(sandbox: Sandbox): CodedError {
  return new CodedError('failedPrecondition', `pod sandbox "${sandbox.id}" is not ready: a container cannot be created in it`);
}

/**
 * Removes the state folder of a container that did not come to be, after the views below it are released. One that
 * could not be unmounted stays, and the folder with it: whoever deletes into it deletes from what is mounted.
 */
async function removeEmptyFolders({ folders }: CreateParts, id: string): Promise<void> {
  for (const folder of [folders.imageViews(id), folders.containerState(id)]) {
    try {
      await rmdir(folder);
    } catch (error) {
      if (!['ENOENT', 'ENOTDIR'].includes(errnoOf(error) ?? '')) throw error;
    }
  }
}

/** The image the container is made from: the kubelet names it by id, others by any reference. */
function findImage(parts: CreateParts, config: ContainerConfig__Output): ImageFacts {
  const reference = config.image?.image ?? '';
  const image = parts.images.find(reference);
  if (image === undefined) throw new CodedError('notFound', `image "${reference}" is not here; pull it first`);
  return image;
}

/** Where the output goes; nowhere unless both the Pod's directory and the container's path are given. */
function logPath(sandbox: Sandbox, config: ContainerConfig__Output): string {
  const directory = sandbox.config.logDirectory;
  return directory === '' || config.logPath === '' ? '' : path.join(directory, config.logPath);
}
