import assert from 'node:assert/strict';
import type { OciResources } from '../../../src/spec/oci.ts';
import { refuseHugepageChange, toTaskResources } from '../../../src/spec/task-resources.ts';
import { host, invalid } from './fixtures.ts';

const v1 = { ...host, cgroupVersion: 1 as const };
const pages = (...limits: (readonly [pageSize: string, limit: number | bigint])[]): OciResources => ({
  hugepageLimits: limits.map(([pageSize, limit]) => ({ pageSize, limit })),
});

describe("a task's update", () => {
  it('carries neither the devices nor the number of processes', () => {
    const given: OciResources = { devices: [{ allow: false, access: 'rwm' }], pids: { limit: 5 }, cpu: { shares: 2 } };
    assert.deepEqual(toTaskResources(given, host), { cpu: { shares: 2 } });
  });

  it('carries limits of huge pages as the files that they are on v2, which runc writes', () => {
    const { unified } = toTaskResources({ ...pages(['2MB', 4_194_304], ['1GB', 0]), unified: { 'memory.low': '0' } }, host);
    assert.deepEqual(unified, {
      'hugetlb.2MB.max': '4194304',
      'hugetlb.2MB.rsvd.max': '4194304',
      'hugetlb.1GB.max': '0',
      'hugetlb.1GB.rsvd.max': '0',
      'memory.low': '0',
    });
  });

  it('has the last word of unified, as at the creation', () => {
    const { unified } = toTaskResources({ ...pages(['2MB', 1]), unified: { 'hugetlb.2MB.max': 'max' } }, host);
    assert.deepEqual(unified, { 'hugetlb.2MB.max': 'max', 'hugetlb.2MB.rsvd.max': '1' });
  });

  it('has no unified on v1, nor where nothing asks for it', () => {
    assert.equal('unified' in toTaskResources(pages(['2MB', 1]), v1), false);
    assert.equal('unified' in toTaskResources({ cpu: { shares: 2 } }, host), false);
  });
});

describe('a change of huge pages on cgroup v1', () => {
  it('is refused with what holds and what was asked', () => {
    assert.throws(() => refuseHugepageChange(pages(['2MB', 0]), pages(['2MB', 4096])), invalid('linux.hugepage_limits', '2MB', '4096', 'it stays 0'));
    assert.throws(() => refuseHugepageChange({}, pages(['2MB', 0])), invalid('linux.hugepage_limits', 'there is none'));
  });

  it('is none where the limits are repeated, or nothing is said of them', () => {
    refuseHugepageChange(pages(['2MB', 2n ** 60n], ['1GB', 0]), pages(['2MB', 2n ** 60n], ['1GB', 0]));
    refuseHugepageChange({}, { cpu: { shares: 2 } });
  });
});
