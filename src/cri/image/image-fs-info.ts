import type { ImageFs } from '../../image/image-fs.ts';
import type { RpcHandlers } from '../handlers.ts';

export interface ImageFsInfoDeps {
  readonly imageFs: Pick<ImageFs, 'usage'>;
}

/**
 * ImageFsInfo, from the last count. There is one entry whether or not there are images, because the kubelet takes
 * the first and does not start without it; `container_filesystems` is for containers on another disk than images.
 */
export function imageFsInfo({ imageFs }: ImageFsInfoDeps): RpcHandlers['ImageFsInfo'] {
  return async () => {
    const { timestampNs, mountpoint, usedBytes, inodesUsed } = imageFs.usage();
    const usage = {
      timestamp: String(timestampNs),
      fsId: { mountpoint },
      usedBytes: { value: String(usedBytes) },
      inodesUsed: { value: String(inodesUsed) },
    };
    return { imageFilesystems: [usage], containerFilesystems: [] };
  };
}
