import type { RpcHandlers } from '../handlers.ts';
import { chosenImages } from './list-images.ts';
import type { ListImagesDeps } from './list-images.ts';
import { toCriImage } from './to-cri-image.ts';

// An image is some hundred bytes, so a message stays far below the client's 16 MiB, and the loop is never held long.
const BATCH = 500;

/** StreamImages: as ListImages, in messages of at least one image each; none for no images. */
export function streamImages({ images }: ListImagesDeps): RpcHandlers['StreamImages'] {
  return async ({ filter }, _context, send) => {
    const chosen = chosenImages(images, filter);
    for (let start = 0; start < chosen.length; start += BATCH) {
      await send({ images: chosen.slice(start, start + BATCH).map(toCriImage) });
    }
  };
}
