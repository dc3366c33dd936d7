import { setTimeout as sleep } from 'node:timers/promises';
import { podOf, shellContainer } from '../../test/e2e/pods.ts';
import { converse, Said } from '../../test/support/child-streams.ts';
import { TempCluster } from '../../test/support/temp-cluster.ts';

/**
 * What is said of each recording: its name, and what has to be done for it. A client that it gives is killed, and its end
 * is not recorded: a stream that is reset may lose what came before.
 */
export type Record = (name: string, act: () => Promise<unknown>) => Promise<void>;

/** A script of a container that kubectl attaches to, with a port that answers. */
export const scriptWithPort = (port: number): string =>
  `nc -ll -p ${port} -e cat & while read x; do echo "<$x>"; done; while :; do sleep 1 & wait $!; done`;

/**
 * Records what comes to podwright of kubectl, by way of an API server and the kubelet, over both transports. `env` is
 * podwright's environment, in which the tap is.
 */
export async function recordKubectl(record: Record, env: Readonly<{ [name: string]: string }>, port: number): Promise<void> {
  const cluster = await TempCluster.start({ podwright: { env } });
  try {
    const pod = podOf('recorded', { main: [shellContainer('shell', scriptWithPort(port), { stdin: true })] });
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', ...pod });
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/recorded', '--timeout=60s');
    for (const transport of ['spdy', 'websocket']) {
      const webSockets = String(transport === 'websocket');
      process.env['KUBECTL_REMOTE_COMMAND_WEBSOCKETS'] = webSockets;
      process.env['KUBECTL_PORT_FORWARD_WEBSOCKETS'] = webSockets;
      await record(`kubectl-exec-${transport}`, () =>
        converse(cluster.spawnKubectl('exec', '-i', 'recorded', '--', 'cat'), Buffer.from('what kubectl sends\n')),
      );
      await record(`kubectl-attach-${transport}`, async () => {
        const child = cluster.spawnKubectl('attach', '-i', 'recorded');
        child.stdin.write('what kubectl sends\n');
        await new Said(child).until(/</);
        return child;
      });
      await record(`kubectl-portforward-${transport}`, async () => {
        const child = cluster.spawnKubectl('port-forward', 'pod/recorded', `:${port}`);
        const text = await new Said(child).until(/127\.0\.0\.1:(\d+) ->/);
        const local = /127\.0\.0\.1:(\d+) ->/.exec(text)?.[1];
        const answer = await fetch(`http://127.0.0.1:${local}/what-kubectl-sends`, { signal: AbortSignal.timeout(3000) }).catch(() => undefined);
        await answer?.text().catch(() => '');
        child.kill();
        await sleep(500);
      });
    }
  } finally {
    await cluster.stop();
  }
}
