import type { Container as ContainerMessage } from '../../types/cri/runtime/v1/Container.ts';
import type { ContainerFilter__Output } from '../../types/cri/runtime/v1/ContainerFilter.ts';
import type { ContainerStatus } from '../../types/cri/runtime/v1/ContainerStatus.ts';
import type { Container } from '../../pod/container.ts';
import { toCriSignal } from '../../spec/signals.ts';
import { idFits, labelsFit } from '../filters.ts';

/** A container as List and Stream tell of it. */
export function toContainer(container: Container): ContainerMessage {
  const { record } = container;
  return {
    id: record.id,
    podSandboxId: record.sandboxId,
    metadata: record.config.metadata,
    image: { ...record.config.image, userSpecifiedImage: record.config.image?.userSpecifiedImage ?? '' },
    imageRef: record.imageId,
    imageId: record.imageId,
    state: container.state,
    createdAt: record.createdAtNs,
    labels: record.config.labels,
    annotations: record.config.annotations,
  };
}

/** A container as ContainerStatus tells of it; of the mounts only the CRI's own, with all their fields. */
export function toContainerStatus(container: Container): ContainerStatus {
  const { record, status } = container;
  return {
    id: record.id,
    metadata: record.config.metadata,
    state: container.state,
    createdAt: record.createdAtNs,
    startedAt: status.startedAtNs,
    finishedAt: status.finishedAtNs,
    exitCode: status.exitCode,
    image: { ...record.config.image, image: record.imageName },
    imageRef: record.imageRef,
    imageId: record.imageId,
    reason: status.reason,
    message: status.message,
    labels: record.config.labels,
    annotations: record.config.annotations,
    mounts: record.config.mounts,
    logPath: record.logPath,
    resources: { linux: status.resources },
    user: {
      linux: {
        uid: record.user.uid,
        gid: record.user.gid,
        supplementalGroups: [...record.user.supplementalGroups],
      },
    },
    stopSignal: toCriSignal(record.stopSignal),
  };
}

/** Whether a filter of ListContainers lets this container through. */
export function containerFits(container: Container, filter: ContainerFilter__Output | null): boolean {
  if (filter === null) return true;
  return (
    idFits(container.id, filter.id) &&
    idFits(container.sandboxId, filter.podSandboxId) &&
    (filter.state === null || filter.state.state === container.state) &&
    labelsFit(container.record.config.labels, filter.labelSelector)
  );
}
