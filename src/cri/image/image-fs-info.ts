import type { FileSystems } from '../../image/file-systems.ts';
import type { ImageFsUsage } from '../../image/image-fs.ts';
import type { RpcHandlers } from '../handlers.ts';

export interface ImageFsInfoDeps {
  readonly fileSystems: Pick<FileSystems, 'usage'>;
}

/**
 * ImageFsInfo, from the last count. There is one entry whether or not there are images, because the kubelet takes
 * the first and does not start without it; `container_filesystems` is for containers on another disk than images.
 */
export function imageFsInfo({ fileSystems }: ImageFsInfoDeps): RpcHandlers['ImageFsInfo'] {
  return async () => {
    const { images, containers } = fileSystems.usage();
    return { imageFilesystems: images.map(toFilesystemUsage), containerFilesystems: containers.map(toFilesystemUsage) };
  };
}

function toFilesystemUsage({ timestampNs, mountpoint, usedBytes, inodesUsed }: ImageFsUsage) {
  return {
    timestamp: String(timestampNs),
    fsId: { mountpoint },
    usedBytes: { value: String(usedBytes) },
    inodesUsed: { value: String(inodesUsed) },
  };
}
