import { parseAuthConfig } from '../../image/registry-auth.ts';
import type { ImagePuller } from '../../image/pull.ts';
import type { RpcHandlers } from '../handlers.ts';
import { wantedImage } from './wanted-image.ts';

export interface PullImageDeps {
  readonly puller: Pick<ImagePuller, 'pull'>;
}

/**
 * PullImage. Always asks the registry where the tag points now. The answer is the image's id, which is what
 * Image.id, Container.image_id and ContainerStatus.image_id say as well.
 */
export function pullImage({ puller }: PullImageDeps): RpcHandlers['PullImage'] {
  return async ({ image, auth }, { signal, log }) => {
    const reference = wantedImage(image);
    const pulled = await puller.pull({ reference, auth: parseAuthConfig(auth), signal, log });
    return { imageRef: pulled.id };
  };
}
