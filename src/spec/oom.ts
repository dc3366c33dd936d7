import { invalidField } from '../lib/errors.ts';
import type { HostFacts } from './host-facts.ts';

/**
 * An oom_score_adj the kernel will accept. Below its own score a process may go with CAP_SYS_RESOURCE only, and
 * runc fails the container when refused: there the daemon's own score is the nearest that can be had.
 */
export function clampOomScoreAdj(
  wanted: number,
  host: Pick<HostFacts, 'ownOomScoreAdj' | 'canLowerOomScore'>,
): number {
  if (!Number.isInteger(wanted) || wanted < -1000 || wanted > 1000) {
    throw invalidField('config.linux.resources.oom_score_adj', wanted, 'it goes from -1000 to 1000');
  }
  return host.canLowerOomScore ? wanted : Math.max(wanted, host.ownOomScoreAdj);
}
