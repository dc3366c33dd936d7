import { sendItems } from '../batches.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { chosenImages } from './list-images.ts';
import type { ListImagesDeps } from './list-images.ts';
import { toCriImage } from './to-cri-image.ts';

/** StreamImages: those of ListImages, part by part. */
export function streamImages({ images }: ListImagesDeps, services: CriServices): RpcHandlers['StreamImages'] {
  return async ({ filter }, _context, send) => {
    const encode = (image: ReturnType<typeof chosenImages>[number]): Buffer =>
      services.encodeResponse('StreamImages', { images: [toCriImage(image)] });
    await sendItems(chosenImages(images, filter), encode, send);
  };
}
