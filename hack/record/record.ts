// record.ts [--only=kubectl]: records anew what crictl, kubectl and a kubelet send to podwright's streaming server, into
// test/fixtures/streams, for test/unit/streaming/recorded.test.ts to replay. Needs root and what a test cluster needs.
import { ChildProcess } from 'node:child_process';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { answering, podOf, shellContainer, untilReady } from '../../test/e2e/pods.ts';
import { ChannelClient } from '../../test/support/channel-client.ts';
import { freePort } from '../../test/support/node/kubelet.ts';
import { SpdyClient } from '../../test/support/spdy-client.ts';
import { TempNode } from '../../test/support/temp-node.ts';
import { type Record, recordClient, transports } from './client.ts';
import { recordKubectl } from './kubectl.ts';

const folder = path.join(import.meta.dirname, '../../test/fixtures/streams');
const onlyKubectl = process.argv.includes('--only=kubectl');
if (!onlyKubectl) await rm(folder, { recursive: true, force: true });
await mkdir(folder, { recursive: true });

const port = 7000;
const env = { NODE_OPTIONS: `--import=${path.join(import.meta.dirname, 'tap.mjs')}`, RECORD_FOLDER: folder, RECORD_PORT: String(await freePort()) };
const record: Record = async (name, act) => {
  await writeFile(path.join(folder, 'name'), name);
  const client = await act();
  if (client instanceof ChildProcess) {
    const file = path.join(folder, `${name}.bin`);
    const bytes = await readFile(file);
    client.kill();
    await sleep(500);
    await writeFile(file, bytes);
  }
  console.error(`recorded ${name}`);
};

if (!onlyKubectl) await recordNode();
await recordKubectl(record, env, port);
await rm(path.join(folder, 'name'));

async function recordNode(): Promise<void> {
  const node = await TempNode.start({ podwright: { env }, kubelet: true });
  try {
    await node.kubelet.runPod(podOf('recorded', { main: [shellContainer('shell', answering(port), { stdin: true })] }));
    const pod = await untilReady(node, 'recorded');
    const [container = ''] = (await node.crictl('ps', '--quiet')).trim().split('\n');
    const [sandbox = ''] = (await node.crictl('pods', '--quiet')).trim().split('\n');
    for (const transport of transports) {
      const flags = ['-r', transport];
      const client = {
        name: 'crictl',
        exec: () => node.spawnCrictl('exec', ...flags, '-i', container, 'cat'),
        attach: () => node.spawnCrictl('attach', ...flags, '-i', container),
        portForward: () => node.spawnCrictl('port-forward', ...flags, sandbox, `:${port}`),
      };
      await recordClient(record, client, transport);
    }
    const url = `${node.kubelet.url}/exec/default/${pod.metadata.name}/shell?input=1&output=1&error=1&command=cat`;
    await record('kubelet-exec-spdy', async () => {
      const client = await SpdyClient.connect(url);
      const { stdin, stdout } = await client.openAll('error', 'stdin', 'stdout', 'stderr');
      stdin.end('what a client of the kubelet sends\n');
      await stdout.whole();
      client.destroy();
    });
    await record('kubelet-exec-translated', () => throughKubelet(url));
    await node.kubelet.kill();
    await node.startKubelet({ config: { featureGates: { ExtendWebSocketsToKubelet: false } } });
    await untilReady(node, 'recorded');
    await record('kubelet-exec-websocket', () => throughKubelet(url.replace(/^https:\/\/[^/]*/, node.kubelet.url)));
  } finally {
    await node.stop();
  }
}

async function throughKubelet(url: string): Promise<void> {
  const client = await ChannelClient.connect(url, 'v5.channel.k8s.io');
  client.send('stdin', 'what a client of the kubelet sends\n');
  client.end('stdin');
  await client.closed;
}
