import assert from 'node:assert/strict';

import type { OciResources } from '../../../src/spec/oci.ts';
import { mergeResources, toCriResources } from '../../../src/spec/resources.ts';
import { host, invalid, resources } from './fixtures.ts';

const v1 = { ...host, cgroupVersion: 1 as const };
const noSwap = { ...host, swapController: false };
const devices = [{ allow: false, access: 'rwm' }];
const beyond = { blockIO: { weight: 300 }, rdma: {} };

describe('OCI resources from the CRI’s', () => {
  const table: { name: string; base?: OciResources; given: Parameters<typeof resources>[0]; facts?: typeof host; expected: OciResources }[] = [
    { name: 'are empty when all is zero', given: {}, expected: {} },
    {
      name: 'have each value that is given',
      given: { cpuPeriod: '100000', cpuQuota: '-1', cpuShares: '512', cpusetCpus: '0-1', cpusetMems: '0' },
      expected: { cpu: { shares: 512, quota: -1, period: 100_000, cpus: '0-1', mems: '0' } },
    },
    { name: 'allow no swap beside a memory limit', given: { memoryLimitInBytes: '1000' }, expected: { memory: { limit: 1000, swap: 1000 } } },
    { name: 'say nothing of swap where the host has no swap controller', given: { memoryLimitInBytes: '1000', memorySwapLimitInBytes: '2000' }, facts: noSwap, expected: { memory: { limit: 1000 } } },
    { name: 'allow the swap asked for', given: { memoryLimitInBytes: '1000', memorySwapLimitInBytes: '1500' }, expected: { memory: { limit: 1000, swap: 1500 } } },
    { name: 'keep a limit of 64 bits whole', given: { memoryLimitInBytes: '9223372036854775807' }, facts: noSwap, expected: { memory: { limit: 9_223_372_036_854_775_807n } } },
    {
      name: 'limit the huge pages that the host has, zero included, and pass over the rest',
      given: { hugepageLimits: [{ pageSize: '2MB', limit: '0' }, { pageSize: '64KB', limit: '0' }] },
      expected: { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] },
    },
    { name: 'tolerate huge pages without a controller', given: { hugepageLimits: [{ pageSize: '2MB', limit: '0' }] }, facts: { ...host, hugetlbSizes: [] }, expected: {} },
    { name: 'hand unified over on v2', given: { unified: { 'memory.min': '0' } }, expected: { unified: { 'memory.min': '0' } } },
    { name: 'drop unified on v1', given: { unified: { 'memory.min': '0' } }, facts: v1, expected: {} },
    {
      name: 'keep what a cpuset-only update does not name',
      base: { devices, cpu: { shares: 2, cpus: '0-3' }, memory: { limit: 10, swap: 10 }, unified: { 'memory.low': '5' } },
      given: { cpusetCpus: '1' },
      expected: { devices, cpu: { shares: 2, cpus: '1' }, memory: { limit: 10, swap: 10 }, unified: { 'memory.low': '5' } },
    },
    {
      name: 'merge unified by key, a later value clearing an earlier',
      base: { unified: { 'memory.high': '100', 'memory.low': '7' } },
      given: { unified: { 'memory.high': 'max', 'memory.min': '0' } },
      expected: { unified: { 'memory.high': 'max', 'memory.low': '7', 'memory.min': '0' } },
    },
    { name: 'raise swap with the limit it was equal to', base: { memory: { limit: 10, swap: 10 } }, given: { memoryLimitInBytes: '20' }, expected: { memory: { limit: 20, swap: 20 } } },
    { name: 'lower swap with the limit it was equal to', base: { memory: { limit: 10, swap: 10 } }, given: { memoryLimitInBytes: '5' }, expected: { memory: { limit: 5, swap: 5 } } },
    { name: 'keep swap that was allowed while the limit stays below', base: { memory: { limit: 10, swap: 30 } }, given: { memoryLimitInBytes: '20' }, expected: { memory: { limit: 20, swap: 30 } } },
    { name: 'raise swap that the limit overtakes', base: { memory: { limit: 10, swap: 15 } }, given: { memoryLimitInBytes: '20' }, expected: { memory: { limit: 20, swap: 20 } } },
    { name: 'keep unlimited swap when the limit grows', base: { memory: { limit: 10, swap: -1 } }, given: { memoryLimitInBytes: '20' }, expected: { memory: { limit: 20, swap: -1 } } },
    { name: 'lift the limit of swap with that of memory', base: { memory: { limit: 10, swap: 30 } }, given: { memoryLimitInBytes: '-1' }, expected: { memory: { limit: -1, swap: -1 } } },
    {
      name: 'keep what a base spec says beyond the CRI',
      base: { ...beyond, memory: { limit: 10, swap: 10, reservation: 5 } } as OciResources,
      given: { memoryLimitInBytes: '20' },
      facts: noSwap,
      expected: { ...beyond, memory: { limit: 20, reservation: 5 } } as OciResources,
    },
    {
      name: 'list a huge page size once after an update',
      base: { hugepageLimits: [{ pageSize: '2MB', limit: 0 }] },
      given: { hugepageLimits: [{ pageSize: '2MB', limit: '4096' }] },
      expected: { hugepageLimits: [{ pageSize: '2MB', limit: 4096 }] },
    },
  ];
  for (const { name, base = {}, given, facts = host, expected } of table) {
    it(name, () => {
      assert.deepEqual(mergeResources(base, resources(given), facts), expected);
    });
  }

  it('stay as they are without a word about them', () => {
    assert.deepEqual(mergeResources({ devices }, null, host), { devices });
  });

  it('are refused where a number is none', () => {
    assert.throws(() => mergeResources({}, resources({ cpuQuota: 'x' }), host), invalid('quota', '"x"'));
  });
});

describe('the CRI resources that a status tells', () => {
  const spec = (given: OciResources, oomScoreAdj?: number) =>
    ({ linux: { resources: given }, process: oomScoreAdj === undefined ? {} : { oomScoreAdj } }) as Parameters<typeof toCriResources>[0];

  it('are those of the spec, whole', () => {
    const given: OciResources = {
      devices,
      cpu: { shares: 2, quota: -1, period: 100_000, cpus: '0', mems: '1' },
      memory: { limit: 9_223_372_036_854_775_807n, swap: -1 },
      hugepageLimits: [{ pageSize: '2MB', limit: 0 }],
      unified: { 'memory.high': 'max' },
    };
    assert.deepEqual(
      toCriResources(spec(given, -997)),
      resources({
        cpuShares: '2',
        cpuQuota: '-1',
        cpuPeriod: '100000',
        cpusetCpus: '0',
        cpusetMems: '1',
        memoryLimitInBytes: '9223372036854775807',
        memorySwapLimitInBytes: '-1',
        oomScoreAdj: '-997',
        hugepageLimits: [{ pageSize: '2MB', limit: '0' }],
        unified: { 'memory.high': 'max' },
      }),
    );
  });

  it('are nothing where the spec limits nothing', () => {
    assert.deepEqual(toCriResources(spec({ devices })), resources());
  });

  it('are not those that the host cannot give', () => {
    const asked = resources({ hugepageLimits: [{ pageSize: '2MB', limit: '4' }], unified: { 'memory.low': '1' }, memoryLimitInBytes: '8', memorySwapLimitInBytes: '9' });
    const poor = { ...v1, swapController: false, hugetlbSizes: [] };
    assert.deepEqual(toCriResources(spec(mergeResources({}, asked, poor))), resources({ memoryLimitInBytes: '8' }));
  });
});
