import assert from 'node:assert/strict';
import fc from 'fast-check';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { cgroupFolder, cgroupOomKills, removeCgroup, sliceFolder } from '../../../src/linux/cgroup.ts';
import { readCgroupStats } from '../../../src/linux/cgroup-read.ts';
import { keyedNumber, parseCgroupV1, parseCgroupV2, parseLimit, parsePressure } from '../../../src/linux/cgroup-stats.ts';
import { isKind } from '../../../src/lib/errors.ts';

// Recorded on Linux 6.1 with cgroup v2, from a container with a limit of 64 MiB.
const v2 = {
  'cpu.stat': 'usage_usec 1234567\nuser_usec 1000000\nsystem_usec 234567\nnr_periods 0\nnr_throttled 0\nthrottled_usec 0\n',
  'cpu.pressure':
    'some avg10=1.50 avg60=0.75 avg300=0.10 total=4242\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=17\n',
  'memory.current': '20971520\n',
  'memory.max': '67108864\n',
  'memory.stat':
    'anon 4194304\nfile 16777216\nkernel_stack 49152\npagetables 147456\ninactive_anon 0\nactive_anon 4190208\ninactive_file 12582912\nactive_file 4194304\npgfault 5151\npgmajfault 7\n',
  'memory.swap.current': '8192\n',
  'memory.swap.max': 'max\n',
  'io.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=5\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=3\n',
  'pids.current': '3\n',
};

// Recorded on Linux 6.18 with cgroup v1.
const v1 = {
  'cpuacct.usage': '987654321\n',
  'memory.usage_in_bytes': '9515008\n',
  'memory.limit_in_bytes': '9223372036854771712\n',
  'memory.memsw.usage_in_bytes': '9519104\n',
  'memory.memsw.limit_in_bytes': '9223372036854771712\n',
  'memory.stat':
    'cache 9515008\nrss 11284480\nhierarchical_memory_limit 9223372036854771712\ntotal_cache 911314944\ntotal_rss 247341056\ntotal_pgfault 62999338\ntotal_pgmajfault 8201\ntotal_inactive_file 49152\n',
  'pids.current': '12\n',
};

describe('cgroup stats', () => {
  it('come out of the files of cgroup v2', () => {
    const none = { avg10: 0, avg60: 0, avg300: 0 };
    assert.deepEqual(parseCgroupV2(v2), {
      cpu: {
        usageNs: 1_234_567_000n,
        pressure: {
          some: { avg10: 1.5, avg60: 0.75, avg300: 0.1, totalNs: 4_242_000n },
          full: { ...none, totalNs: 17_000n },
        },
      },
      memory: {
        usageBytes: 20_971_520n,
        workingSetBytes: 8_388_608n,
        rssBytes: 4_194_304n,
        pageFaults: 5151n,
        majorPageFaults: 7n,
        limitBytes: 67_108_864n,
      },
      swap: { usageBytes: 8192n },
      io: { pressure: { some: { ...none, totalNs: 5000n }, full: { ...none, totalNs: 3000n } } },
      pids: { current: 3n },
    });
  });

  it('come out of the files of cgroup v1', () => {
    assert.deepEqual(parseCgroupV1(v1), {
      cpu: { usageNs: 987_654_321n },
      memory: {
        usageBytes: 9_515_008n,
        workingSetBytes: 9_465_856n,
        rssBytes: 247_341_056n,
        pageFaults: 62_999_338n,
        majorPageFaults: 8201n,
      },
      swap: { usageBytes: 4096n },
      pids: { current: 12n },
    });
  });

  it('leave out what the kernel does not tell', () => {
    assert.deepEqual(parseCgroupV2({}), {});
    assert.deepEqual(parseCgroupV1({ 'pids.current': 'rubbish' }), {});
    assert.equal(parsePressure(''), undefined);
    assert.equal(parsePressure('some avg10=0.00 avg60=0.00 avg300=0.00 total=9\n')?.full.totalNs, 0n);
  });

  it('never have a negative working set', () => {
    const stats = parseCgroupV2({ ...v2, 'memory.current': '4096\n' });
    assert.equal(stats.memory?.workingSetBytes, 0n);
  });

  for (const text of ['max\n', '9223372036854771712\n', '', undefined]) {
    it(`take ${JSON.stringify(text)} for no limit`, () => assert.equal(parseLimit(text), undefined));
  }
});

describe('a number of keyed lines', () => {
  it('is found whichever line it is in, and by its whole key', () => {
    const keys = fc.uniqueArray(fc.stringMatching(/^[a-z_]{1,6}$/), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(keys, fc.array(fc.bigInt(0n, 2n ** 64n), { minLength: 12, maxLength: 12 }), fc.boolean(), (names, numbers, ends) => {
        const lines = names.map((name, i) => `${name} ${numbers[i] ?? 0n}`);
        const text = `${lines.join('\n')}${ends ? '\n' : ''}`;
        for (const [i, name] of names.entries()) assert.equal(keyedNumber(text, name), numbers[i]);
      }),
    );
  });

  it('is undefined without such a line, and where it has no number', () => {
    for (const text of [undefined, '', 'oom_kill\n', 'oom_kill max\n', 'oom_kill_disable 1\n', 'xoom_kill 1\n']) {
      assert.equal(keyedNumber(text, 'oom_kill'), undefined);
    }
  });
});

