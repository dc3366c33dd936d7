import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import type { Turns } from '../lib/turns.ts';

/** What processes have open, all of them together. */
export interface OpenFiles {
  readonly descriptors: number;
  readonly sockets: number;
}

// A link below /proc is read in some 5 µs: so many of them in one turn of the event loop.
const linksATurn = 200;

/** Counts what processes have open; one that has ended is passed over. */
export async function countOpenFiles(pids: readonly number[], turns: Turns): Promise<OpenFiles> {
  let [descriptors, sockets] = [0, 0];
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`;
    const open = await turns.take(() => unlessGone(() => readdirSync(folder), []));
    descriptors += open.length;
    for (let start = 0; start < open.length; start += linksATurn) {
      const part = open.slice(start, start + linksATurn);
      const targets = await turns.take(() => part.map((fd) => unlessGone(() => readlinkSync(`${folder}/${fd}`), '')));
      sockets += targets.filter((target) => target.startsWith('socket:')).length;
    }
  }
  return { descriptors, sockets };
}

/** How many files a process may have open (its soft limit), `unlimited` being 2^64-1; undefined when it has ended. */
export function openFilesLimit(pid: number): bigint | undefined {
  return unlessGone(() => parseOpenFilesLimit(readFileSync(`/proc/${pid}/limits`, 'utf8')), undefined);
}

/** The soft limit of open files in /proc/PID/limits. */
export function parseOpenFilesLimit(text: string): bigint | undefined {
  const soft = /^Max open files\s+(\d+|unlimited)\s/m.exec(text)?.[1];
  if (soft === undefined) return undefined;
  return soft === 'unlimited' ? 2n ** 64n - 1n : BigInt(soft);
}

function unlessGone<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (['ENOENT', 'ESRCH', 'EACCES'].includes(errnoOf(error) ?? '')) return otherwise;
    throw error;
  }
}
