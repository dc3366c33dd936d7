import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { eventually } from '../../support/eventually.ts';
import { TempCluster } from '../../support/temp-cluster.ts';
import { untilNothingIsLeft } from '../pods.ts';

/** The cluster that all files of this folder run in, one after the other: it is made for the first that asks. */
export class SharedCluster {
  #starting: Promise<TempCluster> | undefined;

  get(): Promise<TempCluster> {
    this.#starting ??= TempCluster.start({
      // The first is the stop signal of a Pod's own; with the second a crashed container is back within a second or two.
      featureGates: { ContainerStopSignals: true, ReduceDefaultCrashLoopBackOffDecay: true },
      // As small as a test of rotation wants them.
      kubelet: { config: { containerLogMaxSize: '16Ki', containerLogMaxFiles: 3, containerLogMonitorInterval: '3s' } },
    });
    return this.#starting;
  }

  /** Ends it, where there is one; throws where Pods left anything behind or podwright logged an error. */
  async end(): Promise<void> {
    if (this.#starting === undefined) return;
    const cluster = await this.#starting;
    try {
      let pods: readonly unknown[] = [];
      await eventually(
        () => `all Pods are deleted; still there: ${JSON.stringify(pods)}`,
        async () => {
          pods = (await cluster.get<{ items: readonly unknown[] }>('/api/v1/pods')).items;
          return pods.length === 0;
        },
        120_000,
      );
      // The kubelet's own collector of ended sandboxes comes once a minute.
      await cluster.node.crictl('rmp', '--all', '--force');
      await untilNothingIsLeft(cluster.node);
      // pino's level 50.
      const log = await readFile(cluster.node.podwright.logPath, 'utf8');
      assert.deepEqual(log.split('\n').filter((line) => line.includes('"level":50')), []);
    } finally {
      await cluster.stop();
    }
  }
}
