import path from 'node:path';
import type { Containerd } from '../containerd/client.ts';
import { parentId, processArguments, processIds } from '../linux/procfs.ts';

/**
 * Kills shims that containerd has lost: a podwright that was killed in the very moment of a task's creation cancels
 * it, and containerd may then forget the shim that it had just started. Only those are taken that were started by this
 * containerd, in this namespace, for an id of the CRI's shape that neither a task nor a container is called by, and
 * that serve no task. Answers how many there were.
 */
export async function endLostShims(
  containerd: Containerd,
  of: { readonly address: string; readonly namespace: string },
): Promise<number> {
  const shims = await shimsOf(of);
  if (shims.length === 0) return 0;
  // Asked after the look at the processes: what is made meanwhile is known then, and its shim was not seen.
  const [tasks, containers] = await Promise.all([containerd.tasks.list(), containerd.containers.list([])]);
  const known = new Set([
    ...tasks.map(({ containerId }) => containerId),
    ...containers.flatMap(({ id, sandboxId }) => [id, sandboxId]),
  ]);
  const unknown = shims.filter(({ id }) => !known.has(id));
  if (unknown.length === 0) return 0;
  // A shim has the id of whichever of its Pod's containers came first, and that one may have been removed since.
  const inUse = new Set(await Promise.all(tasks.map(({ pid }) => parentId(pid))));
  const lost = unknown.filter(({ pid }) => !inUse.has(pid));
  for (const { pid } of lost) kill(pid);
  return lost.length;
}

interface Shim {
  readonly pid: number;
  readonly id: string;
}

async function shimsOf({ address, namespace }: { readonly address: string; readonly namespace: string }): Promise<Shim[]> {
  const found: Shim[] = [];
  for (const pid of await processIds()) {
    const id = shimId((await processArguments(pid)) ?? [], address, namespace);
    if (id !== undefined) found.push({ pid, id });
  }
  return found;
}

/** The id that a process was started for as a shim of this containerd and namespace; undefined when it was not. */
export function shimId(args: readonly string[], address: string, namespace: string): string | undefined {
  const valueOf = (flag: string): string | undefined => {
    const at = args.indexOf(flag);
    return at < 0 ? undefined : args[at + 1];
  };
  if (!path.basename(args[0] ?? '').startsWith('containerd-shim-')) return undefined;
  if (valueOf('-namespace') !== namespace || valueOf('-address') !== address) return undefined;
  const id = valueOf('-id');
  return id !== undefined && /^[0-9a-f]{64}$/u.test(id) ? id : undefined;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
