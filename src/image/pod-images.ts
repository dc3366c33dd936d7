import type { Image } from './image.ts';
import type { ImageStore } from './image-store.ts';
import type { ImagePuller } from './pull.ts';
import type { UserFiles, UserFileTexts } from './user-files.ts';

/** Images as Pods use them. */
export class PodImages {
  readonly #store: ImageStore;
  readonly #puller: ImagePuller;
  readonly #userFiles: UserFiles;

  constructor(store: ImageStore, puller: ImagePuller, userFiles: UserFiles) {
    this.#store = store;
    this.#puller = puller;
    this.#userFiles = userFiles;
  }

  /** See ImageIndex.find. */
  find(reference: string): Image | undefined {
    return this.#store.find(reference);
  }

  /** See ImagePuller.ensure. */
  async ensure(reference: string, signal?: AbortSignal): Promise<Image> {
    return this.#puller.ensure(reference, signal);
  }

  /** See UserFiles.read. */
  async userFiles(image: { readonly chainId: string }): Promise<UserFileTexts> {
    return this.#userFiles.read(image.chainId);
  }
}
