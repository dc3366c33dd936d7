import { existsSync } from 'node:fs';
import path from 'node:path';
import { listNodes, type NodeFacts } from '../../test/support/node/facts.ts';
import { TempCluster } from '../../test/support/temp-cluster.ts';
import { takeDownAll, tellOfSignals } from '../screen/endings.ts';
import { type Screen, seconds } from '../screen/screen.ts';

/** Brings a cluster up and leaves it running; returns the exit code. */
export async function startKept(screen: Screen, runtime: 'podwright' | 'containerd'): Promise<number> {
  const [kept] = await keptClusters();
  if (kept !== undefined) {
    screen.text(`A cluster is running already, in ${kept.root}.\n"make cluster-stop" ends it. To use it:\n\n${instructions(kept)}`);
    return 1;
  }
  tellOfSignals(screen);
  screen.heading(`A cluster of one node on ${runtime === 'podwright' ? 'podwright' : "containerd's own CRI"}`);
  const startedMs = performance.now();
  try {
    const cluster = await TempCluster.start({ criPlugin: runtime === 'containerd', onProgress: (what) => screen.begin(what) });
    screen.done();
    await cluster.keep();
    screen.text(`up after ${seconds(performance.now() - startedMs)}`);
    screen.heading('It goes on running');
    screen.text(`${instructions(cluster.node.facts)}\n\nmake cluster-stop ends it.`);
    return 0;
  } catch (error) {
    screen.text(`\n${screen.paint('red', 'It went wrong:')} ${error instanceof Error ? error.message : String(error)}`);
    return 1;
  }
}

/** Takes down the clusters that were left running; returns the exit code. */
export async function stopKept(screen: Screen): Promise<number> {
  return takeDownAll('cluster', await keptClusters(), screen);
}

/** The clusters that were left running, told from other nodes by the folder of their control plane. */
async function keptClusters(): Promise<NodeFacts[]> {
  return (await listNodes()).filter((facts) => facts.owner === null && existsSync(path.join(facts.root, 'cluster')));
}

/** What to type to use a cluster. */
function instructions({ root, name }: NodeFacts): string {
  return [
    `export PATH=${root}/bin:$PATH`,
    '',
    'kubectl get nodes -o wide',
    `kubectl run web --image=docker.io/podwright/web:1`,
    'kubectl get pods -A -o wide',
    `crictl ps                       # the same, as the runtime of node ${name} sees it`,
    '',
    `logs: ${root}/{cluster,k,p,c}/*.log`,
  ].join('\n');
}
