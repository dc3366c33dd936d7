// A process that does nothing but pump one container's log, to be killed. Arguments: the container's log spec as
// JSON, and `drain` to end when the output has ended. Prints "open" when it pumps and "drained" at the end.
import { LogPump } from '../../src/io/log-pump.ts';
import type { ContainerLogSpec } from '../../src/io/log-messages.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { logWorkerUrl } from './log-worker.ts';

const spec = JSON.parse(process.argv[2] ?? '') as ContainerLogSpec;
const pump = new LogPump(silentLog, systemClock(), logWorkerUrl);
pump.start();
await pump.open(spec);
process.stdout.write('open\n');
if (process.argv[3] === 'drain') {
  await pump.drained(spec.containerId);
  await pump.stop();
  process.stdout.write('drained\n');
}
