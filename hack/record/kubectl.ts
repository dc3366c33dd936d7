import { answering, podOf, shellContainer } from '../../test/e2e/pods.ts';
import { TempCluster } from '../../test/support/temp-cluster.ts';
import { type Record, recordClient, transports } from './client.ts';

/**
 * Records what comes to podwright of kubectl, by way of an API server and the kubelet, over both transports. `env` is
 * podwright's environment, in which the tap is.
 */
export async function recordKubectl(record: Record, env: Readonly<{ [name: string]: string }>, port: number): Promise<void> {
  const cluster = await TempCluster.start({ podwright: { env } });
  try {
    const pod = podOf('recorded', { main: [shellContainer('shell', answering(port), { stdin: true })] });
    await cluster.apply({ apiVersion: 'v1', kind: 'Pod', ...pod });
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/recorded', '--timeout=60s');
    const client = {
      name: 'kubectl',
      exec: () => cluster.spawnKubectl('exec', '-i', 'recorded', '--', 'cat'),
      attach: () => cluster.spawnKubectl('attach', '-i', 'recorded'),
      portForward: () => cluster.spawnKubectl('port-forward', 'pod/recorded', `:${port}`),
    };
    for (const transport of transports) {
      const webSockets = String(transport === 'websocket');
      process.env['KUBECTL_REMOTE_COMMAND_WEBSOCKETS'] = webSockets;
      process.env['KUBECTL_PORT_FORWARD_WEBSOCKETS'] = webSockets;
      await recordClient(record, client, transport);
    }
  } finally {
    await cluster.stop();
  }
}
