import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';
import type { Duplex } from 'node:stream';
import { InPlaceSocket } from '../../../src/io/in-place-socket.ts';
import { eventually } from '../../support/eventually.ts';

describe('a socket that is read in place', () => {
  const open: Duplex[] = [];
  let server: net.Server;

  beforeEach(() => (server = net.createServer({ allowHalfOpen: true })));

  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
    server.close();
  });

  /** The two ends of a connection; ours is taken over from a server. */
  async function pair(): Promise<{ readonly own: InPlaceSocket; readonly peer: net.Socket }> {
    if (!server.listening) await once(server.listen(0, '127.0.0.1'), 'listening');
    // At once, as with an upgrade: a later reader finds that Node has read by itself.
    const taken = new Promise<Duplex>((resolve) => server.once('connection', (socket) => resolve(InPlaceSocket.takeOver(socket))));
    const peer = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const own = await taken;
    assert.ok(own instanceof InPlaceSocket);
    open.push(own, peer);
    return { own, peer };
  }

  it('gives every byte in its order, whenever its taker is done with the last', async () => {
    const { own, peer } = await pair();
    const sent = randomBytes(5_000_000);
    const got: Buffer[] = [];
    const buffers = new Set<unknown>();
    own.readInPlace((bytes, release) => {
      buffers.add(bytes.buffer);
      if (got.length % 3 === 0) {
        got.push(Buffer.from(bytes));
        release();
        return true;
      }
      const at = got.push(bytes) - 1;
      setImmediate(() => {
        got[at] = Buffer.from(bytes);
        release();
        own.resume();
      });
      return false;
    });
    peer.end(sent);
    await once(own, 'end');
    assert.ok(Buffer.concat(got).equals(sent));
    assert.ok(buffers.size <= 3, `${buffers.size} buffers`);
  });

  it('has another buffer for what comes while one is held', async () => {
    const { own, peer } = await pair();
    const held: Buffer[] = [];
    own.readInPlace((bytes) => held.push(bytes) > 0);
    for (const text of ['one', 'two', 'three', 'four', 'five', 'six']) {
      peer.write(text);
      await eventually('it has come', () => held.at(-1)?.toString() === text);
    }
    assert.equal(held.join(' '), 'one two three four five six');
  });

  it('keeps what comes before anybody takes it', async () => {
    const { own, peer } = await pair();
    peer.write('early');
    await eventually('it is read', () => own.bytesRead === 5);
    let text = '';
    own.readInPlace((bytes, release) => {
      text += bytes.toString();
      release();
      return true;
    });
    peer.end(' and late');
    await once(own, 'end');
    assert.equal(text, 'early and late');
  });

  it('drops all that comes when it is resumed and nobody takes it', async () => {
    const { own, peer } = await pair();
    own.resume();
    peer.end(Buffer.alloc(1_000_000));
    await once(own, 'end');
  });

  it('takes a connection over from an HTTP server, which then has no part in it', async () => {
    const web = http.createServer().listen(0, '127.0.0.1');
    await once(web, 'listening');
    web.once('upgrade', (_request, socket: Duplex, head: Buffer) => {
      const own = InPlaceSocket.takeOver(socket);
      open.push(own);
      assert.ok(own instanceof InPlaceSocket && socket.destroyed);
      own.write(head);
      own.readInPlace((bytes, release) => {
        own.write(Buffer.from(bytes));
        release();
        return true;
      });
    });
    const client = net.connect((web.address() as net.AddressInfo).port, '127.0.0.1');
    open.push(client);
    let answer = '';
    client.on('data', (text) => (answer += text.toString()));
    client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nhead ');
    await eventually('the head comes back', () => answer === 'head ');
    client.write('and more');
    await eventually('the rest comes back', () => answer === 'head and more');
    web.close();
  });
});
