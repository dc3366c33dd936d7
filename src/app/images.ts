import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { Containerd } from '../containerd/client.ts';
import { ImageFs, snapshotterRoot } from '../image/image-fs.ts';
import { ImageStore } from '../image/image-store.ts';
import { hostPlatform } from '../image/platform.ts';
import { PodImages } from '../image/pod-images.ts';
import { ImagePuller } from '../image/pull.ts';
import { kernelRootAccess } from '../image/root-access.ts';
import { UserFiles } from '../image/user-files.ts';
import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Folders } from '../pod/folders.ts';

/** Everything about images, in step with containerd from here on. */
export interface ImageParts {
  readonly store: ImageStore;
  readonly puller: ImagePuller;
  readonly imageFs: ImageFs;
  /** Images as Pods use them. */
  readonly pods: PodImages;
  stop(): Promise<void>;
}

/** Builds the image side and reads what is there. Rejects as containerd does. */
export async function buildImages(options: {
  readonly config: Config;
  readonly containerd: Containerd;
  readonly folders: Folders;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<ImageParts> {
  const { config, containerd, clock, log } = options;
  const { snapshotter, configPath, sandbox } = config.images;
  const snapshots = containerd.snapshots(snapshotter);
  const platform = hostPlatform();
  const store = new ImageStore({ records: containerd.images, content: containerd.content, platform, log });
  const puller = new ImagePuller({
    records: containerd.images,
    leases: containerd.leases,
    transfer: containerd.transfer,
    snapshots,
    store,
    clock,
    log,
    platform,
    snapshotter,
    hostsDir: configPath,
    pinned: [sandbox],
  });
  const mountpoint = await snapshotterRoot(containerd.introspection, snapshotter);
  const imageFs = new ImageFs({ snapshots, content: containerd.content, clock, log, mountpoint });
  const folder = path.join(options.folders.state, 'images');
  const userFiles = new UserFiles({ snapshots, leases: containerd.leases, access: kernelRootAccess, folder, log });
  await Promise.all([puller.sweep(), userFiles.sweep()]);
  await store.resync();
  await imageFs.count();
  store.onChange(() => imageFs.refresh());
  const following = followImages(containerd, store, log);
  return {
    store,
    puller,
    imageFs,
    pods: new PodImages(store, puller, userFiles),
    async stop() {
      await Promise.all([following.stop(), imageFs.stop()]);
    },
  };
}

/** Keeps the store in step with what others do to containerd's images (ctr, nerdctl, a second client). */
function followImages(containerd: Containerd, store: ImageStore, log: Log): { stop(): Promise<void> } {
  const stop = new AbortController();
  const refresh = (name: string): void => {
    store.refresh(name).catch((error: unknown) => {
      log.warn({ image: name, error: messageOf(error) }, 'could not look at an image that changed');
    });
  };
  const ended = containerd.events.openEvents({
    filters: ['topic~="^/images/"'],
    onEvent(event) {
      if (event.type === 'imageCreate' || event.type === 'imageUpdate' || event.type === 'imageDelete') refresh(event.name);
    },
    onGap: () => store.resync(),
    signal: stop.signal,
  });
  return {
    async stop() {
      stop.abort();
      await ended;
    },
  };
}
