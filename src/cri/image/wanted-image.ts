import { invalidField } from '../../lib/errors.ts';
import type { ImageSpec__Output } from '../../types/cri/runtime/v1/ImageSpec.ts';

/** The image that a request is about. Fails with invalidArgument when it names none. */
export function wantedImage(spec: ImageSpec__Output | null): string {
  const image = spec?.image ?? '';
  if (image === '') throw invalidField('image.image', image, 'an image is needed');
  return image;
}
