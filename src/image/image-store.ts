import { allSettledOrThrow } from '../lib/all-settled.ts';
import { isKind, messageOf } from '../lib/errors.ts';
import { KeyedLock } from '../lib/keyed-lock.ts';
import { ImageIndex } from './image-index.ts';
import { readImageDetails } from './image.ts';
import type { Log } from '../lib/log.ts';
import type { Image, ImageDetails } from './image.ts';
import type { CallOptions, ContentStore, Descriptor, ImageRecord, ImageRecords, Platform } from './ports.ts';
import type { Reference } from './reference.ts';

/** Marks a record as one that a CRI implementation looks after; containerd's own CRI uses the same. */
export const MANAGED_LABEL = 'io.cri-containerd.image';
export const MANAGED_VALUE = 'managed';
/** Marks an image that the kubelet's image collection leaves alone (CRI Image.pinned). */
export const PINNED_LABEL = 'io.cri-containerd.pinned';
export const PINNED_VALUE = 'pinned';
/** Marks a pin as ours, to be taken back when the configuration changes; others are their makers' business. */
export const PINNED_BY_LABEL = 'podwright.dev/pinned-by';
export const PINNED_BY_VALUE = 'configuration';
/** Names of records that exist only while a pull runs; no image goes by them. */
export const PULLING_PREFIX = 'podwright-pulling/';

/** What the store is made of. */
export interface ImageStoreOptions {
  readonly records: ImageRecords;
  readonly content: ContentStore;
  readonly platform: Platform;
  readonly log: Log;
}

const pinLabels = { [PINNED_LABEL]: PINNED_VALUE, [PINNED_BY_LABEL]: PINNED_BY_VALUE };
// containerd removes a label that it is told to make empty.
const unpinLabels = { [PINNED_LABEL]: '', [PINNED_BY_LABEL]: '' };

const WRITE_ATTEMPTS = 10;

/**
 * The images of podwright's namespace: an index in memory that answers every question, kept equal to containerd's
 * records. containerd is the truth; whoever else adds or removes images (ctr, nerdctl) is followed by events.
 */
export class ImageStore {
  readonly #records: ImageRecords;
  readonly #content: ContentStore;
  readonly #platform: Platform;
  readonly #log: Log;
  readonly #index = new ImageIndex();
  readonly #details = new Map<string, ImageDetails>();
  readonly #lock = new KeyedLock();
  readonly #listeners = new Set<() => void>();
  // Names that changed while a resync was reading its list, which is then older than what is known of them.
  #touched: Set<string> | undefined;

  constructor(options: ImageStoreOptions) {
    this.#records = options.records;
    this.#content = options.content;
    this.#platform = options.platform;
    this.#log = options.log;
  }

  /** All images, ordered by id. */
  list(): Image[] {
    return this.#index.list();
  }

  /** The image with this whole id. */
  get(id: string): Image | undefined {
    return this.#index.get(id);
  }

  /** The image that an id, a beginning of an id or a reference means; see ImageIndex.find. */
  find(text: string): Image | undefined {
    return this.#index.find(text);
  }

