import { readdirSync, writeFileSync } from 'node:fs';
import { getPriority, setPriority } from 'node:os';
import { messageOf } from '../lib/errors.ts';

/** Between that of most programs, 0, and that of those without which a machine is lost, -20. */
const nice = -10;

/**
 * Has the scheduler prefer this process and what it starts from now on to others that want a processor, so that it
 * still answers in time on a node that is busy with Pods: it needs little, but the kubelet takes a runtime that is
 * silent for long for a dead one. Containers are not concerned, as containerd's shims start them. Answers what became
 * of it, for the log. A priority that somebody has given the process stays.
 */
export function preferMe(): string {
  try {
    if (getPriority() !== 0) return `left at ${getPriority()}`;
    // Of each thread there is, or the main one would wait for others that get no processor.
    for (const thread of readdirSync('/proc/self/task')) setPriority(Number(thread), nice);
  } catch (error) {
    return `left as it is: ${messageOf(error)}`;
  }
  try {
    // Where the kernel groups tasks by session, nice counts only within the group (sched(7), autogroup).
    writeFileSync('/proc/self/autogroup', String(nice));
  } catch {
    // A kernel without it compares single tasks.
  }
  return `raised to ${nice}`;
}
