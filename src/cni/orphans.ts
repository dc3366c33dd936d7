import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIds } from '../linux/procfs.ts';

/** How long plugins may take to end by themselves, and killed ones to be gone, ms. */
const endMs = 2_000;
const goneMs = 2_000;
const lookMs = 10;

/**
 * Waits for plugins that a killed podwright left running for sandboxes with namespaces below `netnsFolder`, and kills
 * those that do not end: they would go on with an ADD that nobody wants any more, maybe after its DEL. Killed at work
 * one may leave what no DEL can find (see PluginRunner), so it is the last resort. They are found among the machine's
 * processes by what they were told: CNI_NETNS. Answers how many there were.
 */
export async function endOrphanedPlugins(netnsFolder: string, waitMs = endMs): Promise<number> {
  const found = await pluginsFor(netnsFolder);
  if (found.length === 0) return 0;
  for (const pid of await untilNone(netnsFolder, waitMs)) kill(pid);
  await untilNone(netnsFolder, goneMs);
  return found.length;
}

/** Waits until no such plugin runs, but no longer than `ms`; answers those that still do. */
async function untilNone(netnsFolder: string, ms: number): Promise<number[]> {
  const deadline = Date.now() + ms;
  for (;;) {
    const left = await pluginsFor(netnsFolder);
    if (left.length === 0 || Date.now() >= deadline) return left;
    await sleep(lookMs);
  }
}

async function pluginsFor(netnsFolder: string): Promise<number[]> {
  const told = Buffer.from(`\0CNI_NETNS=${netnsFolder}/`);
  const all = await processIds();
  const fits = await Promise.all(
    all.map(async (pid) => {
      // A process that ended, and one in its last moments, has none.
      const environment = await readFile(`/proc/${pid}/environ`).catch(() => Buffer.alloc(0));
      return Buffer.concat([Buffer.from([0]), environment]).includes(told);
    }),
  );
  return all.filter((_, index) => fits[index]);
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It is gone already.
  }
}
