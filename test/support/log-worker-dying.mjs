// A log thread that answers its first request, does nothing about it and dies, if the file named in
// LOG_WORKER_DIES_ONCE is there, which it removes; the one after it is the real one.
import { existsSync, rmSync } from 'node:fs';
import { workerData } from 'node:worker_threads';

const marker = process.env['LOG_WORKER_DIES_ONCE'];
if (existsSync(marker)) {
  rmSync(marker);
  workerData.port.once('message', ({ seq }) => {
    workerData.port.postMessage({ op: 'done', seq });
    setImmediate(() => process.exit(1));
  });
} else {
  await import('./log-worker.mjs');
}
