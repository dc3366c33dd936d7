import type { PodSandbox } from '../../types/cri/runtime/v1/PodSandbox.ts';
import type { PodSandboxFilter__Output } from '../../types/cri/runtime/v1/PodSandboxFilter.ts';
import type { PodSandboxStatus } from '../../types/cri/runtime/v1/PodSandboxStatus.ts';
import type { Sandbox } from '../../pod/sandbox.ts';
import { idFits, labelsFit } from '../filters.ts';

/** A sandbox as List and Stream tell of it. */
export function toPodSandbox(sandbox: Sandbox): PodSandbox {
  const { record } = sandbox;
  return {
    id: record.id,
    metadata: record.config.metadata,
    state: sandbox.isReady ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY',
    createdAt: record.createdAtNs,
    labels: record.config.labels,
    annotations: record.config.annotations,
    runtimeHandler: record.runtimeHandler,
  };
}

/**
 * A sandbox as PodSandboxStatus tells of it. The address stays until StopPodSandbox, and the namespace
 * options are those of the request: the kubelet replaces a Pod in which either reads differently.
 */
export function toPodSandboxStatus(sandbox: Sandbox): PodSandboxStatus {
  const { record } = sandbox;
  const options = record.config.linux?.securityContext?.namespaceOptions;
  return {
    ...toPodSandbox(sandbox),
    network: {
      ip: record.network?.ip ?? '',
      additionalIps: (record.network?.additionalIps ?? []).map((ip) => ({ ip })),
    },
    linux: {
      namespaces: { options: options ?? { network: 'POD', pid: 'POD', ipc: 'POD', targetId: '' } },
    },
  };
}

/** Whether a filter of ListPodSandbox lets this sandbox through. */
export function sandboxFits(sandbox: Sandbox, filter: PodSandboxFilter__Output | null): boolean {
  if (filter === null) return true;
  const state = sandbox.isReady ? 'SANDBOX_READY' : 'SANDBOX_NOTREADY';
  return (
    idFits(sandbox.id, filter.id) &&
    (filter.state === null || filter.state.state === state) &&
    labelsFit(sandbox.config.labels, filter.labelSelector)
  );
}
