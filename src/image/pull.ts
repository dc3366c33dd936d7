import { randomUUID } from 'node:crypto';
import { abortError, throwIfAborted } from '../lib/abort.ts';
import { CodedError, isKind, messageOf } from '../lib/errors.ts';
import { PULLING_PREFIX } from './image-store.ts';
import { pullError } from './pull-error.ts';
import { PullProgress, stalledMs } from './pull-progress.ts';
import { parseReference, registryHost, tryParseReference } from './reference.ts';
import { anonymousAuth } from './registry-auth.ts';
import { registryEndpoints } from './registry-hosts.ts';
import { SharedWork } from './shared-work.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Image } from './image.ts';
import type { ImageStore } from './image-store.ts';
import type { ImageRecords, Leases, Platform, Snapshots, Transfer } from './ports.ts';
import type { Reference } from './reference.ts';
import type { RegistryAuth } from './registry-auth.ts';

/** What pulls are made with. */
export interface ImagePullerOptions {
  readonly records: ImageRecords;
  readonly leases: Leases;
  readonly transfer: Transfer;
  readonly snapshots: Pick<Snapshots, 'stat'>;
  readonly store: ImageStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly platform: Platform;
  readonly snapshotter: string;
  /** The folder of hosts.toml files, as containerd reads them. */
  readonly hostsDir?: string;
  /** References that are pinned whenever they are pulled, such as the sandbox image. */
  readonly pinned?: readonly string[];
  /** How long a registry may keep a pull waiting without a byte; 0 for ever. 5 minutes unless it is said. */
  readonly noProgressTimeoutMs?: number;
}

export interface PullRequest {
  readonly reference: string;
  readonly auth?: RegistryAuth;
  readonly signal?: AbortSignal;
  readonly log?: Log;
}

const NO_PROGRESS_TIMEOUT_MS = 5 * 60_000;
const REPORT_INTERVAL_MS = 10_000;
// The record that a pull leaves when podwright dies in it; containerd's collector takes it after this.
const PULLING_EXPIRE_MS = 24 * 60 * 60_000;

/** Pulls images through containerd's Transfer service. */
export class ImagePuller {
  readonly #options: ImagePullerOptions;
  readonly #noProgressTimeoutMs: number;
  readonly #pinned: ReadonlySet<string>;
  readonly #shared = new SharedWork<Image>();
  readonly #running = new Set<PullProgress>();

  constructor(options: ImagePullerOptions) {
    this.#options = options;
    this.#noProgressTimeoutMs = options.noProgressTimeoutMs ?? NO_PROGRESS_TIMEOUT_MS;
    this.#pinned = new Set((options.pinned ?? []).flatMap((text) => tryParseReference(text)?.name ?? []));
  }

  /**
   * Pulls and unpacks an image, asking the registry anew where its tag points, and answers when the image can be
   * used and found. Pulls of one reference with equal credentials are one pull. Fails with notFound, unavailable,
   * unauthenticated, permissionDenied and, when `signal` aborts, deadlineExceeded or canceled; then no name is left.
   */
  async pull({ reference: text, auth = anonymousAuth, signal, log = this.#options.log }: PullRequest): Promise<Image> {
    const reference = parseReference(text);
    const what = `pull image "${reference.name}" from ${registryHost(reference.domain)}`;
    throwIfAborted(signal, what);
    const key = `${reference.name} ${auth.fingerprint}`;
    return this.#shared.join(key, what, signal, (shared) => this.#pull(reference, auth, shared, log));
  }

  /**
   * The image that `text` means, pinned, and pulled without credentials only when it is not there: a registry that
   * is down is no trouble for an image that is present.
   */
  async ensure(text: string, signal?: AbortSignal): Promise<Image> {
    const { store, log } = this.#options;
    const image = store.find(text) ?? (await this.pull({ reference: text, ...(signal && { signal }) }));
    const reference = tryParseReference(text);
    if (image.pinned || reference === undefined) return image;
    try {
      return await store.pin(image, reference);
    } catch (error) {
      log.warn({ image: text, error: messageOf(error) }, 'could not pin an image, the kubelet may remove it');
      return image;
    }
  }

  /** Removes what pulls of an earlier life left half done; before the first pull. */
  async sweep(): Promise<void> {
    const { records, log } = this.#options;
    for (const { name } of await records.list([])) {
      if (!name.startsWith(PULLING_PREFIX)) continue;
      await this.#dropRecord(name);
      log.info({ image: name }, 'removed what an interrupted pull left');
    }
  }

  async #pull(reference: Reference, auth: RegistryAuth, signal: AbortSignal, log: Log): Promise<Image> {
    const { leases, clock, hostsDir } = this.#options;
    const startMs = this.#nowMs();
    const progress = new PullProgress(startMs);
    const ended = new AbortController();
    const stalled = new AbortController();
    this.#running.add(progress);
    try {
      const endpoints = await registryEndpoints(hostsDir, reference.domain);
      void this.#watch(reference, progress, log, ended.signal, stalled);
      const either = AbortSignal.any([signal, stalled.signal]);
      const image = await leases.withLease({ 'podwright.io/pull': 'true' }, (lease) =>
        this.#pullUnder(lease, reference, auth, endpoints, progress, either, log),
      );
      const durationMs = Number(clock.nowNs() / 1_000_000n) - startMs;
      log.info({ image: reference.name, imageId: image.id, bytes: Number(progress.bytes), durationMs }, 'pulled image');
      return image;
    } catch (error) {
      const cause = stalled.signal.aborted ? stalled.signal.reason : signal.aborted ? abortError(signal, 'stopped') : error;
      throw pullError(reference.name, registryHost(reference.domain), cause, (text) => auth.redact(text));
    } finally {
      this.#running.delete(progress);
      ended.abort();
    }
  }

