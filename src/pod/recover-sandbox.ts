import { messageOf } from '../lib/errors.ts';
import type { Parts } from './parts.ts';
import type { TaskProcess } from './ports.ts';
import { Sandbox, type SandboxPhase } from './sandbox.ts';
import { stopSandbox } from './stop-sandbox.ts';

/** Brings one sandbox back from its record; an unreadable record has been set aside by then and is left out. */
export async function recoverSandbox(parts: Parts, id: string, pause: TaskProcess | undefined): Promise<void> {
  const record = await parts.sandboxRecords.read(id);
  if (record === undefined) return;
  const sandbox = new Sandbox(record);
  if (record.phase === 'creating') return await abandonStart(parts, sandbox);
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
export async function markBroken(parts: Pick<Parts, 'sandboxRecords'>, sandbox: Sandbox): Promise<void> {
  const phase: SandboxPhase = 'broken';
  sandbox.become({ ...sandbox.record, phase });
  await parts.sandboxRecords.write(sandbox.id, sandbox.record);
}

/**
 * A sandbox nobody was ever told of: podwright ended in the middle of its start. It is taken down as by
 * StopPodSandbox and forgotten; if that fails it is listed as NOTREADY for the kubelet to finish.
 */
async function abandonStart(parts: Parts, sandbox: Sandbox): Promise<void> {
  const { id } = sandbox;
  try {
    sandbox.become({ ...sandbox.record, namespaces: { net: `${parts.folders.namespaces(id)}/net` } });
    await stopSandbox(parts, sandbox);
    await parts.sandboxRecords.remove(id);
    parts.log.info({ podSandboxId: id }, 'took back a pod sandbox whose start was cut off');
  } catch (error) {
    parts.log.warn({ podSandboxId: id, error: messageOf(error) }, 'could not take back a pod sandbox whose start was cut off');
    parts.sandboxes.add(sandbox);
    parts.sandboxNames.hold(sandbox.name, id);
    await markBroken(parts, sandbox);
  }
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
  if (sandbox.sharesPid && pause?.status !== 'running') return 'the first process of its shared PID namespace is gone';
  return undefined;
}
