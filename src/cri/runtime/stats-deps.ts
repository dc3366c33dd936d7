import type { Parts } from '../../pod/parts.ts';
import type { StatsReader } from '../../pod/stats.ts';

/** What the stats RPCs need. */
export interface StatsDeps {
  readonly parts: Pick<Parts, 'containers' | 'sandboxes'>;
  readonly stats: StatsReader;
  /** A folder on the file system that the writable layers are on. */
  readonly mountpoint: () => string;
}
