import path from 'node:path';
import { AttachmentCache } from '../cni/cache.ts';
import { ConfWatcher } from '../cni/conf-watcher.ts';
import { ConfWriter } from '../cni/conf-writer.ts';
import { NetworkMonitor } from '../cni/monitor.ts';
import { CniNetwork } from '../cni/network.ts';
import { PluginRunner } from '../cni/plugin.ts';
import type { IpPreference } from '../cni/pod-ips.ts';
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
  /** See ConfWriter.podCidr. */
  podCidr(text: string): Promise<void>;
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
  const handlerSources = new Map<string, ConfWatcher>();
  for (const { cniConfDir } of Object.values(config.runtimes.handlers)) {
    if (cniConfDir !== '') handlerSources.set(cniConfDir, new ConfWatcher({ confDir: cniConfDir, log, clock }));
  }
  const sources = [source, ...handlerSources.values()];
  await Promise.all(sources.map((one) => one.start()));
  const plugins = new PluginRunner({ binDirs: config.cni.binDirs, log, env: process.env });
  const cache = new AttachmentCache(path.join(config.root, 'cni'), log);
  const monitor = new NetworkMonitor({ conf: source, plugins, log, clock });
  const ending = new AbortController();
  monitor.start();
  // So that the first Status already knows, if the plugins answer as fast as they should.
  await Promise.race([monitor.checkedOnce, clock.sleep(firstCheckMs, ending.signal)]);
  const { confDir, confTemplate: template } = config.cni;
  const writer = new ConfWriter({ source, confDir, template, log });
  // The configuration lets no other word through.
  const ipPreference = config.cni.ipPreference as IpPreference;
  const pods = new CniNetwork({ source, handlerSources, plugins, cache, log, ipPreference });
  return {
    pods,
    ready: () => monitor.status(),
    podCidr: (text) => writer.podCidr(text),
    cleanUp(sandboxIds) {
      pods.gc(sandboxIds, { verb: config.cni.gc, signal: ending.signal }).catch((error: unknown) => {
        if (!ending.signal.aborted) log.warn({ error: messageOf(error) }, 'could not clean up the network after Pods that are gone');
      });
    },
    async stop() {
      ending.abort();
      await monitor.stop();
      await Promise.all(sources.map((one) => one.stop()));
    },
  };
}
