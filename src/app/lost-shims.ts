import path from 'node:path';
import type { Containerd } from '../containerd/client.ts';
import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { parentId, processArguments, processIds } from '../linux/procfs.ts';

const lookMs = 5_000;
/** The first finds suspects, the second is sure, and the third is for what was still on its way in the first. */
const looksAfterRemoval = 3;

/** Which containerd's shims are meant, and of which namespace. */
export interface ShimsOf {
  readonly address: string;
  readonly namespace: string;
}

/** Kills the shims that containerd has lost, as `findLostShims` finds them. Answers how many there were. */
export async function endLostShims(containerd: Containerd, of: ShimsOf): Promise<number> {
  const lost = await findLostShims(containerd, of);
  for (const pid of lost) kill(pid);
  return lost.length;
}

/**
 * The process ids of shims that containerd has lost: a podwright that was killed in the very moment of a task's creation
 * cancels it, and containerd may then forget the shim that it had just started. Only those are taken that were started by
 * this containerd, in this namespace, for an id of the CRI's shape that neither a task nor a container is called by, and
 * that serve no task.
 */
export async function findLostShims(containerd: Containerd, of: ShimsOf): Promise<number[]> {
  const shims = await shimsOf(of);
  if (shims.length === 0) return [];
  // Asked after the look at the processes: what is made meanwhile is known then, and its shim was not seen.
  const [tasks, containers] = await Promise.all([containerd.tasks.list(), containerd.containers.list([])]);
  const known = new Set([
    ...tasks.map(({ containerId }) => containerId),
    ...containers.flatMap(({ id, sandboxId }) => [id, sandboxId]),
  ]);
  const unknown = shims.filter(({ id }) => !known.has(id));
  if (unknown.length === 0) return [];
  // A shim has the id of whichever of its Pod's containers came first, and that one may have been removed since.
  const inUse = new Set(await Promise.all(tasks.map(({ pid }) => parentId(pid))));
  return unknown.filter(({ pid }) => !inUse.has(pid)).map(({ pid }) => pid);
}

/**
 * Ends shims that containerd loses while podwright runs. Two containers of a Pod that are created at the same moment may
 * each start a shim, of which containerd then knows one; once in some thousand Pods of a busy node the other stayed when
 * the Pod was gone. One that was lost before the start may also come to light now: it is spared as long as the container
 * that it was started for is known. So after Pods have been removed there is a look, and one that is lost in two looks is
 * killed: a shim whose last task was just deleted needs a moment to end by itself.
 */
export class LostShims {
  readonly #find: () => Promise<readonly number[]>;
  readonly #removals: () => number;
  readonly #log: Log;
  #removalsSeen = 0;
  #suspects: ReadonlySet<number> = new Set();
  #looksLeft = 0;
  #timer: NodeJS.Timeout | undefined;

  /** `find` gives the process ids of those that are lost now, `removals` how many Pods have been removed so far. */
  constructor(find: () => Promise<readonly number[]>, removals: () => number, log: Log) {
    this.#find = find;
    this.#removals = removals;
    this.#log = log;
  }

  /** Looks every some seconds whether Pods have gone, until `stop`. */
  start(): void {
    this.#timer = setTimeout(() => void this.#lookOn(), lookMs).unref();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** One look after the other: containerd may be slow to answer. */
  async #lookOn(): Promise<void> {
    await this.look();
    if (this.#timer !== undefined) this.start();
  }

  /** One look; it asks nobody while no Pod has gone and nothing is suspect. A look that failed does not count. */
  async look(): Promise<void> {
    const removals = this.#removals();
    if (removals > this.#removalsSeen) this.#looksLeft = looksAfterRemoval;
    this.#removalsSeen = removals;
    if (this.#looksLeft === 0 && this.#suspects.size === 0) return;
    try {
      const lost = await this.#find();
      this.#looksLeft = Math.max(0, this.#looksLeft - 1);
      const again = lost.filter((pid) => this.#suspects.has(pid));
      for (const pid of again) kill(pid);
      if (again.length > 0) this.#log.warn({ shims: again.length }, 'killed shims that containerd had lost');
      this.#suspects = new Set(lost);
    } catch (error) {
      this.#log.debug({ error: messageOf(error) }, 'could not look for lost shims');
    }
  }
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
