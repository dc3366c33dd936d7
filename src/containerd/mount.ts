/** A mount as containerd's snapshotters and shims speak of it. */
export interface Mount {
  readonly type: string;
  readonly source: string;
  readonly target: string;
  readonly options: readonly string[];
}

/** For the wire, whose arrays are mutable. */
export function toWireMount(mount: Mount): { type: string; source: string; target: string; options: string[] } {
  return { ...mount, options: [...mount.options] };
}
