import type { Containerd } from '../containerd/client.ts';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { hasApparmorFile, loadApparmorProfiles, readApparmorLabel, readApparmorProfiles } from '../linux/apparmor.ts';
import { apparmorAbi, defaultProfileText } from '../spec/apparmor-default.ts';
import { defaultApparmorProfile, parseApparmorLabel, parseApparmorProfiles } from '../spec/apparmor.ts';

/** How long a load that failed is not tried again, however many containers are created, ns. */
const pauseNs = 60_000_000_000n;

/** AppArmor of the node; `linux/apparmor.ts` is the real one. */
export interface ApparmorHost {
  /** The names of the profiles that are loaded. */
  loaded(): Promise<readonly string[]>;
  /** The labels of podwright and containerd. */
  daemons(): Promise<readonly string[]>;
  hasFile(name: string): Promise<boolean>;
  load(text: string, signal: AbortSignal): Promise<void>;
}

/**
 * Sees to it that podwright's default profile is loaded. It is loaded anew at each start, so that a newer podwright's
 * holds, and again when it is missed: `aa-remove-unknown`, and AppArmor's restart on some distributions, remove
 * profiles that are not in /etc/apparmor.d.
 */
export class DefaultApparmor {
  readonly #host: ApparmorHost;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stopped = new AbortController();
  #loading: Promise<void> | undefined;
  #lastFault = '';
  #notBeforeNs = 0n;

  constructor(host: ApparmorHost, clock: Clock, log: Log) {
    this.#host = host;
    this.#clock = clock;
    this.#log = log;
  }

  /** Loads the profile; nobody waits for it but the containers that are created meanwhile and find none. */
  start(): void {
    void this.#load();
  }

  /** The names of all profiles that are loaded, podwright's among them wherever it can be loaded. */
  async profiles(): Promise<readonly string[]> {
    const names = await this.#host.loaded();
    if (names.includes(defaultApparmorProfile)) return names;
    await this.#load();
    return await this.#host.loaded();
  }

  /** Ends a parser that still runs. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loading;
  }

  /** One load at a time, and a while after one that failed none; it never rejects. */
  async #load(): Promise<void> {
    if (this.#loading === undefined && this.#clock.nowNs() < this.#notBeforeNs) return;
    this.#loading ??= this.#loadOnce().finally(() => (this.#loading = undefined));
    await this.#loading;
  }

  async #loadOnce(): Promise<void> {
    try {
      const [daemons, hasAbi] = await Promise.all([this.#host.daemons(), this.#host.hasFile(apparmorAbi)]);
      await this.#host.load(defaultProfileText({ daemons, hasAbi }), this.#stopped.signal);
      this.#lastFault = '';
      this.#log.info({ profile: defaultApparmorProfile }, 'loaded the default AppArmor profile');
    } catch (error) {
      this.#notBeforeNs = this.#clock.nowNs() + pauseNs;
      this.#tell(messageOf(error));
    }
  }

  #tell(error: string): void {
    if (error === this.#lastFault || this.#stopped.signal.aborted) return;
    this.#lastFault = error;
    this.#log.warn({ profile: defaultApparmorProfile, error }, 'the default AppArmor profile could not be loaded');
  }
}

/** AppArmor as it really is on this node. */
export function apparmorHost(containerd: Containerd): ApparmorHost {
  return {
    loaded: async () => parseApparmorProfiles(await readApparmorProfiles()),
    async daemons() {
      const containerdPid = await containerd.introspection.server().then(({ pid }) => [pid], () => []);
      const texts = await Promise.all((['self', ...containerdPid] as const).map((pid) => readApparmorLabel(pid)));
      return texts.filter((text) => text !== undefined).map((text) => parseApparmorLabel(text)).filter((label) => label !== '');
    },
    hasFile: hasApparmorFile,
    load: loadApparmorProfiles,
  };
}
