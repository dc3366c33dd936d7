// Loaded into podwright (node --import) by record.ts: puts itself between its streaming server and the clients, by telling
// them another port, and writes what each client sends into a file of its own in RECORD_FOLDER.
import { appendFileSync, readFileSync } from 'node:fs';
import { Server } from 'node:http';
import net from 'node:net';
import path from 'node:path';

const folder = process.env.RECORD_FOLDER ?? '/tmp';
const address = Server.prototype.address;
let told;

Server.prototype.address = function () {
  const real = address.call(this);
  if (this.listenerCount('upgrade') === 0) return real;
  told ??= listen(real.port);
  return { ...real, port: told };
};

function listen(port) {
  const own = Number(process.env.RECORD_PORT);
  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    const file = path.join(folder, `${readFileSync(path.join(folder, 'name'), 'utf8')}.bin`);
    const served = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    client.on('data', (bytes) => appendFileSync(file, bytes));
    client.pipe(served).pipe(client);
    for (const [one, other] of [[client, served], [served, client]]) {
      one.on('error', () => {});
      one.once('close', () => other.destroy());
    }
  });
  server.listen(own, '127.0.0.1');
  return own;
}
