import type { Descriptor__Output } from '../types/containerd/containerd/types/Descriptor.ts';

/** A blob as OCI's image-spec names it (descriptor.md); `size` in bytes. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: bigint;
  readonly annotations: Readonly<Record<string, string>>;
}

/** For the wire, which has 64-bit numbers as text. */
export function toWireDescriptor(descriptor: Descriptor) {
  const { mediaType, digest, size, annotations } = descriptor;
  return { mediaType, digest, size: size.toString(), annotations: { ...annotations } };
}

/** From the wire; an absent one has neither digest nor size. */
export function fromWireDescriptor(descriptor: Descriptor__Output | null): Descriptor {
  return {
    mediaType: descriptor?.mediaType ?? '',
    digest: descriptor?.digest ?? '',
    size: BigInt(descriptor?.size ?? 0),
    annotations: descriptor?.annotations ?? {},
  };
}
