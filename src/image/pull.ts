import { randomUUID } from 'node:crypto';
import { abortError, followSignal, throwIfAborted } from '../lib/abort.ts';
import { allSettledOrThrow } from '../lib/all-settled.ts';
import { deferred } from '../lib/deferred.ts';
import { Permits } from '../lib/permits.ts';
import { isKind, messageOf } from '../lib/errors.ts';
import { PULLING_PREFIX } from './image-store.ts';
import { Pins } from './pins.ts';
import { isNotUnpacked, pullError, RegistryStalled } from './pull-error.ts';
import { PullProgress, stalledMs } from './pull-progress.ts';
import { parseReference, registryHost, tryParseReference } from './reference.ts';
import { anonymousAuth } from './registry-auth.ts';
import { registryEndpoints } from './registry-hosts.ts';
import { SharedWork } from './shared-work.ts';
import { UnpackAhead } from './unpack-ahead.ts';
import type { Clock } from '../lib/clock.ts';
import type { Log } from '../lib/log.ts';
import type { Image } from './image.ts';
import type { ImageStore } from './image-store.ts';
import type { ContentStore, Descriptor, ImageRecords, Leases, Platform, Transfer, TransferPullOptions } from './ports.ts';
import type { Reference } from './reference.ts';
import type { RegistryAuth } from './registry-auth.ts';
import type { PackedImage, Unpacker } from './unpack.ts';

/** What pulls are made with. */
export interface ImagePullerOptions {
  readonly records: ImageRecords;
  readonly content: Pick<ContentStore, 'read'>;
  readonly leases: Leases;
  readonly transfer: Transfer;
  readonly unpacker: Pick<Unpacker, 'isParallel' | 'isUnpacked' | 'unpack' | 'unpackArriving'>;
  readonly store: ImageStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly platform: Platform;
  /** The snapshotter of a pull that names none. */
  readonly snapshotter: string;
  /** The folder of hosts.toml files, as containerd reads them. */
  readonly hostsDir?: string;
  /** What is pinned whenever it is pulled. */
  readonly pins?: Pins;
  /** How many pulls run at the same time, the others waiting for them; 0, as when it is left out, for any number. */
  readonly maxConcurrent?: number;
  /** How long a registry may keep a pull waiting without a byte; 0 for ever. 5 minutes unless it is said. */
  readonly noProgressTimeoutMs?: number;
}

export interface PullRequest {
  readonly reference: string;
  readonly auth?: RegistryAuth;
  /** Which snapshotter the image is unpacked for. */
  readonly snapshotter?: string;
  readonly signal?: AbortSignal;
  readonly log?: Log;
}

/** What a puller does and has done; pulls that are shared count once. */
export interface PullActivity {
  readonly running: number;
  readonly succeeded: number;
  readonly failed: number;
  /** From registries, those of pulls under way included. */
  readonly bytes: number;
  /** Downloads that are known and not done. */
  readonly openBlobs: number;
  /** How long the slowest has waited for a byte. */
  readonly stalledMs: number;
}

/** One pull, whoever shares it. */
interface PullJob {
  readonly reference: Reference;
  readonly auth: RegistryAuth;
  readonly snapshotter: string;
  readonly signal: AbortSignal;
  readonly log: Log;
}

/** One that has begun. */
interface LeasedJob extends PullJob {
  /** Holds on to all of it. */
  readonly lease: string;
  /** Whether podwright unpacks it, layers side by side, as they come in. */
  readonly isAhead: boolean;
}

const NO_PROGRESS_TIMEOUT_MS = 5 * 60_000;
const REPORT_INTERVAL_MS = 10_000;
// The record that a pull leaves when podwright dies in it; containerd's collector takes it after this.
const PULLING_EXPIRE_MS = 24 * 60 * 60_000;

/** Pulls images through containerd's Transfer service. */
export class ImagePuller {
  readonly #options: ImagePullerOptions;
  readonly #noProgressTimeoutMs: number;
  readonly #pins: Pins;
  readonly #permits: Permits;
  readonly #shared = new SharedWork<Image>();
  readonly #running = new Set<PullProgress>();
  readonly #unpacking = new Set<UnpackAhead>();
  /** Records of pulls that have ended, which could not be removed. */
  readonly #owed = new Set<string>();
  /** Pulls that are answered, as long as they have a record of their own. */
  readonly #puttingAway = new Set<Promise<unknown>>();
  readonly #ended = { succeeded: 0, failed: 0, bytes: 0 };
  /** Snapshotters that containerd's transfer plugin has been found not to unpack for. */
  readonly #notUnpacked = new Set<string>();

