import { throwIfAborted } from '../lib/abort.ts';
import { CodedError, messageOf, wrapError } from '../lib/errors.ts';
import { KeyedLock } from '../lib/keyed-lock.ts';
import type { Log } from '../lib/log.ts';
import { Undo } from '../lib/undo.ts';
import type { SandboxNetworkRequest } from './attachment.ts';
import { bareAttachment, defaultIfName, toAttachment } from './attachment.ts';
import type { AttachmentCache, CachedAttachment } from './cache.ts';
import type { ChainCall } from './chain.ts';
import { addChain, checkChain, delChain, liveNetns } from './chain.ts';
import type { NetworkConf } from './conf.ts';
import { Gate } from './gate.ts';
import type { JsonObject } from './json.ts';
import type { Plugins } from './plugin.ts';
import type { IpPreference, PodIps } from './pod-ips.ts';
import { selectPodIps } from './pod-ips.ts';
import { gcFields, networkRequest } from './request.ts';
import type { CniResult } from './result.ts';
import { isCniVersionAtLeast } from './version.ts';

/** A Pod on the network: its addresses, and the result they come from. */
export interface AddedNetwork extends PodIps {
  readonly network: string;
  readonly result: CniResult;
}

/** A Pod to be taken off the network. */
export interface DelRequest {
  readonly id: string;
  /** Empty when the namespace is gone. */
  readonly netnsPath: string;
  /** As at ADD; only looked at when nothing is cached of it. */
  readonly confDir?: string;
  /** Whether its ADD is known to have succeeded: a DEL that fails is then an error even if nothing is cached of it. */
  readonly wasAdded?: boolean;
}

/** What gives the network to use. */
export interface NetworkSource {
  /** The network of new Pods; `failedPrecondition` saying why when there is none. */
  network(): Promise<NetworkConf>;
  /** The same as last read, or undefined. */
  readonly current: NetworkConf | undefined;
}

export interface CniNetworkParts {
  readonly source: NetworkSource;
  /** Those of handlers with a configuration folder of their own, by folder. */
  readonly handlerSources?: ReadonlyMap<string, NetworkSource>;
  readonly plugins: Plugins;
  readonly cache: AttachmentCache;
  readonly log: Log;
  readonly ipPreference: IpPreference;
}

const gcTimeoutMs = 30_000;

/**
 * Puts Pods on the network by CNI and takes them off. Acts on one sandbox run one after another, on different ones
 * beside each other, and GC alone. ADD of bridge, host-local and portmap takes 20–30 ms (2 cores, 2026-11), of which
 * the plugins' own work is all but 3–4 ms: two process starts, and a result written without a flush.
 */
export class CniNetwork {
  readonly #source: NetworkSource;
  readonly #handlerSources: ReadonlyMap<string, NetworkSource>;
  readonly #plugins: Plugins;
  readonly #cache: AttachmentCache;
  readonly #log: Log;
  readonly #ipPreference: IpPreference;
  readonly #sandboxes = new KeyedLock();
  readonly #gate = new Gate();
  /** The sandboxes this process added and did not delete: GC leaves them alone, whatever it is told. */
  readonly #added = new Set<string>();

  constructor(parts: CniNetworkParts) {
    this.#source = parts.source;
    this.#handlerSources = parts.handlerSources ?? new Map();
    this.#plugins = parts.plugins;
    this.#cache = parts.cache;
    this.#log = parts.log;
    this.#ipPreference = parts.ipPreference;
  }

