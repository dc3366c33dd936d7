import type { Parts } from './parts.ts';
import type { TaskProcess } from './ports.ts';
import { Sandbox, type SandboxPhase } from './sandbox.ts';

/** Brings one sandbox back from its record; an unreadable record has been set aside by then and is left out. */
export async function recoverSandbox(parts: Parts, id: string, pause: TaskProcess | undefined): Promise<void> {
  const record = await parts.sandboxRecords.read(id);
  if (record === undefined) return;
  const sandbox = new Sandbox(record);
  parts.sandboxes.add(sandbox);
  parts.sandboxNames.hold(record.name, id);
  if (record.phase !== 'ready') return;
  const broken = await whyBroken(parts, sandbox, pause);
  if (broken === undefined) {
    const pid = pause?.status === 'running' ? pause.pid : 0;
    parts.pauses.keep(sandbox, pid).catch(() => {});
    return;
  }
  parts.log.warn({ podSandboxId: id, why: broken }, 'pod sandbox did not survive');
  await markBroken(parts, sandbox);
}

/** Writes that a sandbox is NOTREADY although nobody stopped it. */
export async function markBroken(
  parts: Pick<Parts, 'clock' | 'sandboxRecords' | 'events'>,
  sandbox: Sandbox,
): Promise<void> {
  const phase: SandboxPhase = 'broken';
  const { id, isReady: wasReady } = sandbox;
  sandbox.become({ ...sandbox.record, phase });
  if (wasReady) parts.events.emit({ type: 'CONTAINER_STOPPED_EVENT', id, sandboxId: id, atNs: parts.clock.nowNs() });
  await parts.sandboxRecords.write(sandbox.id, sandbox.record);
}

/** Why a sandbox that was ready is not any more; undefined when it still is. */
async function whyBroken(parts: Parts, sandbox: Sandbox, pause: TaskProcess | undefined): Promise<string | undefined> {
  const { record } = sandbox;
  if (record.bootId !== parts.bootId) return 'the machine was rebooted';
  for (const [kind, path] of Object.entries(record.namespaces)) {
    if (!(await parts.kernel.isMounted(path))) return `its ${kind} namespace is not pinned any more`;
  }
  if (!sandbox.hostIpc && !(await parts.kernel.isMounted(parts.folders.shm(sandbox.id)))) {
    return 'its /dev/shm is not mounted any more';
  }
  if (pause?.status === 'running') return undefined;
  if (sandbox.sharesPid) return 'the first process of its shared PID namespace is gone';
  if (parts.runtimes.of(record.runtimeHandler).pauseIsPod) return 'its pause container, which all of it ran in, is gone';
  return undefined;
}
