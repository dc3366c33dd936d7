import type { Timestamp__Output } from '../types/containerd/google/protobuf/Timestamp.ts';

const NS_PER_S = 1_000_000_000n;
// Go's zero time, 0001-01-01, is what containerd sends for "not yet" beside no value at all.
const GO_ZERO_SECONDS = -62_135_596_800n;

/** A protobuf Timestamp in nanoseconds since the epoch; 0n for none and for Go's zero time. */
export function toNs(timestamp: Timestamp__Output | null): bigint {
  if (timestamp === null) return 0n;
  const seconds = BigInt(timestamp.seconds);
  if (seconds <= GO_ZERO_SECONDS) return 0n;
  return seconds * NS_PER_S + BigInt(timestamp.nanos);
}

/** Nanoseconds since the epoch as a protobuf Timestamp, whose `nanos` count forward also before 1970. */
export function fromNs(ns: bigint): { seconds: string; nanos: number } {
  const nanos = ((ns % NS_PER_S) + NS_PER_S) % NS_PER_S;
  return { seconds: String((ns - nanos) / NS_PER_S), nanos: Number(nanos) };
}