  /**
   * Puts a sandbox on the network. When that fails, what was done is deleted again before the first error is thrown;
   * what could not be deleted stays cached for `del` and `gc`. `signal` ends the plugins, not the deleting.
   */
  async add(request: SandboxNetworkRequest, signal?: AbortSignal): Promise<AddedNetwork> {
    const attachment = toAttachment(request);
    return this.#serially(request.id, async () => {
      throwIfAborted(signal, `add "${request.id}" to its network`);
      const network = await this.#sourceOf(request).network();
      return this.#add({ ...attachment, network, netnsPath: request.netnsPath }, signal);
    });
  }

  async #add(call: ChainCall, signal: AbortSignal | undefined): Promise<AddedNetwork> {
    const undo = new Undo(this.#log);
    this.#added.add(call.containerId);
    // Flushed to the disk while the first plugin works, which takes longer.
    const begun = this.#cache.begin(call);
    begun.catch(() => {});
    try {
      const onProgress = (partial: JsonObject): Promise<void> => begun.then(() => this.#cache.progress(call, partial));
      const result = await addChain(this.#plugins, call, undo, { signal, onProgress });
      const ips = selectPodIps(result, call.ifName, this.#ipPreference);
      await begun;
      await this.#cache.complete(call, result.raw);
      return { ...ips, result, network: call.network.name };
    } catch (error) {
      this.#added.delete(call.containerId);
      await begun.catch(() => {});
      const failed = await undo.unwind();
      if (failed.length === 0) await this.#forget(call);
      throw wrapError(`add "${call.containerId}" to network "${call.network.name}"`, error);
    }
  }

  /**
   * Takes a sandbox off the network, with the configuration it was added by even if that is no longer there.
   * Deleting again, or what was never added, succeeds. An ADD that never came to its end is deleted as far as
   * possible: what fails then stays for `gc`, and is no reason to keep the Pod.
   */
  async del(request: DelRequest, signal?: AbortSignal): Promise<void> {
    await this.#serially(request.id, async () => {
      const netnsPath = await liveNetns(request.netnsPath);
      const cached = await this.#cache.of(request.id);
      if (cached.length === 0) await this.#delUncached(request, netnsPath, signal);
      for (const attachment of cached) {
        const mustSucceed = attachment.result !== undefined || request.wasAdded === true;
        await this.#leniently(request.id, mustSucceed, signal, () => this.#delCached({ ...attachment, netnsPath }, signal));
      }
      this.#added.delete(request.id);
    });
  }

  async #delCached(attachment: CachedAttachment, signal: AbortSignal | undefined): Promise<void> {
    await delChain(this.#plugins, attachment, attachment.result ?? attachment.partial, this.#log, {
      addIsKnown: true,
      signal,
    });
    await this.#cache.remove(attachment);
  }

  // The cache may have been lost, so the plugins are asked all the same.
  async #delUncached(request: DelRequest, netnsPath: string, signal: AbortSignal | undefined): Promise<void> {
    const network = this.#sourceOf(request).current;
    if (network === undefined) {
      this.#log.debug({ podSandboxId: request.id }, 'no network to delete the sandbox from');
      return;
    }
    const call = { ...bareAttachment(request.id), network, netnsPath };
    await this.#leniently(request.id, request.wasAdded === true, signal, () =>
      delChain(this.#plugins, call, undefined, this.#log, { addIsKnown: false, signal }),
    );
  }

  async #leniently(id: string, mustSucceed: boolean, signal: AbortSignal | undefined, act: () => Promise<void>): Promise<void> {
    try {
      await act();
    } catch (error) {
      if (mustSucceed || signal?.aborted === true) throw wrapError(`delete "${id}" from its network`, error);
      this.#log.warn({ podSandboxId: id, error: messageOf(error) }, 'could not delete a network that was never set up whole');
    }
  }

  /** Asks the plugins whether a sandbox's network is as ADD left it. `failedPrecondition` when it was not added. */
  async check(request: { readonly id: string; readonly netnsPath: string }, signal?: AbortSignal): Promise<void> {
    await this.#serially(request.id, async () => {
      const added = (await this.#cache.of(request.id)).filter((attachment) => attachment.result !== undefined);
      if (added.length === 0) throw new CodedError('failedPrecondition', `sandbox "${request.id}" is on no network`);
      for (const { result, ...call } of added) {
        const { disableCheck, cniVersion } = call.network;
        if (result === undefined || disableCheck || !isCniVersionAtLeast(cniVersion, '0.4.0')) continue;
        await checkChain(this.#plugins, { ...call, netnsPath: request.netnsPath }, result, signal);
      }
    });
  }

  /**
   * Deletes the attachments of sandboxes that are no more and then, with `verb`, lets plugins of 1.1.0 clean up after
   * them. `validIds` is asked when nothing else runs and names every sandbox that is or may be on the network, those in
   * creation included. Goes on after a failure and throws the first when done. Plugins that are asked to clean up take
   * everything else in the network's name for leftovers: not where two runtimes share a network.
   */
  async gc(
    validIds: () => Iterable<string>,
    options: { readonly verb: boolean; readonly signal?: AbortSignal },
  ): Promise<void> {
    const { signal } = options;
    await this.#gate.exclusive(async () => {
      const valid = new Set([...validIds(), ...this.#added]);
      const errors: unknown[] = [];
      for (const attachment of await this.#cache.all()) {
        if (valid.has(attachment.containerId)) continue;
        this.#log.info({ podSandboxId: attachment.containerId, network: attachment.network.name }, 'deleting a stale network attachment');
        const netnsPath = await liveNetns(attachment.netnsPath);
        await this.#delCached({ ...attachment, netnsPath }, signal).catch((error: unknown) => errors.push(error));
      }
      const networks = [this.#source, ...this.#handlerSources.values()].flatMap((source) => source.current ?? []);
      for (const network of options.verb ? networks : []) {
        if (network.disableGc || !isCniVersionAtLeast(network.cniVersion, '1.1.0')) continue;
        await this.#gcPlugins(network, valid, errors, signal);
      }
      if (errors.length > 0) throw wrapError(`clean up networks (${errors.length} failed)`, errors[0]);
    }, signal);
  }

  async #gcPlugins(network: NetworkConf, valid: ReadonlySet<string>, errors: unknown[], signal: AbortSignal | undefined): Promise<void> {
    const cached = (await this.#cache.all()).filter(({ containerId }) => valid.has(containerId));
    const known = new Set(cached.map(({ containerId }) => containerId));
    const others = [...valid].filter((id) => !known.has(id)).map((containerId) => ({ containerId, ifName: defaultIfName }));
    const fields = gcFields([...cached, ...others]);
    for (const { type, ...plugin } of network.plugins) {
      try {
        const file = await this.#plugins.find(type);
        const conf = networkRequest(network, { type, ...plugin }, fields);
        const call = { type, file, verb: 'GC', conf, containerId: '', netnsPath: '', ifName: '', args: [] } as const;
        await this.#plugins.run(call, { signal, timeoutMs: gcTimeoutMs });
      } catch (error) {
        errors.push(error);
      }
    }
  }

  #sourceOf({ confDir = '' }: { readonly confDir?: string }): NetworkSource {
    return this.#handlerSources.get(confDir) ?? this.#source;
  }

  async #forget(call: ChainCall): Promise<void> {
    try {
      await this.#cache.remove(call);
    } catch (error) {
      this.#log.warn({ podSandboxId: call.containerId, error: messageOf(error) }, 'could not forget a network attachment');
    }
  }

  async #serially<T>(id: string, act: () => Promise<T>): Promise<T> {
    return this.#gate.shared(() => this.#sandboxes.run(id, act));
  }
}
