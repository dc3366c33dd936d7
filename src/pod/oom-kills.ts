import { messageOf } from '../lib/errors.ts';
import { cgroupsPathOf, podCgroup } from './cgroups.ts';
import type { Container } from './container.ts';
import type { Parts } from './parts.ts';
import type { Sandbox } from './sandbox.ts';

export type OomParts = Pick<Parts, 'log' | 'kernel' | 'namespace' | 'runtimes' | 'sandboxes' | 'containers'>;

/**
 * Whether the kernel killed a process of this container, which has ended, for memory. Its own cgroup tells where it is
 * still there. systemd removes a scope as soon as its last process has ended, mostly before anybody can ask; but on v2
 * the Pod's cgroup has counted the kill too (memory.events is of all below) and stays. What that one counts beyond the
 * containers that run and those that had ended before is this one's.
 */
export async function wasOomKilled(parts: OomParts, container: Container): Promise<boolean> {
  const sandbox = parts.sandboxes.find(container.sandboxId);
  if (sandbox === undefined) return false;
  try {
    const own = await ownKills(parts, sandbox, container);
    if (own === undefined) return await takeUntold(parts, sandbox, container);
    if (sandbox.endedOomKills !== undefined) sandbox.endedOomKills += own;
    return own > 0;
  } catch (error) {
    parts.log.warn({ containerId: container.id, error: messageOf(error) }, 'could not ask the cgroup about an OOM kill');
    return false;
  }
}

/**
 * Takes what the Pod's cgroup has counted until now for that of containers that have ended: before the first container
 * starts, as an earlier sandbox may have had the same cgroup, and after a restart of podwright. Only systemd's cgroups
 * go before they can be asked.
 */
export async function noteOomKills(parts: OomParts, sandbox: Sandbox): Promise<void> {
  if (sandbox.endedOomKills !== undefined) return;
  try {
    const beyond = await beyondRunning(parts, sandbox);
    // A slice that is not there yet has counted nothing: it comes with the first scope in it.
    sandbox.endedOomKills ??= beyond?.kills ?? 0;
  } catch (error) {
    parts.log.warn({ podSandboxId: sandbox.id, error: messageOf(error) }, 'could not ask the cgroup of a pod about OOM kills');
  }
}

async function takeUntold(parts: OomParts, sandbox: Sandbox, container: Container): Promise<boolean> {
  const beyond = await beyondRunning(parts, sandbox, container);
  if (beyond === undefined || sandbox.endedOomKills === undefined) return false;
  const untold = beyond.kills - sandbox.endedOomKills;
  if (untold <= 0) return false;
  // Others that end just now leave theirs to each other. More than one process a container may have been killed.
  sandbox.endedOomKills += beyond.ending ? 1 : untold;
  return true;
}

/**
 * The kills in the Pod's cgroup that were in none of its running containers, but `but`, and whether more of them are
 * ending; undefined where the Pod has no cgroup that tells.
 */
async function beyondRunning(
  parts: OomParts,
  sandbox: Sandbox,
  but?: Container,
): Promise<{ readonly kills: number; readonly ending: boolean } | undefined> {
  const runtime = parts.runtimes.of(sandbox.record.runtimeHandler);
  const group = runtime.systemdCgroup ? podCgroup(sandbox, runtime, parts.namespace) : undefined;
  const all = group === undefined ? undefined : await parts.kernel.oomKills(group);
  if (all === undefined) return undefined;
  const running = [...parts.containers.values()].filter(
    (one) => one.sandboxId === sandbox.id && one.state === 'CONTAINER_RUNNING' && one !== but,
  );
  const theirs = await Promise.all(running.map((one) => ownKills(parts, sandbox, one)));
  return { kills: theirs.reduce<number>((kills, own) => kills - (own ?? 0), all), ending: theirs.includes(undefined) };
}

async function ownKills(parts: OomParts, sandbox: Sandbox, container: Container): Promise<number | undefined> {
  const runtime = parts.runtimes.of(sandbox.record.runtimeHandler);
  return parts.kernel.oomKills(cgroupsPathOf(container.id, sandbox, runtime, parts.namespace));
}
