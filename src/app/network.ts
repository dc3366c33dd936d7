import path from 'node:path';
import { AttachmentCache } from '../cni/cache.ts';
import { ConfWatcher } from '../cni/conf-watcher.ts';
import { CniNetwork } from '../cni/network.ts';
import { PluginRunner } from '../cni/plugin.ts';
import type { Config } from '../config/config.ts';
import type { Readiness } from '../cri/runtime/status.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';

/** The Pod network. */
export interface NetworkParts {
  readonly pods: CniNetwork;
  ready(): Readiness;
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
  const pods = new CniNetwork({ source, plugins, cache, log, ipPreference: 'cni' });
  return {
    pods,
    ready() {
      const why = source.whyNone;
      return why === undefined
        ? { ready: true, reason: '', message: '' }
        : { ready: false, reason: 'NetworkPluginNotReady', message: why };
    },
    stop: () => source.stop(),
  };
}
