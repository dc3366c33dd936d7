import { messageOf, wrapError } from '../lib/errors.ts';
import { removeOwnCgroup } from './cgroups.ts';
import type { Parts } from './parts.ts';
import { removeSandboxState } from './sandbox-files.ts';
import type { Sandbox, SandboxPhase } from './sandbox.ts';
import { stopContainer, type StopParts } from './stop-container.ts';

export type StopSandboxParts = StopParts &
  Pick<
    Parts,
    | 'folders'
    | 'kernel'
    | 'namespace'
    | 'network'
    | 'runtimes'
    | 'containers'
    | 'sandboxRecords'
    | 'sandboxLocks'
    | 'pauses'
    | 'events'
  >;

/**
 * Ends everything in a sandbox and gives its network back (CRI StopPodSandbox). Idempotent: a second call,
 * and one for a sandbox that was never whole, succeeds. When a step fails the sandbox is NOTREADY with
 * what is left, and the next call goes on from there; the address is never reported free before CNI DEL said so.
 */
export async function stopSandbox(parts: StopSandboxParts, sandbox: Sandbox): Promise<void> {
  await parts.sandboxLocks.run(sandbox.id, async () => {
    if (sandbox.record.phase === 'stopped') return;
    const wasReady = sandbox.isReady;
    try {
      sandbox.become({ ...sandbox.record, phase: 'stopping' });
      const written = writePhase(parts, sandbox, 'stopping');
      await Promise.all([written, killContainers(parts, sandbox)]);
      await takeDown(parts, sandbox);
      await writePhase(parts, sandbox, 'stopped');
    } catch (error) {
      throw wrapError(`stop pod sandbox "${sandbox.id}"`, error);
    }
    if (wasReady) {
      const atNs = parts.clock.nowNs();
      parts.events.emit({ type: 'CONTAINER_STOPPED_EVENT', id: sandbox.id, sandboxId: sandbox.id, atNs });
    }
    parts.log.info({ podSandboxId: sandbox.id }, 'pod sandbox is stopped');
  });
}

/** Kills what still runs: the kubelet has already stopped its containers in its own order and time. */
async function killContainers(parts: StopSandboxParts, sandbox: Sandbox): Promise<void> {
  const own = [...parts.containers.values()].filter((container) => container.sandboxId === sandbox.id);
  await Promise.all(own.map((container) => stopContainer(parts, container, 0)));
}

/**
 * CNI DEL runs beside the end of the pause container: it is the longest step, and the namespace it works in
 * is pinned and does not go with that process. The pins go last.
 */
async function takeDown(parts: StopSandboxParts, sandbox: Sandbox): Promise<void> {
  const { id } = sandbox;
  const outcomes = await Promise.allSettled([
    sandbox.hostNetwork ? undefined : delNetwork(parts, sandbox),
    parts.pauses.end(sandbox),
  ]);
  for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  await removeSandboxState(parts, id);
  await removeOwnCgroup(parts, sandbox);
}

/** After a reboot the namespace is gone: CNI is then asked with an empty path, to free the address only. */
async function delNetwork(parts: StopSandboxParts, sandbox: Sandbox): Promise<void> {
  const { id, record } = sandbox;
  const netnsPath = record.namespaces.net ?? '';
  const { cniConfDir: confDir } = parts.runtimes.of(record.runtimeHandler);
  const there = netnsPath !== '' && (await parts.kernel.isMounted(netnsPath));
  await parts.network.del({ id, netnsPath: there ? netnsPath : '', confDir });
}

/**
 * Writes how far the stop has come, or goes on without: ending Pods is what frees a full disk. After a crash the
 * record from before finds no pinned namespaces and is NOTREADY too, and another stop does no harm.
 */
async function writePhase(parts: StopSandboxParts, sandbox: Sandbox, phase: SandboxPhase): Promise<void> {
  const record = { ...sandbox.record, phase };
  try {
    await parts.sandboxRecords.write(sandbox.id, record);
  } catch (error) {
    parts.log.warn({ podSandboxId: sandbox.id, error: messageOf(error) }, 'the stop of a pod sandbox could not be written down');
  }
  sandbox.become(record);
}
