// A process that opens each URL that it is sent, reads what comes as fast as it can, and drops it. Says when the first
// of each has come, and answers `count` with how many bytes there were in all.
import { SpdyClient } from '../../test/support/spdy-client.ts';

let bytes = 0;

process.on('message', (message: string) => {
  if (message === 'count') process.send?.(bytes);
  else void read(message);
});
// It is in a session of its own, which nobody ends with that of the benchmark.
process.on('disconnect', () => process.exit());

async function read(url: string): Promise<void> {
  const client = await SpdyClient.connect(url);
  await client.openAll('error', 'stdout');
  client.socket.removeAllListeners('data');
  client.socket.once('data', () => process.send?.(url));
  client.socket.on('data', (chunk: Buffer) => (bytes += chunk.length));
}