  constructor(options: ImagePullerOptions) {
    this.#options = options;
    this.#noProgressTimeoutMs = options.noProgressTimeoutMs ?? NO_PROGRESS_TIMEOUT_MS;
    this.#pins = options.pins ?? new Pins([]);
    this.#permits = new Permits(options.maxConcurrent ?? 0);
  }

  /** What is being pulled, and has been since the start. */
  get activity(): PullActivity {
    const nowMs = this.#nowMs();
    const running = [...this.#running];
    return {
      ...this.#ended,
      running: running.length,
      bytes: running.reduce((sum, { bytes }) => sum + Number(bytes), this.#ended.bytes),
      openBlobs: running.reduce((sum, { open }) => sum + open, 0),
      stalledMs: Math.max(0, ...running.map((progress) => stalledMs(progress, nowMs, this.#othersMoveMs(progress)))),
    };
  }

  /**
   * Pulls and unpacks an image, asking the registry anew where its tag points, and answers when the image can be
   * used and found. Pulls of one reference with equal credentials for one snapshotter are one pull. Fails with notFound, unavailable,
   * unauthenticated, permissionDenied and, when `signal` aborts, deadlineExceeded or canceled; then no name is left.
   */
  async pull(request: PullRequest): Promise<Image> {
    const { auth = anonymousAuth, snapshotter = this.#options.snapshotter, signal, log = this.#options.log } = request;
    const reference = parseReference(request.reference);
    const what = `pull image "${reference.name}" from ${registryHost(reference.domain)}`;
    throwIfAborted(signal, what);
    const key = `${reference.name} ${snapshotter} ${auth.fingerprint}`;
    return this.#shared.join(key, what, signal, (shared) =>
      this.#permits.run(shared, what, () => this.#pull({ reference, auth, snapshotter, signal: shared, log })),
    );
  }

  /**
   * The image that `text` means, pinned, and pulled without credentials only when it is not there: a registry that
   * is down is no trouble for an image that is present.
   */
  async ensure(text: string, options: Pick<PullRequest, 'snapshotter' | 'signal'> = {}): Promise<Image> {
    const { store, log } = this.#options;
    const image = store.find(text) ?? (await this.pull({ reference: text, ...options }));
    const reference = tryParseReference(text);
    if (image.pinned || reference === undefined) return image;
    try {
      return await store.pin(image, reference);
    } catch (error) {
      log.warn({ image: text, error: messageOf(error) }, 'could not pin an image, the kubelet may remove it');
      return image;
    }
  }

  /**
   * Pins and unpins images as the configuration has it now: after a start with another one, and when an image lost the
   * name that it was pinned by. Pins that others set stay.
   */
  async reconcilePins(images: readonly Image[]): Promise<void> {
    const { store, log } = this.#options;
    for (const { id } of images) {
      try {
        const image = store.get(id);
        if (image !== undefined) await store.setPinned(image, this.#pins.pin(image));
      } catch (error) {
        log.warn({ imageId: id, error: messageOf(error) }, 'could not change whether an image is pinned');
      }
    }
  }

  /**
   * Pins the image of a name that turned up without a pull, as by `ctr images import`, or of a digest that is pinned
   * and was pulled by its tag. Takes no pin back: of a pull under way the name that is pinned may be still to come.
   */
  async pinFound(name: string): Promise<void> {
    const image = this.#options.store.find(name);
    if (image !== undefined && !image.pinned && this.#pins.pin(image)) await this.reconcilePins([image]);
  }

  /** Takes in that a blob has come into the content store, whoever fetched it. */
  blobArrived(digest: string): void {
    for (const ahead of this.#unpacking) ahead.arrived(digest);
  }

  /** Resolves when the pulls that were answered so far hold on to nothing any more; never rejects. */
  async settled(): Promise<void> {
    await Promise.allSettled(this.#puttingAway);
  }

  /** Removes what pulls left that ended while containerd was away; once it is back. */
  async dropOwed(): Promise<void> {
    const owed = [...this.#owed];
    this.#owed.clear();
    await Promise.all(owed.map((name) => this.#dropRecord(name)));
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

  async #pull(job: PullJob): Promise<Image> {
    const { reference, auth, signal, log } = job;
    const { clock, hostsDir } = this.#options;
    const startMs = this.#nowMs();
    const progress = new PullProgress(startMs);
    const ended = new AbortController();
    const stalled = new AbortController();
    this.#running.add(progress);
    try {
      const endpoints = await registryEndpoints(hostsDir, reference.domain);
      void this.#watch(reference, progress, log, ended.signal, stalled);
      const either = AbortSignal.any([signal, stalled.signal]);
      const named = deferred<Image>();
      const whole = this.#pullLeased({ ...job, signal: either }, endpoints, progress, (image) => named.resolve(image));
      const image = await Promise.race([named.promise, whole]);
      this.#putAway(whole);
      const durationMs = Number(clock.nowNs() / 1_000_000n) - startMs;
      const { blobs, present } = progress;
      const bytes = Number(progress.bytes);
      const fields = { reference: reference.name, imageId: image.id, snapshotter: job.snapshotter, bytes, blobs, present, durationMs };
      log.info({ ...fields, sizeBytes: Number(image.sizeBytes) }, 'pulled image');
      this.#ended.succeeded += 1;
      return image;
    } catch (error) {
      this.#ended.failed += 1;
      const cause = stalled.signal.aborted ? stalled.signal.reason : signal.aborted ? abortError(signal, 'stopped') : error;
      throw pullError(reference.name, registryHost(reference.domain), cause, (text) => auth.redact(text));
    } finally {
      this.#running.delete(progress);
      this.#ended.bytes += Number(progress.bytes);
      ended.abort();
    }
  }

  #putAway(whole: Promise<unknown>): void {
    this.#puttingAway.add(whole);
    const done = (): void => {
      this.#puttingAway.delete(whole);
    };
    whole.then(done, done);
  }

  /**
   * Under a lease of its own, from the first call on: one that the transfer makes for itself stays for a day when
   * containerd ends in the midst of it, with half an image.
   */
  async #pullLeased(
    job: PullJob,
    endpoints: ReadonlySet<string>,
    progress: PullProgress,
    onNamed: (image: Image) => void,
  ): Promise<Image> {
    const { unpacker, leases } = this.#options;
    const isAhead = unpacker.isParallel(job.snapshotter, { signal: job.signal });
    isAhead.catch(() => {}); // it is waited for under the lease
    return leases.withLease({ 'podwright.io/pull': 'true' }, async (lease) =>
      this.#pullAndName({ ...job, lease, isAhead: await isAhead }, endpoints, progress, onNamed),
    );
  }

  /**
   * The transfer writes its record under a name of its own, and the image gets its names when all is known to be
   * good: a pull that is cancelled, or finds nothing for this platform, never moves or leaves a tag. Until then that
   * record keeps what was pulled, and so does the lease. Whoever waits for the image is told by `onNamed`, before both
   * are put away; and it is named as soon as containerd says that the record is there, while the transfer ends.
   */
  async #pullAndName(
    job: LeasedJob,
    endpoints: ReadonlySet<string>,
    progress: PullProgress,
    onNamed: (image: Image) => void,
  ): Promise<Image> {
    const { reference, auth, snapshotter, signal, log, lease } = job;
    const { records, platform, hostsDir } = this.#options;
    const imageName = `${PULLING_PREFIX}${randomUUID()}`;
    const bearer = this.#bearerHeader(reference, auth, endpoints, log);
    const saved = deferred();
    const ahead = job.isAhead ? this.#unpackAhead(job) : undefined;
    // What ends the transfer must not reach it any more once all of it is done.
    const transferring = followSignal(ahead === undefined ? signal : AbortSignal.any([signal, ahead.broken]));
    const transferred = this.#transfer({
      reference: reference.name,
      imageName,
      imageLabels: { 'containerd.io/gc.expire': new Date(this.#nowMs() + PULLING_EXPIRE_MS).toISOString() },
      platform,
      snapshotter: job.isAhead ? undefined : snapshotter,
      lease,
      ...(hostsDir !== undefined && hostsDir !== '' && { hostsDir }),
      ...(bearer !== undefined && { headers: { Authorization: bearer } }),
      credentials: async (host) => auth.forHost(host, endpoints),
      onProgress: (line) => {
        const { isUnpacking } = progress;
        progress.observe(line, this.#nowMs());
        ahead?.observe(line, progress.target);
        if (progress.isUnpacking && !isUnpacking) this.#readAhead(progress, signal);
        if (progress.saved !== undefined) saved.resolve();
      },
      signal: transferring.signal,
    });
    try {
      await Promise.race([saved.promise, transferred]);
      transferring.letGo();
      const target = progress.saved ?? (await records.get(imageName, { signal })).target;
      const image = await this.#name(job, target, progress, ahead);
      onNamed(image);
      return image;
    } catch (error) {
      throw ahead?.broken.aborted === true ? ahead.broken.reason : error;
    } finally {
      await Promise.allSettled([transferred, this.#stop(ahead)]);
      await this.#dropRecord(imageName);
    }
  }

  /** Reads what the image is while its layers are unpacked: by then its manifest and configuration are here. */
  #readAhead({ target }: PullProgress, signal: AbortSignal): void {
    // Where this fails it is read again when it is needed, and the pull says why.
    if (target !== undefined) this.#options.store.details(target, { signal }).catch(() => {});
  }

  #unpackAhead({ snapshotter, signal, lease }: LeasedJob): UnpackAhead {
    const { content, store, unpacker } = this.#options;
    const ahead = new UnpackAhead({ content, store, unpacker, snapshotter, lease, signal });
    this.#unpacking.add(ahead);
    return ahead;
  }

  async #stop(ahead: UnpackAhead | undefined): Promise<void> {
    await ahead?.stop();
    if (ahead !== undefined) this.#unpacking.delete(ahead);
  }

  /** Sees to it that a pulled image is unpacked, and gives it its names. */
  async #name(job: LeasedJob, target: Descriptor, progress: PullProgress, ahead: UnpackAhead | undefined): Promise<Image> {
    const { reference, signal } = job;
    const { store } = this.#options;
    const { id, chainId } = await store.details(target, { signal });
    const before = store.find(reference.name);
    const unpackRest = async (): Promise<void> => {
      // What this pull saw unpacked need not be looked for.
      if (!progress.isUnpacking && (await ahead?.finish()) !== id) await this.#unpackRest({ id, chainId, target }, job);
    };
    // Where the name is this image's already, it gives nothing away too early.
    const isNew = before?.id !== id;
    if (isNew) await unpackRest();
    throwIfAborted(signal, 'name the image');
    // From here on the image is whole, so it gets its names even when nobody waits any more.
    const named = store.add(reference, target, this.#pins.pinsName(reference.name));
    const [image] = await allSettledOrThrow([named, isNew ? Promise.resolve() : unpackRest()]);
    if (before !== undefined && isNew) await this.reconcilePins([before]);
    return store.get(image.id) ?? image;
  }

  /**
   * containerd unpacks for the snapshotters that its transfer plugin is configured for, and fails for another before
   * anything is fetched. That is then pulled as it is.
   */
  async #transfer(options: TransferPullOptions): Promise<void> {
    const { transfer, log } = this.#options;
    const { snapshotter } = options;
    const isAsked = snapshotter !== undefined && !this.#notUnpacked.has(snapshotter);
    try {
      await transfer.pull({ ...options, snapshotter: isAsked ? snapshotter : undefined });
    } catch (error) {
      if (!isAsked || !isNotUnpacked(error)) throw error;
      this.#notUnpacked.add(snapshotter);
      const hint = 'an unpack_config for it in [plugins."io.containerd.transfer.v1.local"] makes containerd unpack while it pulls';
      log.info({ snapshotter, hint }, 'containerd does not unpack for this snapshotter, so podwright does');
      await transfer.pull({ ...options, snapshotter: undefined });
    }
  }

  /** Unpacks what was not unpacked while it came in. */
  async #unpackRest(image: PackedImage, { snapshotter, signal, lease }: LeasedJob): Promise<void> {
    const { unpacker } = this.#options;
    if (await unpacker.isUnpacked(image.chainId, snapshotter, { signal })) return;
    await unpacker.unpack(image, snapshotter, { signal, lease });
  }

  #bearerHeader(reference: Reference, auth: RegistryAuth, endpoints: ReadonlySet<string>, log: Log): string | undefined {
    const header = auth.bearerHeader(endpoints);
    if (header === undefined && auth.isBearer) {
      const hosts = [...endpoints].join(', ');
      log.warn({ reference: reference.name, hosts }, 'registry token not used: it is not meant for every host of this image');
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
      const fields = { reference: reference.name, bytes: Number(progress.bytes), open: progress.open, stoodMs };
      log.debug(fields, 'pulling image');
      if (timeoutMs > 0 && stoodMs > timeoutMs) {
        stalled.abort(new RegistryStalled(timeoutMs));
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
      this.#owed.add(name);
      this.#options.log.warn({ image: name, error: messageOf(error) }, 'could not remove the record of a pull, which is tried again when containerd is back');
    }
  }

  #nowMs(): number {
    return Number(this.#options.clock.nowNs() / 1_000_000n);
  }
}
