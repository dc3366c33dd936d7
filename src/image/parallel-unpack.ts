import { untilAborted } from '../lib/abort.ts';
import { allSettledOrThrow } from '../lib/all-settled.ts';
import { CodedError } from '../lib/errors.ts';
import { Shares } from '../lib/shares.ts';
import { differBelow, impliedFolders } from './implied-folders.ts';
import { chainIdOf } from './oci.ts';
import type { ArrivingContent } from './arriving-content.ts';
import type { ImageLayer } from './image.ts';
import type { LayerWork } from './layer-work.ts';
import type { CallOptions, Descriptor, Mount } from './ports.ts';

/** An image's layers, from the lowest up, which may still be on their way. */
export interface LayersToUnpack {
  readonly blobs: readonly Descriptor[];
  /** What they are unpacked: the image's configuration says that, and it may come in last. */
  readonly named: Promise<readonly ImageLayer[]>;
  /** Tells when a blob is here, and whether it came just now, so that its layer is hardly unpacked; left out where all are. */
  readonly arriving?: Pick<ArrivingContent, 'whenHere' | 'isNew'>;
}

/** The unpacking of one image. */
interface Run extends LayersToUnpack {
  readonly work: LayerWork;
  /** How many of the layers need not be unpacked. */
  readonly there: Promise<number>;
  readonly call: CallOptions;
}

/** One of the layers, and the end of the one below it. */
interface Step {
  readonly blob: Descriptor;
  readonly position: number;
  readonly below: Promise<void>;
}

/**
 * Unpacks the layers of an image side by side, each by itself, and puts them on each other at the end: a snapshotter
 * with the capability `rebase` takes a layer's parent as late as that (containerd 2.2). Uncompressing is what takes the
 * time of a pull, and it keeps no more than one processor busy for each layer. So many layers are unpacked at a time; of
 * each image always one, so that a small one does not wait for all of a large one. A layer that several images have in
 * the same place is unpacked for one of them.
 */
export class ParallelUnpack {
  readonly #shares: Shares;
  readonly #underWay = new Map<string, Promise<void>>();

  /** @param maxConcurrent how many layers at a time, where there is one image */
  constructor(maxConcurrent: number) {
    this.#shares = new Shares(maxConcurrent - 1);
  }

  /**
   * Gives an overlay snapshotter those of an image's layers that it lacks. Fails as the first of them that fails, when
   * none of the others is at work any more, and leaves nothing half done.
   */
  async run(layers: LayersToUnpack, work: LayerWork, options: CallOptions): Promise<void> {
    const failed = new AbortController();
    const signal = options.signal === undefined ? failed.signal : AbortSignal.any([options.signal, failed.signal]);
    const call = { ...options, signal };
    const named = untilAborted(layers.named, signal, "wait for the image's configuration");
    const run: Run = { ...layers, named, work, call, there: named.then((known) => work.claimAll(known, call)) };
    const orEnd = async (act: Promise<unknown>): Promise<void> => {
      try {
        await act;
      } catch (error) {
        failed.abort(error);
        throw error;
      }
    };
    let below: Promise<void> = Promise.resolve();
    const all = layers.blobs.map((blob, position) => (below = orEnd(this.#unpack(run, { blob, position, below }))));
    // Of those that ended because another failed nobody wants to hear.
    await allSettledOrThrow([orEnd(run.there), ...all]).catch((error: unknown) => {
      throw failed.signal.aborted ? failed.signal.reason : error;
    });
  }

  /** One layer; where another image's unpacking has it in hand, when that has ended. */
  async #unpack(run: Run, step: Step): Promise<void> {
    const { blobs, there, arriving, work, call } = run;
    const { blob, position } = step;
    await arriving?.whenHere(blob.digest, call.signal);
    if (arriving?.isNew(blob.digest) !== true && position < (await there)) return;
    // What the layer is called may not be known yet, but by its blob and those below it one knows it again.
    const name = `${work.snapshotter} ${chainIdOf(blobs.slice(0, position + 1).map(({ digest }) => digest))}`;
    for (let others = this.#underWay.get(name); others !== undefined; others = this.#underWay.get(name)) {
      await untilAborted(settled(others), call.signal, 'wait for a layer');
      if (await work.claim((await namesOf(run, step)).layer, call)) return;
    }
    const mine = this.#unpackMine(run, step);
    this.#underWay.set(name, mine);
    try {
      await mine;
    } finally {
      this.#underWay.delete(name);
    }
  }

  async #unpackMine(run: Run, step: Step): Promise<void> {
    const { there, work, call } = run;
    const { blob, position, below } = step;
    const { key, mounts } = await work.prepare('', call);
    const outcome = await work.orDrop(key, async () => {
      const sinceMs = Date.now();
      const over = position === 0 ? mounts : asOverlay(mounts);
      const digest = await this.#shares.run(run, call.signal, 'unpack a layer', () => work.apply(blob, over, call));
      const implied = position === 0 ? [] : await impliedFolders(folderOf(mounts), sinceMs, call.signal);
      await below;
      if (position < (await there)) return 'was there';
      const { layer, parent } = await namesOf(run, step);
      if (implied.length > 0 && (await differBelow(implied, await work.foldersOf(parent, call)))) return 'differs';
      await work.commit(layer, key, digest, { ...call, ...(parent !== '' && { parent }) });
      return 'done';
    });
    if (outcome === 'done') return;
    await work.drop(key);
    if (outcome === 'was there') return;
    // Folders that its archive only implies are to be as they are below, for which it has to be unpacked on that.
    const { layer, parent } = await namesOf(run, step);
    await this.#shares.run(run, call.signal, 'unpack a layer', () => work.unpackOn(parent, layer, call));
  }
}

/** What a layer is called, and what it stands on; '' for nothing. */
async function namesOf({ named }: Run, { position }: Step): Promise<{ readonly layer: ImageLayer; readonly parent: string }> {
  const layers = await named;
  const layer = layers[position];
  if (layer === undefined) throw new CodedError('invalidArgument', `the image's configuration names ${layers.length} layers`);
  return { layer, parent: layers[position - 1]?.chainId ?? '' };
}

/** Where a snapshot that stands on nothing has its files. */
function folderOf(mounts: readonly Mount[]): string {
  const [mount, ...others] = mounts;
  if (mount?.type === 'bind' && others.length === 0) return mount.source;
  const have = mounts.map(({ type }) => type).join(', ') || 'none';
  throw new CodedError('failedPrecondition', `a snapshot on nothing is one bind mount, and this one has mounts of type ${have}`);
}

/**
 * The mounts as those of an upper layer, whose whiteouts and opaque folders containerd writes as overlayfs has them; in
 * one that stands on nothing it would leave them out.
 */
function asOverlay(mounts: readonly Mount[]): Mount[] {
  return [{ type: 'overlay', source: 'overlay', target: '', options: [`upperdir=${folderOf(mounts)}`] }];
}

async function settled(act: Promise<void>): Promise<void> {
  await act.catch(() => {});
}
