import assert from 'node:assert/strict';
import fc from 'fast-check';
import { checkResources } from '../../../src/spec/validate-resources.ts';
import { validateContainerConfig } from '../../../src/spec/validate.ts';
import type { LinuxContainerResources__Output } from '../../../src/types/cri/runtime/v1/LinuxContainerResources.ts';
import { containerConfig, invalid, resources, sandboxConfig } from './fixtures.ts';

describe('resources', () => {
  const refused: [what: string, over: Partial<LinuxContainerResources__Output>, words: string[]][] = [
    ['a negative period', { cpuPeriod: '-1' }, ['linux.cpu_period is "-1"', 'at least 0']],
    ['negative shares', { cpuShares: '-5' }, ['linux.cpu_shares is "-5"']],
    ['a quota below none', { cpuQuota: '-2' }, ['linux.cpu_quota is "-2"', 'at least -1']],
    ['a memory limit below none', { memoryLimitInBytes: '-9223372036854775808' }, ['linux.memory_limit_in_bytes']],
    ['a swap limit below none', { memorySwapLimitInBytes: '-2' }, ['linux.memory_swap_limit_in_bytes']],
    ['an oom_score_adj that there is not', { oomScoreAdj: '1001' }, ['linux.oom_score_adj is "1001"']],
    ['CPUs that are no list', { cpusetCpus: '0,x' }, ['linux.cpuset_cpus is "0,x"', '0-3,7']],
    ['memory nodes that are no list', { cpusetMems: ' ' }, ['linux.cpuset_mems']],
    ['a key that leads out of the cgroup', { unified: { '../memory.max': '1' } }, ['linux.unified is "../memory.max"']],
    ['a key that is none', { unified: { '': '1' } }, ['linux.unified is ""']],
  ];
  for (const [what, over, words] of refused) {
    it(`are refused for ${what}`, () => {
      assert.throws(() => checkResources('linux', resources(over)), invalid(...words));
    });
  }

  it('are refused under their whole path when a container is created', () => {
    const config = containerConfig({ linux: { securityContext: null, resources: resources({ cpuShares: '-1' }) } });
    assert.throws(() => validateContainerConfig(config, sandboxConfig()), invalid('config.linux.resources.cpu_shares is "-1"'));
  });

  it('pass as the kubelet sends them, with every key of unified', () => {
    const unified = { 'memory.min': '0', 'memory.high': 'max', 'memory.swap.max': '0', 'memory.oom.group': '1', 'hugetlb.2MB.max': '0' };
    const given = resources({ cpuQuota: '-1', memoryLimitInBytes: '9223372036854771712', cpusetCpus: '0-3,7', cpusetMems: '0', unified });
    assert.doesNotThrow(() => checkResources('linux', given));
  });

  it('may be any numbers from 0 on', () => {
    const number = fc.bigInt({ min: 0n, max: 2n ** 63n - 1n }).map(String);
    fc.assert(
      fc.property(fc.record({ cpuPeriod: number, cpuShares: number, cpuQuota: number, memoryLimitInBytes: number }), (over) => {
        checkResources('linux', resources(over));
      }),
    );
  });
});
