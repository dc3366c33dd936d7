import { CodedError } from '../lib/errors.ts';
import { isDigest, tryParseReference } from './reference.ts';
import type { Image, ImageDetails } from './image.ts';
import type { Descriptor } from './ports.ts';

/** One name of an image: what containerd's record of that name says. */
export interface NamedImage {
  readonly name: string;
  readonly target: Descriptor;
  readonly details: ImageDetails;
  readonly pinned: boolean;
}

/**
 * Names → images, in memory. A name belongs to one image at a time, so a tag that moved is gone from its old image;
 * an image lives as long as it has a name. Answers every question that the CRI asks about images without a call.
 */
export class ImageIndex {
  readonly #byName = new Map<string, NamedImage>();
  readonly #namesById = new Map<string, Set<string>>();
  // An Image is put together when it is asked for and kept until one of its names changes.
  readonly #images = new Map<string, Image>();

  /** Sets what a name stands for. */
  set(entry: NamedImage): void {
    const { name, details } = entry;
    const before = this.#byName.get(name);
    if (before !== undefined && before.details.id !== details.id) this.delete(name);
    this.#byName.set(name, entry);
    const names = this.#namesById.get(details.id);
    if (names === undefined) this.#namesById.set(details.id, new Set([name]));
    else names.add(name);
    this.#images.delete(details.id);
  }

  /** Forgets a name; with its last one the image goes. */
  delete(name: string): void {
    const entry = this.#byName.get(name);
    if (entry === undefined) return;
    this.#byName.delete(name);
    const { id } = entry.details;
    this.#images.delete(id);
    const names = this.#namesById.get(id);
    names?.delete(name);
    if (names?.size === 0) this.#namesById.delete(id);
  }

  /** What a name stands for. */
  named(name: string): NamedImage | undefined {
    return this.#byName.get(name);
  }

  /** All names there are. */
  names(): string[] {
    return [...this.#byName.keys()];
  }

  /** The names of one image: tags, then digests, its id last. */
  namesOf(id: string): string[] {
    const image = this.get(id);
    if (image === undefined) return [];
    const named = new Set([...image.repoTags, ...image.repoDigests]);
    const others = [...(this.#namesById.get(id) ?? [])].filter((name) => !named.has(name));
    return [...named, ...others];
  }

  /** All images, ordered by id so that two lists of the same are equal. */
  list(): Image[] {
    const ids = [...this.#namesById.keys()].sort();
    return ids.flatMap((id) => this.get(id) ?? []);
  }

  /** The image with this id (`sha256:<64 hex>`). */
  get(id: string): Image | undefined {
    const known = this.#images.get(id);
    if (known !== undefined) return known;
    const names = [...(this.#namesById.get(id) ?? [])].sort();
    const entries = names.flatMap((name) => this.#byName.get(name) ?? []);
    const image = toImage(id, entries);
    if (image !== undefined) this.#images.set(id, image);
    return image;
  }

  /**
   * The image that `text` means: an id with or without `sha256:`, a reference in any form, or the beginning of an id.
   * A name goes before the beginning of an id. Undefined when there is none; fails with invalidArgument, naming the
   * images, when the beginning fits several.
   */
  find(text: string): Image | undefined {
    if (isDigest(text)) return this.get(text);
    const reference = tryParseReference(text);
    const named = reference === undefined ? undefined : this.#byName.get(reference.name);
    if (named !== undefined) return this.get(named.details.id);
    return this.#findByPrefix(text);
  }

  #findByPrefix(text: string): Image | undefined {
    const hex = text.startsWith('sha256:') ? text.slice('sha256:'.length) : text;
    if (!/^[a-f0-9]{1,64}$/.test(hex)) return undefined;
    const fitting = [...this.#namesById.keys()].filter((id) => id.startsWith(`sha256:${hex}`)).sort();
    if (fitting.length > 1) {
      throw new CodedError('invalidArgument', `image id "${text}" is ambiguous: it begins ${fitting.join(' and ')}`);
    }
    return fitting[0] === undefined ? undefined : this.get(fitting[0]);
  }
}

function toImage(id: string, entries: readonly NamedImage[]): Image | undefined {
  // The record named by the id was written last by a pull, so its target is the newest where names differ.
  const main = entries.find((entry) => entry.name === id) ?? entries[0];
  if (main === undefined) return undefined;
  const repoTags: string[] = [];
  const repoDigests: string[] = [];
  for (const { name } of entries) {
    const reference = tryParseReference(name);
    if (reference?.name !== name) continue;
    if (reference.digest === undefined) repoTags.push(name);
    else repoDigests.push(name);
  }
  return { ...main.details, repoTags, repoDigests, pinned: entries.some((entry) => entry.pinned), target: main.target };
}
