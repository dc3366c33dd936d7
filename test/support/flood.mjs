// Writes numbered lines of many lengths to two FIFOs, as a shim does: it holds both ends of each, so that
// nothing in them is lost while nobody reads. Arguments: stdout FIFO, stderr FIFO, how many lines.
import { closeSync, constants, openSync, writeSync } from 'node:fs';

const [out, err, count] = process.argv.slice(2);
const fds = [openSync(out, constants.O_RDWR), openSync(err, constants.O_RDWR)];
let pending = [];
let pendingBytes = 0;
let stream = 0;

function flush() {
  const chunk = Buffer.concat(pending);
  for (let at = 0; at < chunk.length; ) at += writeSync(fds[stream], chunk, at);
  pending = [];
  pendingBytes = 0;
}

for (let i = 1; i <= Number(count); i++) {
  const long = i % 997 === 0;
  pending.push(Buffer.from(`${i} ${'#'.repeat(long ? 16_000 + (i % 40_000) : i % 211)}\n`));
  pendingBytes += pending.at(-1).length;
  if (pendingBytes < 1 + ((i * 7919) % 30_000)) continue;
  flush();
  stream = i % 3 === 0 ? 1 : 0;
}
flush();
for (const fd of fds) closeSync(fd);