  /** Calls `listener` after each change; returns how to stop that. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Makes the index equal to containerd's records: at the start, and whenever events may have been missed. */
  async resync(options: CallOptions = {}): Promise<void> {
    await this.#lock.run('resync', async () => {
      const touched = new Set<string>();
      this.#touched = touched;
      try {
        const records = await this.#records.list([], options);
        const listed = new Set(records.map((record) => record.name));
        for (const record of records) {
          if (!touched.has(record.name)) await this.#apply(record, options, () => touched.has(record.name));
        }
        for (const name of this.#index.names()) {
          if (!listed.has(name) && !touched.has(name)) this.#index.delete(name);
        }
        this.#forgetDetails();
      } finally {
        this.#touched = undefined;
      }
      this.#changed();
    });
  }

  /** Follows one name to what containerd has for it now; called for containerd's image events. */
  async refresh(name: string, options: CallOptions = {}): Promise<void> {
    if (name.startsWith(PULLING_PREFIX)) return;
    await this.#lock.run(`name ${name}`, async () => {
      let record: ImageRecord | undefined;
      try {
        record = await this.#records.get(name, options);
      } catch (error) {
        if (!isKind(error, 'notFound')) throw error;
      }
      if (record === undefined) this.#forget(name);
      else await this.#apply(record, options);
      this.#changed();
    });
  }

  /** What the content behind `target` is, where that has been read. */
  known(target: Descriptor): ImageDetails | undefined {
    return this.#details.get(target.digest);
  }

  /**
   * Reads what the content behind `target` is, once; through `content` where it may be still on its way. Fails with
   * notFound where nothing fits the platform.
   */
  async details(
    target: Descriptor,
    { content = this.#content, ...options }: CallOptions & { readonly content?: Pick<ContentStore, 'read'> } = {},
  ): Promise<ImageDetails> {
    const known = this.#details.get(target.digest);
    if (known !== undefined) return known;
    const details = await readImageDetails(content, target, this.#platform, options);
    this.#details.set(target.digest, details);
    return details;
  }

  /**
   * Gives pulled content the three names that containerd's users expect, in containerd and here: its id, its
   * digest and, last, so that no tag is ever ahead of the image, its tag. A tag leaves the image that had it.
   */
  async add(reference: Reference, target: Descriptor, pinned: boolean, options: CallOptions = {}): Promise<Image> {
    const details = await this.details(target, options);
    const isTagged = reference.digest === undefined;
    const untagged = [details.id, isTagged ? `${reference.repository}@${target.digest}` : reference.name];
    const labels = { [MANAGED_LABEL]: MANAGED_VALUE, ...(pinned && pinLabels) };
    const give = (name: string): Promise<void> =>
      this.#lock.run(`name ${name}`, async () => {
        await this.#write({ name, labels, target }, options);
        this.#set({ name, labels, target }, details, pinned || (this.#index.named(name)?.pinned ?? false));
      });
    return this.#lock.run(`image ${details.id}`, async () => {
      const isNew = this.#index.named(reference.name)?.target.digest !== target.digest;
      await allSettledOrThrow((isTagged && !isNew ? [...untagged, reference.name] : untagged).map(give));
      if (isTagged && isNew) await give(reference.name);
      this.#changed();
      const image = this.#index.get(details.id);
      if (image === undefined) throw new Error(`image ${details.id} has no name right after it was given some`);
      return image;
    });
  }

  /** Pins an image under one of its names, so that it survives the kubelet's image collection. */
  async pin(image: Image, reference: Reference, options: CallOptions = {}): Promise<Image> {
    return image.pinned ? image : this.add(reference, image.target, true, options);
  }

  /** Pins an image under all its names, or takes back pins that were made here; others stay. */
  async setPinned(image: Image, pinned: boolean, options: CallOptions = {}): Promise<void> {
    if (image.pinned === pinned) return;
    await this.#lock.run(`image ${image.id}`, async () => {
      for (const name of this.#index.namesOf(image.id)) {
        await this.#lock.run(`name ${name}`, async () => {
          const named = this.#index.named(name);
          if (named?.details.id !== image.id) return;
          const record = await this.#records.get(name, options);
          if (!pinned && record.labels[PINNED_BY_LABEL] !== PINNED_BY_VALUE) return;
          const labels = pinned ? pinLabels : unpinLabels;
          const fieldPaths = Object.keys(labels).map((label) => `labels.${label}`);
          await this.#records.update({ ...record, labels: { ...record.labels, ...labels } }, fieldPaths, options);
          this.#index.set({ ...named, pinned });
          this.#touched?.add(name);
        });
      }
      this.#changed();
    });
  }

  /**
   * Removes the image that `text` means with all its names; false when there is none. The last name goes
   * synchronously, so that the space is free when this returns. Several at once for one image all succeed. A tag
   * that a pull moves to another image meanwhile stays with that one.
   */
  async remove(text: string, options: CallOptions = {}): Promise<boolean> {
    const image = this.find(text);
    if (image === undefined) return false;
    return this.#lock.run(`image ${image.id}`, async () => {
      const names = this.#index.namesOf(image.id);
      for (const [position, name] of names.entries()) {
        await this.#lock.run(`name ${name}`, async () => {
          if (this.#index.named(name)?.details.id !== image.id) return;
          await this.#delete(name, { ...options, sync: position === names.length - 1 });
          this.#forget(name);
        });
      }
      this.#forgetDetails();
      this.#changed();
      return names.length > 0;
    });
  }

  /** An image's whole configuration as its author wrote it, for `crictl inspecti`. */
  async rawConfig(image: Image, options: CallOptions = {}): Promise<unknown> {
    const bytes = await this.#content.read(image.id, options);
    return JSON.parse(bytes.toString('utf8')) as unknown;
  }

  /** Puts one of containerd's records into the index, or out of it when it is no image of ours. */
  async #apply(record: ImageRecord, options: CallOptions, isStale: () => boolean = () => false): Promise<void> {
    if (record.name.startsWith(PULLING_PREFIX)) return;
    let details: ImageDetails;
    try {
      details = await this.details(record.target, options);
    } catch (error) {
      if (!isKind(error, 'notFound', 'invalidArgument')) throw error;
      // A chart, an image for another machine, an import that is not finished: there, but nothing to run.
      this.#log.debug({ image: record.name, error: messageOf(error) }, 'image record left out');
      if (!isStale()) this.#forget(record.name);
      return;
    }
    if (!isStale()) this.#set(record, details, record.labels[PINNED_LABEL] === PINNED_VALUE);
  }

  #set(record: ImageRecord, details: ImageDetails, pinned: boolean): void {
    this.#index.set({ name: record.name, target: record.target, details, pinned });
    this.#touched?.add(record.name);
  }

  #forget(name: string): void {
    this.#index.delete(name);
    this.#touched?.add(name);
  }

  async #delete(name: string, options: CallOptions & { readonly sync: boolean }): Promise<void> {
    try {
      await this.#records.delete(name, options);
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error;
    }
  }

  /**
   * Creates a record or moves an existing one; looking and writing are no transaction, so a lost race starts over. One
   * that says all of it already is left as it is: a tag that is pulled again mostly points where it did, and each
   * write is one to the disk and an event to follow.
   */
  async #write(record: ImageRecord, options: CallOptions): Promise<void> {
    const fieldPaths = ['target', ...Object.keys(record.labels).map((label) => `labels.${label}`)];
    let isThere = this.#index.named(record.name) !== undefined;
    for (let attempt = 1; ; attempt += 1) {
      try {
        if (!isThere) await this.#records.create(record, options);
        else if (!holds(await this.#records.get(record.name, options), record)) await this.#records.update(record, fieldPaths, options);
        return;
      } catch (error) {
        if (!isKind(error, isThere ? 'notFound' : 'alreadyExists') || attempt >= WRITE_ATTEMPTS) throw error;
        isThere = !isThere;
      }
    }
  }

  #forgetDetails(): void {
    const used = new Set(this.#index.names().map((name) => this.#index.named(name)?.target.digest));
    for (const digest of this.#details.keys()) if (!used.has(digest)) this.#details.delete(digest);
  }

  #changed(): void {
    for (const listener of this.#listeners) listener();
  }
}

/** Whether a record says what `wanted` does, whatever other labels it has. */
function holds(record: ImageRecord, wanted: ImageRecord): boolean {
  const labels = Object.entries(wanted.labels);
  return record.target.digest === wanted.target.digest && labels.every(([label, value]) => record.labels[label] === value);
}
