import { availableParallelism } from 'node:os';
import path from 'node:path';
import type { Config } from '../config/config.ts';
import type { Containerd } from '../containerd/client.ts';
import type { Snapshots } from '../containerd/snapshots.ts';
import { FileSystems } from '../image/file-systems.ts';
import { ImageFs, snapshotterRoot } from '../image/image-fs.ts';
import { ImageStore } from '../image/image-store.ts';
import { hostPlatform } from '../image/platform.ts';
import { Pins } from '../image/pins.ts';
import { PodImages } from '../image/pod-images.ts';
import { ImagePuller } from '../image/pull.ts';
import { kernelRootAccess } from '../image/root-access.ts';
import { Unpacker } from '../image/unpack.ts';
import { UserFiles } from '../image/user-files.ts';
import type { Clock } from '../lib/clock.ts';
import { isKind, messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import type { Folders } from '../pod/folders.ts';
import { snapshotterOf } from './runtimes.ts';

// More at a time wait for the disk rather than for a processor.
const MOST_UNPACKS = 4;

/** Everything about images, in step with containerd from here on. */
export interface ImageParts {
  readonly store: ImageStore;
  readonly puller: ImagePuller;
  readonly fileSystems: FileSystems;
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
  const { snapshotter, configPath, sandbox, pinned, maxConcurrentPulls, maxConcurrentUnpacks, noProgressTimeout } = config.images;
  const { leases, content, introspection } = containerd;
  const snapshots = (name: string): Snapshots => containerd.snapshots(name);
  const platform = hostPlatform();
  const store = new ImageStore({ records: containerd.images, content, platform, log });
  const unpacker = new Unpacker({
    content,
    diff: containerd.diff,
    leases,
    snapshots,
    introspection,
    platform,
    log,
    maxConcurrent: maxConcurrentUnpacks > 0 ? maxConcurrentUnpacks : Math.min(availableParallelism(), MOST_UNPACKS),
  });
  const puller = new ImagePuller({
    records: containerd.images,
    content,
    leases,
    transfer: containerd.transfer,
    unpacker,
    store,
    clock,
    log,
    platform,
    snapshotter,
    hostsDir: configPath,
    pins: new Pins([sandbox, ...pinned]),
    maxConcurrent: maxConcurrentPulls,
    noProgressTimeoutMs: noProgressTimeout * 1_000,
  });
  const fileSystems = await buildFileSystems(options);
  const folder = path.join(options.folders.state, 'images');
  const userFiles = new UserFiles({ snapshots, leases, access: kernelRootAccess, folder, log });
  await Promise.all([puller.sweep(), userFiles.sweep(), sweepLeases(containerd)]);
  await store.resync();
  await Promise.all([puller.reconcilePins(store.list()), fileSystems.count()]);
  store.onChange(() => fileSystems.refresh());
  const following = followImages(containerd, store, puller, log);
  return {
    store,
    puller,
    fileSystems,
    pods: new PodImages(store, puller, userFiles, unpacker),
    async stop() {
      await Promise.all([following.stop(), fileSystems.stop(), puller.settled()]);
    },
  };
}

/** The file systems of the default snapshotter, which the kubelet takes for the images', and of the handlers' own. */
async function buildFileSystems(options: {
  readonly config: Config;
  readonly containerd: Containerd;
  readonly clock: Clock;
  readonly log: Log;
}): Promise<FileSystems> {
  const { config, containerd, clock, log } = options;
  const handlers = Object.keys(config.runtimes.handlers).map((name) => snapshotterOf(config, name));
  const snapshotters = [...new Set([config.images.snapshotter, ...handlers])];
  const fileSystems = snapshotters.map(async (name, position) => {
    const mountpoint = await snapshotterRoot(containerd.introspection, name);
    // Blobs are the same whichever snapshotter unpacks them, and count once.
    const content = position === 0 ? containerd.content : undefined;
    return [name, new ImageFs({ snapshots: containerd.snapshots(name), content, clock, log, mountpoint })] as const;
  });
  return new FileSystems(new Map(await Promise.all(fileSystems)), {
    images: config.images.snapshotter,
    containers: snapshotterOf(config, ''),
  });
}

/**
 * Ends the leases of what an earlier podwright was doing with images when it was killed: they would hold on to half a
 * pull for a day.
 */
async function sweepLeases({ leases }: Containerd): Promise<void> {
  const left = await leases.list(['pull', 'unpack', 'user-files'].map((act) => `labels."podwright.io/${act}"==true`));
  await Promise.all(
    left.map(({ id }) =>
      leases.delete(id).catch((error: unknown) => {
        if (!isKind(error, 'notFound')) throw error;
      }),
    ),
  );
}

/** Keeps the store in step with what others do to containerd's images (ctr, nerdctl, a second client). */
function followImages(containerd: Containerd, store: ImageStore, puller: ImagePuller, log: Log): { stop(): Promise<void> } {
  const stop = new AbortController();
  const look = async (name: string): Promise<void> => {
    await store.refresh(name);
    await puller.pinFound(name);
  };
  const refresh = (name: string): void => {
    look(name).catch((error: unknown) => {
      log.warn({ image: name, error: messageOf(error) }, 'could not look at an image that changed');
    });
  };
  const ended = containerd.events.openEvents({
    filters: ['topic~="^/images/"', 'topic=="/content/create"'],
    onEvent(event) {
      if (event.type === 'contentCreate') puller.blobArrived(event.digest);
      else if (event.type === 'imageCreate' || event.type === 'imageUpdate' || event.type === 'imageDelete') refresh(event.name);
    },
    onGap: async () => {
      await Promise.all([puller.dropOwed(), containerd.leases.deleteOwed()]);
      await store.resync();
      for (const { id } of store.list()) await puller.pinFound(id);
    },
    signal: stop.signal,
  });
  return {
    async stop() {
      stop.abort();
      await ended;
    },
  };
}
