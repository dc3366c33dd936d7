import { randomBytes } from 'node:crypto';

/**
 * A new sandbox or container id: 64 lower-case hex digits. cAdvisor recognises containers by a cgroup
 * name of exactly this shape, so no other length will do.
 */
export function newId(): string {
  return randomBytes(32).toString('hex');
}

/** A new exec id, unique within its task. */
export function newExecId(): string {
  return randomBytes(16).toString('hex');
}
