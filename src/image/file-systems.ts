import { stat } from 'node:fs/promises';
import type { ImageFs, ImageFsUsage } from './image-fs.ts';

/** What ImageFsInfo tells. */
export interface FileSystemsUsage {
  readonly images: readonly ImageFsUsage[];
  /** Set only where containers write to another disk than the images' (CRI container_filesystems). */
  readonly containers: readonly ImageFsUsage[];
}

/** The file systems of all snapshotters in use. */
export class FileSystems {
  readonly #bySnapshotter: ReadonlyMap<string, ImageFs>;
  readonly #images: ImageFs;
  readonly #containers: ImageFs;
  #isSplit = false;

  /**
   * @param first.images the snapshotter whose file system goes first: the kubelet looks at no other
   * @param first.containers the one that containers of the default handler write to
   */
  constructor(bySnapshotter: ReadonlyMap<string, ImageFs>, first: { readonly images: string; readonly containers: string }) {
    const of = (snapshotter: string): ImageFs => {
      const found = bySnapshotter.get(snapshotter);
      if (found === undefined) throw new Error(`no file system of snapshotter "${snapshotter}"`);
      return found;
    };
    this.#bySnapshotter = bySnapshotter;
    this.#images = of(first.images);
    this.#containers = of(first.containers);
  }

  /** The last counts, the images' own first. */
  usage(): FileSystemsUsage {
    const others = [...this.#bySnapshotter.values()].filter((one) => one !== this.#images);
    const images = [this.#images, ...others].map((one) => one.usage());
    return { images, containers: this.#isSplit ? [this.#containers.usage()] : [] };
  }

  /** The folder that stands for a snapshotter's file system; that of the images where nothing is known of it. */
  mountpoint(snapshotter: string): string {
    return (this.#bySnapshotter.get(snapshotter) ?? this.#images).usage().mountpoint;
  }

  /** Counts all of them; at the start, so that the first answers are true ones. Fails as containerd does. */
  async count(): Promise<void> {
    await Promise.all([...this.#bySnapshotter.values()].map((one) => one.count()));
    const [images, containers] = await Promise.all(
      [this.#images, this.#containers].map(async (one) => (await stat(one.usage().mountpoint)).dev),
    );
    this.#isSplit = images !== containers;
  }

  /** Has all of them counted soon. */
  refresh(): void {
    for (const one of this.#bySnapshotter.values()) one.refresh();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#bySnapshotter.values()].map((one) => one.stop()));
  }
}
