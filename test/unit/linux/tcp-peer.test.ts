import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { descriptorOf } from '../../../src/io/in-place-socket.ts';
import { askPeerOften, isOutOfReach, parseTcpInfo, tcpPeer } from '../../../src/linux/tcp-peer.ts';
import { eventually } from '../../support/eventually.ts';

const fine = { isClosed: false, unacknowledged: 0, repeats: 0, silentMs: 0 };

describe('the peer of a TCP connection', () => {
  for (const [what, peer, expected] of [
    ['that has just answered', fine, false],
    ['that had nothing to answer for an hour', { ...fine, silentMs: 3_600_000 }, false],
    ['that has missed one question', { ...fine, repeats: 1, silentMs: 5000 }, false],
    ['that was asked often in a short time', { ...fine, repeats: 5, silentMs: 500 }, false],
    ['that has answered nothing for three seconds', { ...fine, repeats: 2, silentMs: 3000 }, true],
    ['that the kernel has given up', { ...fine, isClosed: true }, true],
  ] as const) {
    it(`${what} is ${expected ? 'out of reach' : 'there'}`, () => assert.equal(isOutOfReach(peer), expected));
  }

  it('is read from where the kernel puts it', () => {
    const info = new Uint8Array(64);
    const view = new DataView(info.buffer);
    for (const [at, value] of [[0, 7], [2, 3], [3, 1]] as const) view.setUint8(at, value);
    for (const [at, value] of [[24, 9], [56, 1234]] as const) view.setUint32(at, value, true);
    assert.deepEqual(parseTcpInfo(info), { isClosed: true, unacknowledged: 9, repeats: 3, silentMs: 1234 });
  });

  it('is there as long as it only takes nothing', async function () {
    this.timeout(30_000);
    const server = net.createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
    const [socket] = (await once(server, 'connection')) as [net.Socket];
    const fd = descriptorOf(socket);
    assert.ok(fd !== undefined);
    askPeerOften(fd);
    client.pause();
    while (socket.write(Buffer.alloc(1 << 20)));
    let [asked, wasSilent] = [0, 0];
    // The kernel asks for room, again and again, and is answered each time.
    await eventually('it was asked several times', () => {
      const peer = tcpPeer(fd);
      assert.equal(isOutOfReach(peer), false);
      if (peer.silentMs < wasSilent) asked += 1;
      wasSilent = peer.silentMs;
      return asked >= 4;
    });
    for (const each of [client, socket]) each.destroy();
    server.close();
  });
});
