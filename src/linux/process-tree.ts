import { Permits } from '../lib/permits.ts';
import { SharedLook } from '../lib/shared-look.ts';
import { fieldsAfterName, processIds, processStat } from './procfs.ts';

/** One process as /proc/PID/stat tells of it. */
interface Process {
  readonly pid: number;
  readonly parent: number;
  readonly session: number;
}

/**
 * Kills a process, all its descendants, and everything else in the session it leads: what a shell left in
 * the background has another parent by then but still that session. The processes are stopped first, from
 * the top, so that none can fork a new one behind the search. A process that is gone already is fine.
 */
export async function killTree(pid: number): Promise<void> {
  const stopped = new Set<number>();
  for (;;) {
    const found = treeOf(pid, await processes.take()).filter((member) => !stopped.has(member));
    if (found.length === 0) break;
    for (const member of found) {
      stopped.add(member);
      send(member, 'SIGSTOP');
    }
  }
  for (const member of stopped) send(member, 'SIGKILL');
}

/**
 * The process, its descendants and the members of its session, as far as they are in the list. Empty for what can
 * be no process of a container: the tree of 0 (containerd's word for "not started") and of 1 is the whole machine,
 * and one that `self` is in would end the caller.
 */
export function treeOf(pid: number, all: readonly Process[], self: number = process.pid): number[] {
  if (!(pid > 1)) return [];
  const members = new Set([pid]);
  for (let before = 0; before !== members.size; ) {
    before = members.size;
    for (const each of all) {
      if (members.has(each.parent) || each.session === pid) members.add(each.pid);
    }
  }
  if (members.has(self)) return [];
  const alive = new Set(all.map((each) => each.pid));
  return [...members].filter((member) => alive.has(member));
}

/** Parses /proc/PID/stat. */
export function parseStat(text: string): Process | undefined {
  const pid = Number.parseInt(text, 10);
  const [, parent, , session] = fieldsAfterName(text).map(Number);
  if (!text.includes(')') || Number.isNaN(pid) || parent === undefined || session === undefined) return undefined;
  return { pid, parent, session };
}

/** How many files of /proc are open at a time: a node has thousands of processes, and podwright 20,000 descriptors. */
const reads = new Permits(16);

/** All processes. A hundred trees that are killed at once look together. */
const processes = new SharedLook(async () => {
  const read = (await processIds()).map((pid) => reads.run(undefined, 'read', () => readProcess(pid)));
  return (await Promise.all(read)).filter((process) => process !== undefined);
});

async function readProcess(pid: number): Promise<Process | undefined> {
  const text = await processStat(pid).catch(() => undefined);
  return text === undefined ? undefined : parseStat(text);
}

function send(pid: number, signal: 'SIGSTOP' | 'SIGKILL'): void {
  try {
    process.kill(pid, signal);
  } catch {
    // It ended by itself in between.
  }
}
