import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { processIds } from '../linux/procfs.ts';

/** How long killed plugins may take to be gone, ms, and how often that is looked at. */
const goneMs = 2_000;
const lookMs = 10;

/**
 * Kills plugins that a killed podwright left running for sandboxes with namespaces below `netnsFolder`, and waits for
 * their end. They would go on with an ADD that nobody wants any more, maybe after its DEL. They are found among the
 * machine's processes by what they were told: CNI_NETNS. Answers how many there were.
 */
export async function endOrphanedPlugins(netnsFolder: string): Promise<number> {
  const found = await pluginsFor(netnsFolder);
  for (const pid of found) kill(pid);
  const deadline = Date.now() + goneMs;
  while (found.length > 0 && Date.now() < deadline && (await pluginsFor(netnsFolder)).length > 0) await sleep(lookMs);
  return found.length;
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
