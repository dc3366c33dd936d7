import type { ImageStore } from '../../image/image-store.ts';
import type { RpcHandlers } from '../handlers.ts';
import { wantedImage } from './wanted-image.ts';

export interface RemoveImageDeps {
  readonly images: Pick<ImageStore, 'remove'>;
}

/**
 * RemoveImage: the image with all its names, by whichever of them it is named. The CRI wants it idempotent: one
 * that is gone already is a success. Containers made from it keep their layers.
 */
export function removeImage({ images }: RemoveImageDeps): RpcHandlers['RemoveImage'] {
  return async ({ image }, { signal, log }) => {
    const reference = wantedImage(image);
    if (await images.remove(reference, { signal })) log.info({ image: reference }, 'removed image');
    return {};
  };
}
