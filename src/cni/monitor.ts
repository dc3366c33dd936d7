import type { Clock } from '../lib/clock.ts';
import type { Deferred } from '../lib/deferred.ts';
import { deferred } from '../lib/deferred.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { NetworkConf } from './conf.ts';
import type { Plugins } from './plugin.ts';
import { networkRequest } from './request.ts';
import { isCniVersionAtLeast } from './version.ts';
import { PluginVersions } from './versions.ts';

/** What the CRI's NetworkReady condition says (RuntimeCondition: status, reason, message). */
export interface NetworkStatus {
  readonly ready: boolean;
  /** One CamelCase word; empty when ready. */
  readonly reason: string;
  readonly message: string;
}

/** What the monitor needs of a ConfWatcher. */
export interface WatchedConf {
  readonly current: NetworkConf | undefined;
  readonly whyNone: string | undefined;
  onChange(listener: () => void): void;
}

export interface NetworkMonitorOptions {
  readonly conf: WatchedConf;
  readonly plugins: Plugins;
  readonly log: Log;
  readonly clock: Clock;
  /** Milliseconds between checks of a network that is ready. */
  readonly readyPollMs?: number;
  /** Milliseconds between checks of one that is not. */
  readonly notReadyPollMs?: number;
  /** Milliseconds a plugin may take to answer a check. */
  readonly timeoutMs?: number;
}

const ready: NetworkStatus = { ready: true, reason: '', message: '' };

/**
 * Finds out in the background whether Pods could be put on the network, so that the Status RPC has its answer at once
 * whatever plugins do: a network is configured, its plugins are there and speak its version (VERSION), and those of
 * 1.1.0 and newer say that they are able (STATUS).
 */
export class NetworkMonitor {
  readonly #conf: WatchedConf;
  readonly #plugins: Plugins;
  readonly #versions: PluginVersions;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #readyPollMs: number;
  readonly #notReadyPollMs: number;
  readonly #timeoutMs: number;
  readonly #stopped = new AbortController();
  readonly #first: Deferred<void> = deferred();
  #changed: Deferred<void> = deferred();
  #checked: NetworkStatus = notReady('the network plugins have not been checked yet');
  #loop: Promise<void> | undefined;

  constructor(options: NetworkMonitorOptions) {
    this.#conf = options.conf;
    this.#plugins = options.plugins;
    this.#versions = new PluginVersions(options.plugins);
    this.#log = options.log;
    this.#clock = options.clock;
    this.#readyPollMs = options.readyPollMs ?? 10_000;
    this.#notReadyPollMs = options.notReadyPollMs ?? 2000;
    this.#timeoutMs = options.timeoutMs ?? 10_000;
  }

  /** What is known now; never waits. */
  status(): NetworkStatus {
    const { whyNone } = this.#conf;
    return whyNone === undefined ? this.#checked : notReady(whyNone);
  }

  /** Resolves when the first check is done: at once where no plugin hangs. */
  get checkedOnce(): Promise<void> {
    return this.#first.promise;
  }

  /** Begins to check; does not wait for the first. */
  start(): void {
    this.#conf.onChange(() => this.#changed.resolve());
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#changed.resolve();
    await this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      this.#changed = deferred();
      this.#note(await this.#check());
      this.#first.resolve();
      const waiting = new AbortController();
      const slept = this.#clock.sleep(this.#checked.ready ? this.#readyPollMs : this.#notReadyPollMs, waiting.signal);
      await Promise.race([this.#changed.promise, slept.catch(() => {})]);
      waiting.abort();
    }
  }

  #note(status: NetworkStatus): void {
    if (this.#stopped.signal.aborted) return;
    if (status.message !== this.#checked.message) {
      if (status.ready) this.#log.info({}, 'the network is ready');
      else this.#log.warn({ error: status.message }, 'the network is not ready');
    }
    this.#checked = status;
  }

  async #check(): Promise<NetworkStatus> {
    const network = this.#conf.current;
    if (network === undefined) return notReady(this.#conf.whyNone ?? 'no network is configured');
    try {
      await Promise.all(network.plugins.map((plugin) => this.#checkVersion(plugin.type, network.cniVersion)));
      await this.#checkStatus(network);
      return ready;
    } catch (error) {
      return notReady(`network "${network.name}": ${messageOf(error)}`);
    }
  }

  async #checkVersion(type: string, cniVersion: string): Promise<void> {
    const versions = await this.#versions.of(type, { signal: this.#stopped.signal, timeoutMs: this.#timeoutMs });
    if (versions.includes(cniVersion)) return;
    throw new CodedError('failedPrecondition', `cni plugin "${type}" speaks ${versions.join(', ')}, but the configuration has cniVersion ${cniVersion}`);
  }

  async #checkStatus(network: NetworkConf): Promise<void> {
    if (!isCniVersionAtLeast(network.cniVersion, '1.1.0')) return;
    for (const plugin of network.plugins) {
      const { type } = plugin;
      const file = await this.#plugins.find(type);
      const call = { type, file, verb: 'STATUS', conf: networkRequest(network, plugin), containerId: '', netnsPath: '', ifName: '', args: [] } as const;
      await this.#plugins.run(call, { signal: this.#stopped.signal, timeoutMs: this.#timeoutMs });
    }
  }
}

// The reason is containerd's, which operators' tools look for.
function notReady(message: string): NetworkStatus {
  return { ready: false, reason: 'NetworkPluginNotReady', message };
}
