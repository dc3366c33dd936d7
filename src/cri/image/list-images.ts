import type { ImageStore } from '../../image/image-store.ts';
import type { Image } from '../../image/image.ts';
import type { ImageFilter__Output } from '../../types/cri/runtime/v1/ImageFilter.ts';
import type { RpcHandlers } from '../handlers.ts';
import { toCriImage } from './to-cri-image.ts';

export interface ListImagesDeps {
  readonly images: Pick<ImageStore, 'list' | 'find'>;
}

/** ListImages: what is here, from memory. */
export function listImages({ images }: ListImagesDeps): RpcHandlers['ListImages'] {
  return async ({ filter }) => ({ images: chosenImages(images, filter).map(toCriImage) });
}

/** The images that a filter lets through: the one that it names in whatever form, all when it names none. */
export function chosenImages(images: ListImagesDeps['images'], filter: ImageFilter__Output | null): Image[] {
  const wanted = filter?.image?.image ?? '';
  if (wanted === '') return images.list();
  const image = images.find(wanted);
  return image === undefined ? [] : [image];
}
