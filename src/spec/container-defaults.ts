import type { OciRlimit } from './oci.ts';

/** What the node's configuration gives to every container. */
export interface ContainerDefaults {
  /** `NAME=value`, for what neither the image nor the config sets. */
  readonly env: readonly string[];
  readonly rlimits: readonly OciRlimit[];
  /** The most processes a container may have; 0 for no limit. */
  readonly pidsLimit: number;
  /** The host's file with the time zone, to be seen as /etc/localtime. */
  readonly localtime?: string;
  /** Whether devices belong to the container's run_as_user and run_as_group. */
  readonly ownDevices: boolean;
}

/** Nothing but what Kubernetes and the image say. */
export const noDefaults: ContainerDefaults = { env: [], rlimits: [], pidsLimit: 0, ownDevices: false };
