import assert from 'node:assert/strict';
import { createHash, randomBytes, randomInt } from 'node:crypto';
import { request } from 'node:https';
import { eventually } from '../support/eventually.ts';
import { tryRun } from '../support/node/run.ts';
import { ChannelClient, connectTunnel } from '../support/channel-client.ts';
import { SpdyClient } from '../support/spdy-client.ts';
import { TempNode } from '../support/temp-node.ts';
import { answering, endNode, podOf, shellContainer, untilReady } from './pods.ts';

const echoPort = 7000;
const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex');

// As an API server does: it hands a client's connection on to the kubelet, which hands it on to podwright.
describe("streams through a kubelet's API", function () {
  this.timeout(150_000);
  let node: TempNode;
  let pod: string;

  before(async () => {
    node = await TempNode.start({ kubelet: true });
    await node.kubelet.runPod(podOf('streams', { main: [shellContainer('shell', answering(echoPort), { stdin: true })] }));
    pod = (await untilReady(node, 'streams')).metadata.name;
  });
  after(async () => {
    await endNode(node, 'streams');
  });

  function url(what: 'exec' | 'attach', options: Readonly<Record<string, string>>, ...command: string[]): string {
    const query = new URLSearchParams(options);
    for (const word of command) query.append('command', word);
    return `${node.kubelet.url}/${what}/default/${pod}/shell?${query.toString()}`;
  }

  /** A command that nobody else on this machine runs, and whether it does. */
  function longSleep(): { readonly command: string[]; readonly runs: () => Promise<boolean> } {
    const seconds = String(randomInt(1e6, 1e9));
    return { command: ['sleep', seconds], runs: async () => (await tryRun('pgrep', ['-f', `^sleep ${seconds}$`])).code === 0 };
  }

  const forwardUrl = (query = ''): string => `${node.kubelet.url}/portForward/default/${pod}${query}`;

  /** Sends through a pair of streams and gives what comes back. */
  async function throughPair(client: SpdyClient, port: number, data: string): Promise<{ readonly back: string; readonly error: string }> {
    const headers = { port: String(port), requestid: String(port) };
    const error = await client.open({ ...headers, streamtype: 'error' });
    error.end();
    const stream = await client.open({ ...headers, streamtype: 'data' });
    stream.end(data);
    return { back: await stream.whole(), error: await error.whole() };
  }

  describe('over SPDY', () => {
    it('run a command with its input, outputs and exit code', async () => {
      const script = 'sha256sum; echo told >&2; exit 3';
      const client = await SpdyClient.connect(url('exec', { input: '1', output: '1', error: '1' }, 'sh', '-c', script));
      const { stdin, stdout, stderr, error } = await client.openAll('error', 'stdin', 'stdout', 'stderr');
      const input = randomBytes(5_000_000);
      stdin.end(input);
      assert.equal(await stdout.whole(), `${sha256(input)}  -\n`);
      assert.equal(await stderr.whole(), 'told\n');
      assert.match(await error.whole(), /"ExitCode","message":"3"/);
      client.destroy();
    });

    it('have a terminal that is resized', async () => {
      const client = await SpdyClient.connect(url('exec', { input: '1', output: '1', tty: '1' }, 'sh'));
      const { resize, stdin, stdout } = await client.openAll('error', 'resize', 'stdin', 'stdout');
      resize.write('{"Width":123,"Height":45}\n');
      await eventually('the size is there', () => {
        stdin.write('stty size\n');
        return stdout.text.includes('45 123');
      });
      client.destroy();
    });

    it('end what a client has left that goes', async () => {
      const { command, runs } = longSleep();
      const client = await SpdyClient.connect(url('exec', { output: '1' }, ...command));
      await client.openAll('error', 'stdout');
      await eventually('it runs', runs);
      client.destroy();
      await eventually('it is ended', async () => !(await runs()));
    });

    it('join a container', async () => {
      const client = await SpdyClient.connect(url('attach', { input: '1', output: '1' }));
      const { stdin, stdout } = await client.openAll('error', 'stdin', 'stdout');
      await eventually('it answers', () => {
        stdin.write('hello\n');
        return stdout.text.includes('<hello>');
      });
      client.destroy();
    });

    it('reach a port, and tell of one that nobody listens on', async () => {
      const client = await SpdyClient.connect(forwardUrl(), 'portforward.k8s.io');
      assert.deepEqual(await throughPair(client, echoPort, 'there and back'), { back: 'there and back', error: '' });
      assert.match((await throughPair(client, 7002, '')).error, /connection refused/);
      client.destroy();
    });
  });

  it('follow a log', async () => {
    const path = `/containerLogs/default/${pod}/shell?follow=true`;
    let text = '';
    const call = request(`${node.kubelet.url}${path}`, { rejectUnauthorized: false }, (response) => {
      response.on('error', () => {});
      response.on('data', (part: Buffer) => (text += part.toString()));
    });
    call.on('error', () => {});
    call.end();
    const client = await SpdyClient.connect(url('attach', { input: '1' }));
    const { stdin } = await client.openAll('error', 'stdin');
    stdin.write('followed\n');
    await eventually('it comes', () => text.includes('<followed>'));
    call.destroy();
    client.destroy();
  });

  for (const gate of [true, false]) {
    describe(`over WebSocket, which the kubelet ${gate ? 'translates' : 'hands on as it is'}`, () => {
      before(async () => {
        if (gate) return;
        await node.kubelet.kill();
        await node.startKubelet({ config: { featureGates: { ExtendWebSocketsToKubelet: false } } });
        await untilReady(node, 'streams');
      });

      it('run a command with its input, outputs and exit code', async () => {
        const script = 'sha256sum; echo told >&2; exit 3';
        const address = url('exec', { input: '1', output: '1', error: '1' }, 'sh', '-c', script);
        const client = await ChannelClient.connect(address, 'v5.channel.k8s.io');
        assert.equal(client.socket.protocol, 'v5.channel.k8s.io');
        const input = randomBytes(1_000_000);
        for (let at = 0; at < input.length; at += 30_000) client.send('stdin', input.subarray(at, at + 30_000));
        client.end('stdin');
        await client.closed;
        assert.equal(client.text('stdout'), `${sha256(input)}  -\n`);
        assert.equal(client.text('stderr'), 'told\n');
        assert.match(client.text('error'), /"ExitCode","message":"3"/);
      });

      it('have a terminal that is resized', async () => {
        const client = await ChannelClient.connect(url('exec', { input: '1', output: '1', tty: '1' }, 'sh'), 'v5.channel.k8s.io');
        client.send('resize', '{"Width":123,"Height":45}');
        await eventually('the size is there', () => {
          client.send('stdin', 'stty size\n');
          return client.text('stdout').includes('45 123');
        });
        client.destroy();
      });

      it('end what a client has left that goes', async () => {
        const { command, runs } = longSleep();
        const client = await ChannelClient.connect(url('exec', { output: '1' }, ...command), 'v5.channel.k8s.io');
        await eventually('it runs', runs);
        client.destroy();
        await eventually('it is ended', async () => !(await runs()));
      });

      it('join a container', async () => {
        const client = await ChannelClient.connect(url('attach', { input: '1', output: '1' }), 'v5.channel.k8s.io');
        await eventually('it answers', () => {
          client.send('stdin', 'hello\n');
          return client.text('stdout').includes('<hello>');
        });
        client.destroy();
      });

      it('reach a port through a tunnel, and tell of one that nobody listens on', async () => {
        // Without a tunnel of its own the kubelet wants to be told a port; those of the streams are what counts.
        const tunnel = await connectTunnel(forwardUrl(gate ? '' : `?port=${echoPort}`), 'SPDY/3.1+portforward.k8s.io');
        const client = new SpdyClient(tunnel);
        assert.deepEqual(await throughPair(client, echoPort, 'there and back'), { back: 'there and back', error: '' });
        assert.match((await throughPair(client, 7002, '')).error, /connection refused/);
        client.destroy();
      });
    });
  }
});
