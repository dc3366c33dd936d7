import type { ImageStore } from '../../image/image-store.ts';
import type { ImagePuller } from '../../image/pull.ts';
import type { RpcHandlers } from '../handlers.ts';
import { wantedImage } from './wanted-image.ts';

export interface RemoveImageDeps {
  readonly images: Pick<ImageStore, 'remove'>;
  readonly puller: Pick<ImagePuller, 'settled'>;
}

/**
 * RemoveImage: the image with all its names, by whichever of them it is named. The CRI wants it idempotent: one
 * that is gone already is a success. Containers made from it keep their layers.
 */
export function removeImage({ images, puller }: RemoveImageDeps): RpcHandlers['RemoveImage'] {
  return async ({ image }, { signal, log }) => {
    const reference = wantedImage(image);
    // What a pull still holds for a moment would not be freed by the time of the answer.
    await puller.settled();
    if (await images.remove(reference, { signal })) log.info({ image: reference }, 'removed image');
    return {};
  };
}
