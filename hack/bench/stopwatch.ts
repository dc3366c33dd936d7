import { readFileSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';

const most = -20;
const group = '/proc/self/autogroup';

/**
 * Runs `act` with this thread ahead of all others that want a processor, its session's too where the kernel groups by
 * session: or the time of a call amid load is that until its caller gets to run.
 */
export async function atOnce<T>(act: () => Promise<T>): Promise<T> {
  const [nice, groupNice] = [getPriority(), groupPriority()];
  set(most, most);
  try {
    return await act();
  } finally {
    set(nice, groupNice);
  }
}

function set(nice: number, groupNice: number | undefined): void {
  setPriority(nice);
  if (groupNice !== undefined) writeFileSync(group, String(groupNice));
}

function groupPriority(): number | undefined {
  try {
    return Number(/nice (-?\d+)/.exec(readFileSync(group, 'utf8'))?.[1] ?? Number.NaN);
  } catch {
    return undefined;
  }
}
