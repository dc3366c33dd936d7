import { isKind } from '../lib/errors.ts';
import type { OciSpec } from '../spec/oci.ts';
import type { Parts } from './parts.ts';
import type { CallOptions, ImageFacts, SnapshotMount } from './ports.ts';

type LayerParts = Pick<Parts, 'containerd' | 'images'>;

/**
 * Does what needs an image's layers in a snapshotter. Where they are not, because the image was pulled for another
 * handler or imported without unpacking, it is unpacked and the act done again; it costs nothing where they are.
 */
export async function onLayers<T>(
  parts: LayerParts,
  of: { readonly image: ImageFacts; readonly snapshotter: string },
  act: (snapshots: ReturnType<Parts['containerd']['snapshots']>) => Promise<T>,
): Promise<T> {
  const snapshots = parts.containerd.snapshots(of.snapshotter);
  try {
    return await act(snapshots);
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
    await parts.images.unpack(of.image, of.snapshotter);
    return await act(snapshots);
  }
}

/** Makes a container's writable layer on its image. */
export async function prepareRoot(
  parts: LayerParts,
  of: {
    readonly key: string;
    readonly image: ImageFacts;
    readonly snapshotter: string;
    readonly labels: Readonly<Record<string, string>>;
  },
  call: CallOptions,
): Promise<SnapshotMount[]> {
  return await onLayers(parts, of, (snapshots) => snapshots.prepare(of.key, of.image.chainId, of.labels, call));
}

/** overlayfs of containerd 2 shifts owners by these labels, one range each, as `containerID:hostID:size`. */
export function idMapLabels(mappings: Pick<OciSpec['linux'], 'uidMappings' | 'gidMappings'>): Record<string, string> {
  const labels: Record<string, string> = {};
  const [uid] = mappings.uidMappings ?? [];
  const [gid] = mappings.gidMappings ?? [];
  if (uid !== undefined) labels['containerd.io/snapshot/uidmapping'] = `${uid.containerID}:${uid.hostID}:${uid.size}`;
  if (gid !== undefined) labels['containerd.io/snapshot/gidmapping'] = `${gid.containerID}:${gid.hostID}:${gid.size}`;
  return labels;
}
