import { watch } from 'node:fs';
import type { FSWatcher } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { Clock } from '../lib/clock.ts';
import type { Deferred } from '../lib/deferred.ts';
import { deferred } from '../lib/deferred.ts';
import { CodedError } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { NetworkConf } from './conf.ts';
import type { LoadedConf } from './conf-dir.ts';
import { describeNoNetwork, loadConfDir } from './conf-dir.ts';
import type { NetworkSource } from './network.ts';

export interface ConfWatcherOptions {
  readonly confDir: string;
  readonly log: Log;
  readonly clock: Clock;
  /** Milliseconds between looks without an event: finds a folder that came back, and changes below it. */
  readonly pollMs?: number;
  /** Milliseconds to wait after an event for the rest of a file being written. */
  readonly settleMs?: number;
}

/**
 * Holds the network of a configuration folder and keeps up with it: by inotify while the folder is there, by looking
 * every few seconds in any case, since a folder may not exist yet, or be deleted and made again (inotify then watches
 * the dead one).
 */
export class ConfWatcher implements NetworkSource {
  readonly #confDir: string;
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #settleMs: number;
  readonly #stopped = new AbortController();
  readonly #listeners: (() => void)[] = [];
  #loaded: LoadedConf = { network: undefined, file: undefined, problems: [] };
  #fingerprint = '';
  #event: Deferred<void> = deferred();
  #watcher: { readonly folder: string; readonly stop: () => void } | undefined;
  #loop: Promise<void> | undefined;

  constructor(options: ConfWatcherOptions) {
    this.#confDir = options.confDir;
    this.#log = options.log;
    this.#clock = options.clock;
    this.#pollMs = options.pollMs ?? 10_000;
    this.#settleMs = options.settleMs ?? 50;
  }

  get current(): NetworkConf | undefined {
    return this.#loaded.network;
  }

  /** Why there is no network, in one sentence; undefined when there is one. */
  get whyNone(): string | undefined {
    return this.#loaded.network === undefined ? describeNoNetwork(this.#confDir, this.#loaded.problems) : undefined;
  }

  async network(): Promise<NetworkConf> {
    // It may have been written a moment ago, and the next look be still to come.
    if (this.#loaded.network === undefined) await this.refresh();
    const { network } = this.#loaded;
    if (network === undefined) throw new CodedError('failedPrecondition', describeNoNetwork(this.#confDir, this.#loaded.problems));
    return network;
  }

  /** Calls `listener` after every change of the network. */
  onChange(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** Reads the folder once and begins to watch it. */
  async start(): Promise<void> {
    await this.#arm();
    await this.refresh();
    this.#loop ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#event.resolve();
    await this.#loop;
    this.#watcher?.stop();
    this.#watcher = undefined;
  }

  /** Reads the folder now. */
  async refresh(): Promise<void> {
    const loaded = await loadConfDir(this.#confDir);
    const fingerprint = JSON.stringify(loaded);
    if (fingerprint === this.#fingerprint) return;
    this.#fingerprint = fingerprint;
    this.#loaded = loaded;
    this.#report(loaded);
    for (const listener of this.#listeners) listener();
  }

  async #run(): Promise<void> {
    while (await this.#nextLook()) {
      await this.#arm();
      await this.refresh();
    }
  }

  /** Waits for an event or the time of the next look; false when stopped. */
  async #nextLook(): Promise<boolean> {
    const waiting = new AbortController();
    const slept = this.#clock.sleep(this.#pollMs, waiting.signal).catch(() => {});
    try {
      await Promise.race([this.#event.promise, slept]);
      if (this.#stopped.signal.aborted) return false;
      await this.#clock.sleep(this.#settleMs, this.#stopped.signal);
    } catch {
      return false;
    } finally {
      waiting.abort();
    }
    this.#event = deferred();
    return !this.#stopped.signal.aborted;
  }

  /** Watches the folder that has the name now. */
  async #arm(): Promise<void> {
    const found = await stat(this.#confDir, { bigint: true }).catch(() => undefined);
    // A folder made anew often gets the inode of the old one.
    const folder = found === undefined ? '' : `${found.dev}:${found.ino}:${found.birthtimeNs}`;
    if (folder !== '' && folder === this.#watcher?.folder) return;
    this.#watcher?.stop();
    this.#watcher = undefined;
    if (found?.isDirectory() !== true || this.#stopped.signal.aborted) return;
    try {
      const watcher: FSWatcher = watch(this.#confDir, { persistent: false }, () => this.#event.resolve());
      // Without inotify (its watches may be used up) the looks in between have to do.
      watcher.on('error', () => this.#event.resolve());
      this.#watcher = { folder, stop: () => watcher.close() };
    } catch (error) {
      this.#log.debug({ confDir: this.#confDir, error: String(error) }, 'cannot watch the network configuration; looking now and then');
    }
  }

  #report(loaded: LoadedConf): void {
    for (const { file, message } of loaded.problems) this.#log.warn({ file, error: message }, 'a network configuration is not valid');
    if (loaded.network === undefined) this.#log.warn({ confDir: this.#confDir }, 'no network is configured');
    else this.#log.info({ network: loaded.network.name, file: loaded.file }, 'network configuration loaded');
  }
}
