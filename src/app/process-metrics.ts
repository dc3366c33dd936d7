import { readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { type Metric, read } from '../lib/metrics.ts';

/** How often the event loop is looked at, ms. */
const resolutionMs = 20;

/** What podwright's process uses, under the names that Prometheus' clients give to it; `stop` ends the watching. */
export function processMetrics(): { readonly metrics: readonly Metric[]; stop(): void } {
  const delay = monitorEventLoopDelay({ resolution: resolutionMs });
  delay.enable();
  const startedAtS = Date.now() / 1000 - process.uptime();
  const metrics = [
    read('gauge', 'process_start_time_seconds', 'When the process started, in seconds since 1970.', () => startedAtS),
    read('counter', 'process_cpu_seconds_total', 'CPU time spent, in seconds.', () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1e6;
    }),
    read('gauge', 'process_resident_memory_bytes', 'Resident memory of the process.', () => process.memoryUsage.rss()),
    read('gauge', 'process_open_fds', 'Open files of the process.', () => readdirSync('/proc/self/fd').length),
    read('gauge', 'nodejs_heap_size_used_bytes', 'JavaScript heap in use.', () => process.memoryUsage().heapUsed),
    read(
      'gauge',
      'nodejs_eventloop_lag_seconds',
      'By how much the event loop was late since the last look at these metrics.',
      () => {
        const lags = [0.5, 0.9, 0.99].map((q) => [late(delay.percentile(q * 100)), String(q)] as const);
        const most = [late(delay.max), '1'] as const;
        delay.reset();
        return [...lags, most];
      },
      ['quantile'],
    ),
  ];
  return { metrics, stop: () => delay.disable() };
}

/** The monitor tells how long a turn of its timer took, in ns; an event loop at rest takes the resolution. */
function late(ns: number): number {
  return Math.max(0, ns / 1e9 - resolutionMs / 1000);
}
