import { invalidField } from '../lib/errors.ts';
import type { LinuxContainerResources__Output } from '../types/cri/runtime/v1/LinuxContainerResources.ts';

const cpuList = /^\d+(?:-\d+)?(?:,\d+(?:-\d+)?)*$/u;

/**
 * invalidArgument for resources that no kernel could give, named below `field` (CRI LinuxContainerResources): the
 * OCI runtime would refuse them at the start, in words about its own types. -1 is no limit where there is one.
 */
export function checkResources(field: string, given: LinuxContainerResources__Output): void {
  atLeast(`${field}.cpu_period`, given.cpuPeriod, 0n);
  atLeast(`${field}.cpu_shares`, given.cpuShares, 0n);
  atLeast(`${field}.cpu_quota`, given.cpuQuota, -1n);
  atLeast(`${field}.memory_limit_in_bytes`, given.memoryLimitInBytes, -1n);
  atLeast(`${field}.memory_swap_limit_in_bytes`, given.memorySwapLimitInBytes, -1n);
  const oomScoreAdj = BigInt(given.oomScoreAdj);
  if (oomScoreAdj < -1000n || oomScoreAdj > 1000n) {
    throw invalidField(`${field}.oom_score_adj`, given.oomScoreAdj, 'it goes from -1000 to 1000');
  }
  checkCpuList(`${field}.cpuset_cpus`, given.cpusetCpus);
  checkCpuList(`${field}.cpuset_mems`, given.cpusetMems);
  for (const key of Object.keys(given.unified)) {
    // It becomes the name of a file in the container's cgroup.
    if (!/^[a-z][\w-]*(?:\.[\w-]+)+$/u.test(key)) {
      throw invalidField(`${field}.unified`, key, 'not the name of a cgroup file, which looks like memory.high');
    }
  }
}

function atLeast(field: string, given: string, least: bigint): void {
  if (BigInt(given) < least) throw invalidField(field, given, `it is at least ${least}`);
}

function checkCpuList(field: string, given: string): void {
  if (given !== '' && !cpuList.test(given)) throw invalidField(field, given, 'a list looks like 0-3,7');
}
