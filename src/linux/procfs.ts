import { readdir, readFile } from 'node:fs/promises';
import { errnoOf } from '../lib/errors.ts';

/** The id of this boot: what was written under another one is from before a reboot. */
export async function bootId(): Promise<string> {
  return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
}

/**
 * When a process started, in clock ticks since boot: together with the pid it names one process for as long as
 * the boot lasts. Undefined when there is no such process.
 */
export async function processStartTicks(pid: number): Promise<bigint | undefined> {
  const text = await processStat(pid);
  return text === undefined ? undefined : parseStartTicks(text);
}

/** Whose child a process is; undefined when there is no such process. */
export async function parentId(pid: number): Promise<number | undefined> {
  const text = await processStat(pid);
  return text === undefined ? undefined : Number(fieldsAfterName(text)[1]);
}

/** The text of /proc/PID/stat; undefined when there is no such process. */
export function processStat(pid: number): Promise<string | undefined> {
  return readProc(`/proc/${pid}/stat`);
}

/** The fields of /proc/PID/stat from the third on. The second one, the name, may hold blanks and brackets. */
export function fieldsAfterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

/** The 22nd field of /proc/PID/stat. */
export function parseStartTicks(stat: string): bigint | undefined {
  const field = fieldsAfterName(stat)[19];
  return field !== undefined && /^\d+$/.test(field) ? BigInt(field) : undefined;
}

/** A process's arguments; empty for a zombie or a kernel thread, undefined when there is no such process. */
export async function processArguments(pid: number): Promise<string[] | undefined> {
  const text = await readProc(`/proc/${pid}/cmdline`);
  return text?.split('\0').slice(0, -1);
}

/** The ids of all processes that can be seen. */
export async function processIds(): Promise<number[]> {
  return (await readdir('/proc')).filter((name) => /^\d+$/.test(name)).map(Number);
}

async function readProc(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT' || errnoOf(error) === 'ESRCH') return undefined;
    throw error;
  }
}