describe('cgroup paths', () => {
  for (const [cgroupsPath, folder] of [
    ['/kubepods/burstable/pod1/abc', '/kubepods/burstable/pod1/abc'],
    ['k8s.io/abc', '/k8s.io/abc'],
    ['/a/../../b', '/b'],
    [
      'kubepods-burstable-pod1.slice:cri-containerd:abc',
      '/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice/cri-containerd-abc.scope',
    ],
    ['kubepods-pod1.slice', '/kubepods.slice/kubepods-pod1.slice'],
    ['/kubepods.slice/kubepods-pod1.slice', '/kubepods.slice/kubepods-pod1.slice'],
    ['/kubepods-pod1.slice', '/kubepods.slice/kubepods-pod1.slice'],
    [':cri-containerd:abc', '/system.slice/cri-containerd-abc.scope'],
    ['-.slice::abc', '/abc.scope'],
  ] as const) {
    it(`find ${cgroupsPath} at ${folder}`, () => assert.equal(cgroupFolder(cgroupsPath), folder));
  }

  it('spell a slice with its parents', () => {
    assert.equal(sliceFolder('test.slice'), '/test.slice');
    assert.equal(sliceFolder('a-b.slice'), '/a.slice/a-b.slice');
  });
});

describe('a cgroup on v1', () => {
  let root = '';
  beforeEach(() => (root = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-cgroup-'))));
  afterEach(() => fs.rmSync(root, { recursive: true }));

  function put(file: string, text: string): void {
    fs.mkdirSync(path.dirname(path.join(root, file)), { recursive: true });
    fs.writeFileSync(path.join(root, file), text);
  }

  it('is read from its hierarchies', () => {
    for (const [file, text] of Object.entries(v1)) put(`${file.split('.')[0] ?? ''}/pod/c/${file}`, text);
    const { swap, pids, ...both } = parseCgroupV1(v1);
    assert.deepEqual(readCgroupStats('pod', '/pod/c', 1, root), { ...both, pids });
    assert.deepEqual(readCgroupStats('container', '/pod/c', 1, root), { ...both, swap });
  });

  it('is read as v2 where there is one hierarchy', () => {
    for (const [file, text] of Object.entries(v2)) put(`pod/c/${file}`, text);
    const { swap, pids, ...both } = parseCgroupV2(v2);
    assert.deepEqual(readCgroupStats('pod', '/pod/c', 2, root), { ...both, pids });
    assert.deepEqual(readCgroupStats('container', '/pod/c', 2, root), { ...both, swap });
  });

  it('is read whole when a file is longer than one read', () => {
    const stat = `${'x'.repeat(20_000)} 1\n${v1['memory.stat']}`;
    for (const [file, text] of Object.entries(v1)) put(`${file.split('.')[0] ?? ''}/pod/c/${file}`, text);
    put('memory/pod/c/memory.stat', stat);
    const { pids: _, ...rest } = parseCgroupV1(v1);
    assert.deepEqual(readCgroupStats('container', '/pod/c', 1, root), rest);
  });

  it('has no stats when it has vanished', () => {
    assert.equal(readCgroupStats('pod', '/gone', 1, root), undefined);
    assert.equal(readCgroupStats('pod', '/gone', 2, root), undefined);
  });

  it('tells how often the kernel killed for memory', async () => {
    put('memory/pod/c/memory.oom_control', 'oom_kill_disable 0\nunder_oom 0\noom_kill 2\n');
    assert.equal(await cgroupOomKills('/pod/c', root), 2);
    assert.equal(await cgroupOomKills('/pod/gone', root), undefined);
  });

  it('is removed from every hierarchy with those below it, and may be missing', async () => {
    for (const controller of ['memory', 'pids', 'unified']) fs.mkdirSync(path.join(root, controller, 'pod/c/child'), { recursive: true });
    fs.mkdirSync(path.join(root, 'cpu'));
    await removeCgroup('/pod/c', root);
    await removeCgroup('/pod/c', root);
    assert.deepEqual(fs.readdirSync(path.join(root, 'memory/pod')), []);
    assert.deepEqual(fs.readdirSync(path.join(root, 'unified/pod')), []);
  });

  it('is never the root', async () => {
    for (const bad of ['/', '', '/a/..']) {
      await assert.rejects(removeCgroup(bad, root), (error) => isKind(error, 'invalidArgument'));
    }
  });
});
