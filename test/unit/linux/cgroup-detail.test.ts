import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { parseDetailV1, parseDetailV2 } from '../../../src/linux/cgroup-detail.ts';
import { readCgroupDetail } from '../../../src/linux/cgroup-read.ts';
import { cgroupFolder } from '../../../src/linux/cgroup.ts';
import { parseBlkio, parseIoStat } from '../../../src/linux/disk-counters.ts';

// Recorded on Linux 6.18 with cgroup v1, from a container with 24 MiB in which a process was killed.
const v1 = {
  'cpuacct.usage': '50515332\n',
  'cpuacct.usage_user': '24000000\n',
  'cpuacct.usage_sys': '24000000\n',
  'cpu.stat': 'nr_periods 7\nnr_throttled 2\nthrottled_time 1500000000\nnr_bursts 0\nburst_time 0\n',
  'cpu.shares': '1024\n',
  'cpu.cfs_period_us': '100000\n',
  'cpu.cfs_quota_us': '-1\n',
  'memory.usage_in_bytes': '188416\n',
  'memory.limit_in_bytes': '25165824\n',
  'memory.memsw.usage_in_bytes': '188416\n',
  'memory.memsw.limit_in_bytes': '25165824\n',
  'memory.max_usage_in_bytes': '25165824\n',
  'memory.failcnt': '0\n',
  'memory.kmem.usage_in_bytes': '139264\n',
  'memory.soft_limit_in_bytes': '9223372036854771712\n',
  'memory.oom_control': 'oom_kill_disable 0\nunder_oom 0\noom_kill 1\n',
  'memory.stat':
    'cache 0\nrss 49152\nmapped_file 4096\npgfault 7080\npgmajfault 3\ntotal_cache 8192\ntotal_rss 49152\ntotal_mapped_file 4096\n' +
    'total_dirty 12\ntotal_writeback 13\ntotal_workingset_refault_anon 14\ntotal_workingset_refault_file 15\ntotal_pgfault 7090\n' +
    'total_pgmajfault 4\ntotal_inactive_file 16\ntotal_active_file 17\n',
  'blkio.throttle.io_service_bytes_recursive': '8:0 Read 4096\n8:0 Write 8192\n8:0 Discard 0\n8:0 Total 12288\nTotal 12288\n',
  'blkio.throttle.io_serviced_recursive': '8:0 Read 1\n8:0 Write 2\nTotal 3\n',
  'pids.current': '2\n',
  'pids.max': 'max\n',
  'cgroup.procs': '4711\n4712\n',
};

// As Linux 6.8 writes them with cgroup v2.
const v2 = {
  'cpu.stat':
    'usage_usec 3000000\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000\nnr_bursts 1\nburst_usec 9\n',
  'cpu.weight': '20\n',
  'cpu.max': '50000 100000\n',
  'memory.current': '20971520\n',
  'memory.max': '67108864\n',
  'memory.peak': '33554432\n',
  'memory.min': '1048576\n',
  'memory.events': 'low 0\nhigh 5\nmax 6\noom 1\noom_kill 1\noom_group_kill 0\n',
  'memory.stat':
    'anon 4194304\nfile 16777216\nkernel 262144\nfile_mapped 8192\nfile_dirty 12\nfile_writeback 13\ninactive_file 12582912\nactive_file 4194304\n' +
    'workingset_refault_anon 14\nworkingset_refault_file 15\npgscan 18\npgsteal 19\npgfault 5151\npgmajfault 7\n',
  'memory.swap.current': '8192\n',
  'memory.swap.max': 'max\n',
  'io.stat': '259:0 rbytes=4096 wbytes=8192 rios=1 wios=2 dbytes=0 dios=0 cost.usage=77\n7:0 \n',
  'pids.current': '3\n',
  'pids.max': '100\n',
  'cgroup.procs': '12\n',
};

