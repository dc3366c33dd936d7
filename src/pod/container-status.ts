import type { Container, ContainerExit, ContainerStatus } from './container.ts';
import type { Parts } from './parts.ts';

export type StatusParts = Pick<Parts, 'containerRecords'>;

/**
 * Writes a container's new status, made out of what it is by then, durably and then takes it into use, so that
 * nobody sees what a crash could undo.
 */
export async function writeStatus(
  parts: StatusParts,
  container: Container,
  change: (status: ContainerStatus) => ContainerStatus,
): Promise<void> {
  await container.changeStatus(async () => {
    const status = change(container.status);
    await parts.containerRecords.write(container.id, { version: 1, ...status });
    container.become(status);
  });
}

/** Marks a container as ended. */
export function endedStatus(status: ContainerStatus, exit: ContainerExit): ContainerStatus {
  return {
    ...status,
    finishedAtNs: exit.finishedAtNs.toString(),
    exitCode: exit.exitCode,
    reason: exit.reason,
    message: exit.message,
    pid: 0,
    unknown: false,
  };
}

/**
 * What ContainerStatus says of a process that ended with this code. "OOMKilled" is spelt as the kubelet
 * compares it.
 */
export function exitReason(exitCode: number, oomKilled: boolean): string {
  if (oomKilled && exitCode !== 0) return 'OOMKilled';
  return exitCode === 0 ? 'Completed' : 'Error';
}
