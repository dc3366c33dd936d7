// A process that opens each URL that it is sent, reads what comes as fast as it can, and drops it.
import { SpdyClient } from '../../test/support/spdy-client.ts';

process.on('message', (url: string) => {
  void (async () => {
    const client = await SpdyClient.connect(url);
    await client.openAll('error', 'stdout');
    client.socket.removeAllListeners('data');
    client.socket.resume();
    process.send?.(url);
  })();
});
