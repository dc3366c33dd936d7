import { isKind } from '../lib/errors.ts';
import type { Image } from './image.ts';
import type { ImageStore } from './image-store.ts';
import type { ImagePuller } from './pull.ts';
import type { PackedImage, Unpacker } from './unpack.ts';
import type { UserFiles, UserFileTexts } from './user-files.ts';

/** Images as Pods use them. */
export class PodImages {
  readonly #store: ImageStore;
  readonly #puller: ImagePuller;
  readonly #userFiles: UserFiles;
  readonly #unpacker: Unpacker;

  constructor(store: ImageStore, puller: ImagePuller, userFiles: UserFiles, unpacker: Unpacker) {
    this.#store = store;
    this.#puller = puller;
    this.#userFiles = userFiles;
    this.#unpacker = unpacker;
  }

  /** See ImageIndex.find. */
  find(reference: string): Image | undefined {
    return this.#store.find(reference);
  }

  /** See ImagePuller.ensure. */
  async ensure(reference: string, snapshotter: string, signal?: AbortSignal): Promise<Image> {
    return this.#puller.ensure(reference, { snapshotter, ...(signal && { signal }) });
  }

  /** Gives a snapshotter the layers of an image that it lacks; see Unpacker.unpack. */
  async unpack(image: PackedImage, snapshotter: string, signal?: AbortSignal): Promise<void> {
    await this.#unpacker.unpack(image, snapshotter, signal && { signal });
  }

  /** See UserFiles.read; an image that the snapshotter has not got is unpacked for it. */
  async userFiles(image: PackedImage, snapshotter: string): Promise<UserFileTexts> {
    try {
      return await this.#userFiles.read(image.chainId, snapshotter);
    } catch (error) {
      if (!isKind(error, 'notFound')) throw error;
      await this.#unpacker.unpack(image, snapshotter);
      return this.#userFiles.read(image.chainId, snapshotter);
    }
  }
}
