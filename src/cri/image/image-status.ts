import type { ImageStore } from '../../image/image-store.ts';
import type { Image } from '../../image/image.ts';
import type { RpcHandlers } from '../handlers.ts';
import { wantedImage } from './wanted-image.ts';
import { toCriImage } from './to-cri-image.ts';

export interface ImageStatusDeps {
  readonly images: Pick<ImageStore, 'find' | 'rawConfig'>;
}

/**
 * ImageStatus, from memory. An image that is not here is an empty answer and no error: on NOT_FOUND the kubelet
 * would report that it can't inspect the image, and never pull it.
 */
export function imageStatus({ images }: ImageStatusDeps): RpcHandlers['ImageStatus'] {
  return async ({ image: spec, verbose }, { signal }) => {
    const image = images.find(wantedImage(spec));
    if (image === undefined) return {};
    return { image: toCriImage(image), info: verbose ? await verboseInfo(images, image, signal) : {} };
  };
}

/** What `crictl inspecti` shows: the chain id and the image's whole configuration, as containerd's CRI has it. */
async function verboseInfo(images: ImageStatusDeps['images'], image: Image, signal: AbortSignal): Promise<Record<string, string>> {
  const imageSpec = await images.rawConfig(image, { signal });
  return { info: JSON.stringify({ chainID: image.chainId, imageSpec }) };
}
