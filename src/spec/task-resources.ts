import { invalidField } from '../lib/errors.ts';
import type { HostFacts } from './host-facts.ts';
import type { OciResources } from './oci.ts';

/**
 * What a task update carries: all but what is fixed at creation. runc (1.5) passes over the limits of huge pages in an
 * update, and writes those of the creation again instead. It takes `unified` though, and writes it last: so on v2 they
 * go as the files they are in the cgroup, in every update.
 */
export function toTaskResources(resources: OciResources, host: Pick<HostFacts, 'cgroupVersion'>): OciResources {
  const { devices: _devices, pids: _pids, ...rest } = resources;
  const limits = rest.hugepageLimits ?? [];
  if (host.cgroupVersion === 1 || limits.length === 0) return rest;
  // As runc does at creation: pages in use, and pages reserved by a mapping.
  const files = limits.flatMap(({ pageSize, limit }) =>
    ['max', 'rsvd.max'].map((file) => [`hugetlb.${pageSize}.${file}`, String(limit)] as const),
  );
  return { ...rest, unified: { ...Object.fromEntries(files), ...rest.unified } };
}

/**
 * invalidArgument where a running container's limit of huge pages would become another on cgroup v1, which has no
 * `unified` to bring it to the OCI runtime. The kubelet repeats the limits of the creation with each update.
 */
export function refuseHugepageChange(before: OciResources, after: OciResources): void {
  const had = new Map((before.hugepageLimits ?? []).map(({ pageSize, limit }) => [pageSize, limit]));
  for (const { pageSize, limit } of after.hugepageLimits ?? []) {
    if (had.get(pageSize) === limit) continue;
    const is = had.has(pageSize) ? `it stays ${had.get(pageSize)}` : 'there is none';
    throw invalidField('linux.hugepage_limits', { pageSize, limit: String(limit) }, `${is}: on cgroup v1 the OCI runtime changes no limit of huge pages of what runs`);
  }
}
