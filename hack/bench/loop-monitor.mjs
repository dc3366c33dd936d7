// Loaded into podwright by the benchmark (node --import): writes the delays of its event loop to the file in
// LOOP_MONITOR_FILE at every SIGUSR2 and begins anew.
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';

const resolutionMs = 5;
const delays = monitorEventLoopDelay({ resolution: resolutionMs });
delays.enable();
process.on('SIGUSR2', () => {
  const beyond = (ns) => Math.max(0, ns / 1e6 - resolutionMs);
  const report = { p99Ms: beyond(delays.percentile(99)), maxMs: beyond(delays.max) };
  writeFileSync(process.env.LOOP_MONITOR_FILE ?? '/dev/null', JSON.stringify(report));
  delays.reset();
});