  /**
   * The transfer writes its record under a name of its own, and the image gets its names when all is known to be
   * good: a pull that is cancelled, or finds nothing for this platform, never moves or leaves a tag.
   */
  async #pullUnder(
    lease: string,
    reference: Reference,
    auth: RegistryAuth,
    endpoints: ReadonlySet<string>,
    progress: PullProgress,
    signal: AbortSignal,
    log: Log,
  ): Promise<Image> {
    const { transfer, records, store, platform, snapshotter, hostsDir } = this.#options;
    const imageName = `${PULLING_PREFIX}${randomUUID()}`;
    const bearer = this.#bearerHeader(reference, auth, endpoints, log);
    try {
      await transfer.pull({
        reference: reference.name,
        imageName,
        imageLabels: { 'containerd.io/gc.expire': new Date(this.#nowMs() + PULLING_EXPIRE_MS).toISOString() },
        platform,
        snapshotter,
        ...(hostsDir !== undefined && hostsDir !== '' && { hostsDir }),
        ...(bearer !== undefined && { headers: { Authorization: bearer } }),
        credentials: async (host) => auth.forHost(host, endpoints),
        onProgress: (line) => progress.observe(line, this.#nowMs()),
        signal,
        lease,
      });
      const { target } = await records.get(imageName, { signal, lease });
      const { chainId } = await store.details(target, { signal, lease });
      await this.#checkUnpacked(chainId, signal);
      throwIfAborted(signal, 'name the image');
      // From here on the image is whole, so it gets its names even when nobody waits any more.
      return await store.add(reference, target, this.#pinned.has(reference.name), { lease });
    } finally {
      await this.#dropRecord(imageName);
    }
  }

  /** containerd leaves a snapshotter that its transfer plugin doesn't know out without a word. */
  async #checkUnpacked(chainId: string, signal: AbortSignal): Promise<void> {
    const { snapshots, snapshotter } = this.#options;
    if (chainId === '') return;
    try {
      await snapshots.stat(chainId, { signal });
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error;
      const hint = 'containerd needs an unpack_config for it in [plugins."io.containerd.transfer.v1.local"]';
      throw new CodedError('failedPrecondition', `it was not unpacked for snapshotter "${snapshotter}": ${hint}`);
    }
  }

  #bearerHeader(reference: Reference, auth: RegistryAuth, endpoints: ReadonlySet<string>, log: Log): string | undefined {
    const header = auth.bearerHeader(endpoints);
    if (header === undefined && auth.isBearer) {
      const hosts = [...endpoints].join(', ');
      log.warn({ image: reference.name, hosts }, 'registry token not used: it is not meant for every host of this image');
    }
    return header;
  }

  /** Reports on a pull every 10 s, and aborts `stalled` when it stands still for too long. */
  async #watch(
    reference: Reference,
    progress: PullProgress,
    log: Log,
    ended: AbortSignal,
    stalled: AbortController,
  ): Promise<void> {
    const timeoutMs = this.#noProgressTimeoutMs;
    const intervalMs = timeoutMs > 0 ? Math.min(REPORT_INTERVAL_MS, timeoutMs / 2) : REPORT_INTERVAL_MS;
    while (!ended.aborted) {
      try {
        await this.#options.clock.sleep(intervalMs, ended);
      } catch {
        return;
      }
      const stoodMs = stalledMs(progress, this.#nowMs(), this.#othersMoveMs(progress));
      const fields = { image: reference.name, bytes: Number(progress.bytes), open: progress.open, stoodMs };
      log.debug(fields, 'pulling image');
      if (timeoutMs > 0 && stoodMs > timeoutMs) {
        const seconds = Math.round(timeoutMs / 1000);
        stalled.abort(new CodedError('unavailable', `nothing came from the registry for ${seconds} s`));
        return;
      }
    }
  }

  #othersMoveMs(progress: PullProgress): number {
    let latest = 0;
    for (const other of this.#running) if (other !== progress) latest = Math.max(latest, other.lastMoveMs);
    return latest;
  }

  async #dropRecord(name: string): Promise<void> {
    try {
      await this.#options.records.delete(name);
    } catch (error) {
      if (isKind(error, 'notFound')) return;
      this.#options.log.warn({ image: name, error: messageOf(error) }, 'could not remove the record of a pull, it expires');
    }
  }

  #nowMs(): number {
    return Number(this.#options.clock.nowNs() / 1_000_000n);
  }
}
