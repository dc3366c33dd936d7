import type { Image } from '../../image/image.ts';
import type { Image as CriImage } from '../../types/cri/runtime/v1/Image.ts';

/** CRI Image. The client refuses an empty id and a size of 0; `uid` and `username` exclude each other. */
export function toCriImage(image: Image): CriImage {
  return {
    id: image.id,
    repoTags: [...image.repoTags],
    repoDigests: [...image.repoDigests],
    size: String(image.sizeBytes),
    uid: image.uid === undefined ? null : { value: String(image.uid) },
    username: image.username,
    spec: { annotations: { ...image.annotations } },
    pinned: image.pinned,
  };
}
