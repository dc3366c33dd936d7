import assert from 'node:assert/strict';
import { eventually } from '../support/eventually.ts';
import path from 'node:path';
import { webImage } from '../../hack/images/catalogue.ts';
import { tryRun } from '../support/node/run.ts';
import { TempCluster } from '../support/temp-cluster.ts';
import { shellContainer, stayAlive, untilNothingIsLeft } from './pods.ts';

const mainPath = path.join(import.meta.dirname, '../../dist/main.js');
const labels = { app: 'web' };

const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web' },
  spec: {
    replicas: 2,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [{ name: 'web', image: webImage }] } },
  },
};

const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'web' }, spec: { selector: labels, ports: [{ port: 80, targetPort: 8080 }] } };

const client = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'client' }, spec: { terminationGracePeriodSeconds: 1, containers: [shellContainer('box', stayAlive)] } };

describe('a cluster', () => {
  let cluster: TempCluster;
  before(async () => {
    // What it is told of the driver is wrong here, and it does not matter: it asks podwright.
    cluster = await TempCluster.start({ kubelet: { config: { cgroupDriver: 'systemd' } } });
  });
  // Throws where anything of it is left.
  after(() => cluster?.stop());

  it('has podwright as the runtime of its node', async () => {
    const runtime = await cluster.kubectl('get', 'nodes', '-o', 'jsonpath={.items[*].status.nodeInfo.containerRuntimeVersion}');
    assert.match(runtime, /^podwright:\/\/\d/);
  });

  it('runs a Deployment, whose Service a Pod reaches, and which the node forgets when it is deleted', async () => {
    await cluster.apply(deployment, service, client);
    await cluster.kubectl('wait', '--for=condition=Available', 'deployment/web', '--timeout=60s');
    await cluster.kubectl('wait', '--for=condition=Ready', 'pod/client', '--timeout=60s');
    const address = await cluster.kubectl('get', 'service', 'web', '-o', 'jsonpath={.spec.clusterIP}');
    const page = 'hello from podwright\n';
    // kube-proxy hears of the Service in its own time, and until then nobody answers at its address.
    await eventually('the Service answers', async () => {
      const { stdout } = await cluster.tryKubectl(['exec', 'client', '--', 'timeout', '3', 'wget', '-q', '-O', '-', `http://${address}/`]);
      return stdout === page;
    }, 60_000);
    const pod = await cluster.kubectl('get', 'pods', '--selector=app=web', '-o', 'jsonpath={.items[0].status.podIP}');
    assert.equal(await (await fetch(`http://${pod}:8080/`)).text(), page, 'the Pod is reached from the machine');

    await cluster.kubectl('delete', 'deployment/web', 'service/web', 'pod/client', '--timeout=60s');
    // The kubelet's own collector of ended sandboxes comes once a minute.
    await cluster.node.crictl('rmp', '--all', '--force');
    await untilNothingIsLeft(cluster.node);
  });

  it('has a kubelet that podwright check finds, and takes to task for its cgroup driver', async () => {
    const { configPath, socket } = cluster.node.podwright;
    const { code, stdout } = await tryRun(process.execPath, [mainPath, 'check', '--config', configPath]);
    const { pid } = cluster.node.kubelet;
    assert.equal(code, 1);
    assert.match(stdout, new RegExp(`^fine +the kubelet \\(pid ${pid}\\) asks for its containers at ${socket}$`, 'm'));
    assert.match(stdout, new RegExp(`^wrong +the kubelet \\(pid ${pid}\\) is told the cgroup driver systemd \\(cgroupDriver in .*config.json\\)`, 'm'));
  });

  it('lets a kubelet do no more than the Node authorizer allows', async () => {
    const { name } = cluster.node.facts;
    const mayIt = async (...what: string[]): Promise<string> =>
      (await cluster.tryKubectl(['auth', 'can-i', ...what, `--as=system:node:${name}`, '--as-group=system:nodes'])).stdout.trim();
    assert.equal(await mayIt('get', `nodes/${name}`), 'yes');
    assert.equal(await mayIt('delete', 'deployments'), 'no');
  });
});
