import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import type { ChildProcessWithoutNullStreams } from 'node:child_process';
import { WebSocket } from 'ws';
import { webImage } from '../../../hack/images/catalogue.ts';
import { Said } from '../../support/child-streams.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { type ClientStream, SpdyClient } from '../../support/spdy-client.ts';

/** Gives back what it gets; gives the MD5 sum of what it got once that has ended. */
const [echoPort, sumPort, nobodysPort] = [7000, 7001, 7002];

describe('PortForward', function () {
  this.timeout(120_000);
  const cri = useCriNode();
  const children: ChildProcessWithoutNullStreams[] = [];
  let pod: Pod;

  before(async () => {
    await cri().call('PullImage', { image: { image: webImage } });
  });

  afterEach(() => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
  });

  /** Runs a Pod with servers and waits until they listen. */
  async function serve(config: Parameters<ReturnType<typeof cri>['runPod']>[0] = {}): Promise<void> {
    pod = await cri().runPod(config);
    // As many may wait as there are Ls, and with few the kernel resets some of many that come at once.
    const listen = `nc -${'l'.repeat(64)}`;
    const container = await pod.runScript(`${listen} -p ${echoPort} -e cat & ${listen} -p ${sumPort} -e md5sum & wait`);
    await eventually('both listen', async () => {
      const { stdout } = await container.try('netstat -ltn');
      return stdout.includes(`:${echoPort} `) && stdout.includes(`:${sumPort} `);
    });
  }

  /** Sends all, ends, and gives what came until the other side's end. */
  async function talk(port: number, data: Buffer): Promise<Buffer> {
    const socket = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true });
    const chunks: Buffer[] = [];
    socket.on('data', (chunk) => chunks.push(chunk));
    socket.end(data);
    await once(socket, 'end');
    socket.destroy();
    return Buffer.concat(chunks);
  }

  async function connect(): Promise<SpdyClient> {
    const { url } = await cri().call('PortForward', { podSandboxId: pod.id });
    return SpdyClient.connect(url, 'portforward.k8s.io');
  }

  async function pair(client: SpdyClient, port: number, id: string): Promise<{ readonly error: ClientStream; readonly data: ClientStream }> {
    const headers = { port: String(port), requestID: id };
    const error = await client.open({ ...headers, streamType: 'error' });
    error.end();
    return { error, data: await client.open({ ...headers, streamType: 'data' }) };
  }

  for (const transport of ['spdy', 'websocket']) {
    describe(`by crictl over ${transport}`, () => {
      async function forward(port: number): Promise<{ readonly port: number; readonly said: Said }> {
        const child = cri().node.spawnCrictl('port-forward', '-r', transport, pod.id, `:${port}`);
        children.push(child);
        const said = new Said(child);
        const text = await said.until(/127\.0\.0\.1:(\d+) ->/);
        return { port: Number(/127\.0\.0\.1:(\d+) ->/.exec(text)?.[1]), said };
      }

      it('carries 100 MB there and back', async () => {
        await serve();
        const { port } = await forward(echoPort);
        const data = randomBytes(100_000_000);
        assert.ok((await talk(port, data)).equals(data));
      });

      it('serves many connections, 50 at a time', async () => {
        pod = await cri().runPod();
        await pod.run({ image: { image: webImage }, command: [] });
        const { port } = await forward(8080);
        const get = async (): Promise<string> => (await fetch(`http://127.0.0.1:${port}/`, { headers: { Connection: 'close' } })).text();
        await eventually('it answers', () => get().catch(() => false));
        for (let i = 0; i < 4; i++) {
          const answers = await Promise.all(Array.from({ length: 50 }, get));
          for (const answer of answers) assert.match(answer, /hello from podwright/);
        }
      });

      it('reaches a Pod on the network of the host', async () => {
        await serve({ linux: { securityContext: { namespaceOptions: { network: 'NODE', pid: 'CONTAINER' } } } });
        const { port } = await forward(echoPort);
        assert.equal((await talk(port, Buffer.from('over the host'))).toString(), 'over the host');
      });

      it('says what is not listened on', async () => {
        await serve();
        const { port, said } = await forward(nobodysPort);
        await talk(port, Buffer.from('hello?')).catch(() => {});
        await eventually('it is said', () => /port 7002 in pod sandbox[^]*127\.0\.0\.1: connection refused/.test(said.errors));
      });
    });
  }

  it('closes each direction for itself', async () => {
    await serve();
    const client = await connect();
    const { data, error } = await pair(client, sumPort, '1');
    data.end('what is summed');
    const sum = createHash('md5').update('what is summed').digest('hex');
    assert.equal(await data.whole(), `${sum}  -\n`);
    assert.equal(await error.whole(), '');
    client.destroy();
  });

  it('forwards many at once on one connection, and tells errors apart', async () => {
    await serve();
    const client = await connect();
    const pairs = await Promise.all(Array.from({ length: 20 }, (_, i) => pair(client, i % 4 === 3 ? nobodysPort : echoPort, `${i}`)));
    for (const [i, { data }] of pairs.entries()) if (i % 4 !== 3) data.end(`number ${i}`);
    for (const [i, { data, error }] of pairs.entries()) {
      if (i % 4 === 3) assert.match(await error.whole(), /port 7002.*connection refused/);
      else assert.equal(await data.whole(), `number ${i}`);
    }
    client.destroy();
  });

  it('joins the streams of old clients, which number no requests', async () => {
    await serve();
    const client = await connect();
    const error = await client.open({ port: String(echoPort), streamType: 'error' });
    const data = await client.open({ port: String(echoPort), streamType: 'data' });
    data.end('old');
    assert.equal(await data.whole(), 'old');
    assert.equal(await error.whole(), '');
    client.destroy();
  });

  it('resets streams without a port or a kind', async () => {
    await serve();
    const client = await connect();
    for (const headers of [{ streamType: 'data' }, { streamType: 'data', port: '0' }, { streamType: 'x', port: '1' }, { port: '70000', streamType: 'error' }]) {
      const stream = await client.open(headers);
      await eventually('it is reset', () => stream.resetStatus !== undefined);
    }
    const { data } = await pair(client, echoPort, '1');
    data.end('still here');
    assert.equal(await data.whole(), 'still here');
    client.destroy();
  });

  it('speaks the old form over WebSocket, with ports in the request', async () => {
    await serve();
    const { url } = await cri().call('PortForward', { podSandboxId: pod.id, port: [echoPort, nobodysPort] });
    const socket = new WebSocket(url.replace('http', 'ws'), 'v4.channel.k8s.io');
    const messages: Buffer[] = [];
    socket.on('message', (message: Buffer) => messages.push(message));
    await once(socket, 'open');
    await eventually('each channel has its port', () => messages.length >= 4);
    for (const [channel, port] of [echoPort, echoPort, nobodysPort, nobodysPort].entries()) {
      const expected = Buffer.from([channel, port & 0xff, port >> 8]);
      assert.ok(messages.slice(0, 4).some((message) => message.equals(expected)));
    }
    socket.send(Buffer.from('\0back and forth'));
    await eventually('it comes back', () => messages.some((message) => message.toString() === '\0back and forth'));
    await eventually('the other is refused', () => messages.some((message) => message[0] === 3 && message.includes('connection refused')));
    socket.terminate();
  });

  it('ends with podwright, and leaves nothing open in the Pod', async () => {
    await serve();
    const client = await connect();
    const { data } = await pair(client, echoPort, '1');
    data.write('hello');
    await eventually('it comes back', () => data.text === 'hello');
    await cri().restartPodwright();
    await eventually('it is closed', () => client.isClosed);
  });

  it('is refused for a Pod that is stopped or not there, and ports that cannot be', async () => {
    await serve();
    await cri().refuse('PortForward', { podSandboxId: pod.id, port: [0] }, 'INVALID_ARGUMENT', 'port is 0');
    await pod.stop();
    await cri().refuse('PortForward', { podSandboxId: pod.id }, 'FAILED_PRECONDITION', pod.id);
    await cri().refuse('PortForward', { podSandboxId: 'f'.repeat(64) }, 'NOT_FOUND');
    await cri().refuse('PortForward', { podSandboxId: '' }, 'INVALID_ARGUMENT', 'pod_sandbox_id is ""');
  });
});
