import path from 'node:path';
import { AttachmentCache } from '../cni/cache.ts';
import { ConfWatcher } from '../cni/conf-watcher.ts';
import { NetworkMonitor } from '../cni/monitor.ts';
import { CniNetwork } from '../cni/network.ts';
import { PluginRunner } from '../cni/plugin.ts';
import type { Config } from '../config/config.ts';
import type { Readiness } from '../cri/runtime/status.ts';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';

/** How long the start waits for the first look at the plugins, ms. */
const firstCheckMs = 1_000;

/** The Pod network. */
export interface NetworkParts {
  readonly pods: CniNetwork;
  ready(): Readiness;
  /** Takes off the network, in the background, what belongs to none of these sandboxes. */
  cleanUp(sandboxIds: () => Iterable<string>): void;
  stop(): Promise<void>;
}

/** Reads the CNI configuration and begins to watch it. That there is none is no failure: NetworkReady says so. */
export async function buildNetwork(options: {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<NetworkParts> {
  const { config, clock, log } = options;
  const source = new ConfWatcher({ confDir: config.cni.confDir, log, clock });
  await source.start();
  const plugins = new PluginRunner({ binDirs: config.cni.binDirs, log, env: process.env });
  const cache = new AttachmentCache(path.join(config.root, 'cni'), log);
  const monitor = new NetworkMonitor({ conf: source, plugins, log, clock });
  const ending = new AbortController();
  monitor.start();
  // So that the first Status already knows, if the plugins answer as fast as they should.
  await Promise.race([monitor.checkedOnce, clock.sleep(firstCheckMs, ending.signal)]);
  const pods = new CniNetwork({ source, plugins, cache, log, ipPreference: 'cni' });
  return {
    pods,
    ready: () => monitor.status(),
    cleanUp(sandboxIds) {
      pods.gc(sandboxIds, { verb: config.cni.gc, signal: ending.signal }).catch((error: unknown) => {
        if (!ending.signal.aborted) log.warn({ error: messageOf(error) }, 'could not clean up the network after Pods that are gone');
      });
    },
    async stop() {
      ending.abort();
      await monitor.stop();
      await source.stop();
    },
  };
}
