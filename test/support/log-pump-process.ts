// A process that does nothing but pump one container's log, to be killed. Arguments: the container's log spec as
// JSON, and `drain` to end when the output has ended, or `hold` and a state folder to have the FIFOs held. Prints
// "open" when it pumps and "drained" at the end.
import { FifoHolder } from '../../src/io/fifo-holder.ts';
import { LogPump } from '../../src/io/log-pump.ts';
import type { ContainerLogSpec } from '../../src/io/log-messages.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { silentLog } from '../../src/lib/log.ts';
import { logWorkerUrl } from './log-worker.ts';

const [, , specJson = '', mode, stateDir = ''] = process.argv;
const spec = JSON.parse(specJson) as ContainerLogSpec;
const clock = systemClock();
const pump = new LogPump(silentLog, clock, {
  workerUrl: logWorkerUrl,
  ...(mode === 'hold' && { holder: new FifoHolder(silentLog, clock, stateDir) }),
});
pump.start();
await pump.open(spec);
process.stdout.write('open\n');
if (mode === 'drain') {
  await pump.drained(spec.containerId);
  await pump.stop();
  process.stdout.write('drained\n');
}
