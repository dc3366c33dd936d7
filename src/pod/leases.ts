/**
 * The lease that keeps containerd's garbage collection away from a sandbox's snapshots. A snapshot with
 * neither a lease nor a container record is garbage, and the two are made side by side: without a lease one
 * in a hundred was collected in between. One lease serves the whole life of a sandbox, all its containers
 * too, so that no container pays for one of its own; what is removed is removed by name all the same.
 */
export function sandboxLease(sandboxId: string): string {
  return `podwright-sandbox-${sandboxId}`;
}

/** The label by which recovery finds podwright's leases again. */
export const leaseLabel = 'podwright.dev/sandbox';
