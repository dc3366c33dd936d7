import { openSync, readSync } from 'node:fs';

/**
 * How long the calling thread has been ready to run and had no processor, ms since its start, each time it is asked;
 * some microseconds (sched-stats.rst: the second number of schedstat). Always 0 where the kernel does not count it.
 */
export function processorWait(): () => number {
  const text = Buffer.alloc(64);
  let fd: number;
  try {
    fd = openSync('/proc/thread-self/schedstat', 'r');
  } catch {
    return () => 0;
  }
  return () => {
    const [, waitedNs] = text.toString('latin1', 0, readSync(fd, text, 0, text.length, 0)).split(' ');
    return Number(waitedNs) / 1e6;
  };
}