describe("a cgroup's detail", () => {
  it('comes out of the files of cgroup v1', () => {
    const { stats, cpu, memory, disks, limits, processes } = parseDetailV1(v1);
    assert.equal(stats.cpu?.usageNs, 50_515_332n);
    assert.deepEqual(cpu, {
      userNs: 24_000_000n,
      systemNs: 24_000_000n,
      periods: 7n,
      throttledPeriods: 2n,
      throttledNs: 1_500_000_000n,
      burstPeriods: 0n,
      burstNs: 0n,
    });
    assert.deepEqual(memory, {
      cacheBytes: 8192n,
      mappedFileBytes: 4096n,
      activeFileBytes: 17n,
      inactiveFileBytes: 16n,
      dirtyBytes: 12n,
      writebackBytes: 13n,
      kernelBytes: 139_264n,
      maxUsageBytes: 25_165_824n,
      limitHits: 0n,
      highHits: undefined,
      oomKills: 1n,
      ownPageFaults: 7080n,
      ownMajorPageFaults: 3n,
      scannedPages: undefined,
      reclaimedPages: undefined,
      refaultedFilePages: 15n,
      refaultedAnonPages: 14n,
    });
    assert.deepEqual(limits, {
      cpuShares: 1024n,
      cpuPeriodUs: 100_000n,
      cpuQuotaUs: undefined,
      swapBytes: 25_165_824n,
      reservationBytes: undefined,
      pids: undefined,
    });
    assert.deepEqual(processes, [4711, 4712]);
    assert.equal(disks.length, 1);
    assert.deepEqual([...(disks[0]?.bytes ?? [])], [['Read', 4096n], ['Write', 8192n], ['Discard', 0n], ['Total', 12_288n]]);
    assert.deepEqual([...(disks[0]?.operations ?? [])], [['Read', 1n], ['Write', 2n]]);
  });

  it('comes out of the files of cgroup v2', () => {
    const { cpu, memory, disks, limits, processes } = parseDetailV2(v2);
    assert.deepEqual(cpu, {
      userNs: 2_000_000_000n,
      systemNs: 1_000_000_000n,
      periods: 10n,
      throttledPeriods: 4n,
      throttledNs: 2_500_000_000n,
      burstPeriods: 1n,
      burstNs: 9000n,
    });
    assert.deepEqual(memory, {
      cacheBytes: 16_777_216n,
      mappedFileBytes: 8192n,
      activeFileBytes: 4_194_304n,
      inactiveFileBytes: 12_582_912n,
      dirtyBytes: 12n,
      writebackBytes: 13n,
      kernelBytes: 262_144n,
      maxUsageBytes: 33_554_432n,
      limitHits: 6n,
      highHits: 5n,
      oomKills: 1n,
      ownPageFaults: 5151n,
      ownMajorPageFaults: 7n,
      scannedPages: 18n,
      reclaimedPages: 19n,
      refaultedFilePages: 15n,
      refaultedAnonPages: 14n,
    });
    assert.deepEqual(limits, {
      cpuShares: 500n,
      cpuPeriodUs: 100_000n,
      cpuQuotaUs: 50_000n,
      swapBytes: undefined,
      reservationBytes: 1_048_576n,
      pids: 100n,
    });
    assert.deepEqual(processes, [12]);
    assert.deepEqual(
      disks.map(({ device, major, minor, bytes, costUs }) => [device, major, minor, bytes.get('Write'), costUs.get('usage')]),
      [['259:0', 259, 0, 8192n, 77n]],
    );
  });

  it('has no quota, limits or numbers where there are none', () => {
    const { cpu, memory, limits, disks, processes } = parseDetailV2({ 'cpu.max': 'max 100000\n' });
    assert.deepEqual([limits.cpuQuotaUs, limits.cpuPeriodUs, limits.cpuShares, limits.pids], [undefined, 100_000n, undefined, undefined]);
    assert.deepEqual([cpu.userNs, memory.cacheBytes, disks, processes], [undefined, undefined, [], []]);
  });

  it('is read from the folders of either version, and is undefined for a cgroup that is gone', () => {
    const root = fs.mkdtempSync(path.join(os.tmpdir(), 'pw-cgroup-'));
    try {
      const write = (folder: string, files: Readonly<Record<string, string>>): void => {
        fs.mkdirSync(path.join(root, folder), { recursive: true });
        for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(root, folder, name), text);
      };
      write('pod/new', v2);
      assert.equal(readCgroupDetail('/pod/new', 2, root)?.memory.maxUsageBytes, 33_554_432n);
      const of = (prefix: string): Record<string, string> => Object.fromEntries(Object.entries(v1).filter(([name]) => name.startsWith(prefix)));
      write('cpuacct/pod/old', { ...of('cpuacct.'), 'cgroup.procs': v1['cgroup.procs'] });
      write('cpu/pod/old', of('cpu.'));
      write('memory/pod/old', of('memory.'));
      write('blkio/pod/old', of('blkio.'));
      const detail = readCgroupDetail('/pod/old', 1, root);
      assert.deepEqual([detail?.cpu.periods, detail?.memory.oomKills, detail?.processes.length], [7n, 1n, 2]);
      assert.match(detail?.disks[0]?.device ?? '', /^(\/dev\/\w+|8:0)$/);
      assert.equal(readCgroupDetail('/pod/none', 1, root), undefined);
      assert.equal(readCgroupDetail('/pod/none', 2, root), undefined);
    } finally {
      fs.rmSync(root, { recursive: true });
    }
  });

  it('survives whatever a file of disks says', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, two) => {
        for (const disk of [...parseIoStat(one), ...parseBlkio(one, two)]) assert.ok(disk.major >= 0);
      }),
    );
  });

  it('lies for the bare name of a slice where systemd puts that slice', () => {
    assert.equal(cgroupFolder('kubepods-burstable-podx.slice'), '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podx.slice');
    assert.equal(cgroupFolder('/kubepods.slice/kubepods-podx.slice'), '/kubepods.slice/kubepods-podx.slice');
  });
});
