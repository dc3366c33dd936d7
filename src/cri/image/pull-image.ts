import { parseAuthConfig } from '../../image/registry-auth.ts';
import type { ImagePuller } from '../../image/pull.ts';
import type { RpcHandlers } from '../handlers.ts';
import { wantedImage } from './wanted-image.ts';

export interface PullImageDeps {
  readonly puller: Pick<ImagePuller, 'pull'>;
  /** A runtime handler's snapshotter; INVALID_ARGUMENT for a handler that there is not. */
  readonly snapshotterOf: (handler: string) => string;
}

/**
 * PullImage. Always asks the registry where the tag points now. The answer is the image's id, which is what
 * Image.id, Container.image_id and ContainerStatus.image_id say as well. With a runtime handler (ImageSpec, the
 * kubelet's RuntimeClassInImageCriApi) it is unpacked for that handler's snapshotter.
 */
export function pullImage({ puller, snapshotterOf }: PullImageDeps): RpcHandlers['PullImage'] {
  return async ({ image, auth }, { signal, log }) => {
    const reference = wantedImage(image);
    const snapshotter = snapshotterOf(image?.runtimeHandler ?? '');
    const pulled = await puller.pull({ reference, snapshotter, auth: parseAuthConfig(auth), signal, log });
    return { imageRef: pulled.id };
  };
}
