import type { NodeFacts } from '../../test/support/node/facts.ts';

/** The KubeletConfiguration that the suite makes its own out of. */
export function kubeletConfig(facts: NodeFacts): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    podCIDR: `${facts.subnet}.0/24`,
    fileCheckFrequency: '1s',
    volumeStatsAggPeriod: '10s',
    serializeImagePulls: false,
    failCgroupV1: false,
    cgroupDriver: 'cgroupfs',
    // The suite looks for the groups of Pods there.
    cgroupRoot: '/',
    enforceNodeAllocatable: [],
    failSwapOn: false,
    evictionHard: {},
    makeIPTablesUtilChains: false,
    oomScoreAdj: 0,
  };
}
