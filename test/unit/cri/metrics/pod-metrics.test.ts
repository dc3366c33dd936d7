import assert from 'node:assert/strict';
import { metricDescriptors, toPodSandboxMetrics } from '../../../../src/cri/metrics/pod-metrics.ts';
import { listPodSandboxMetrics } from '../../../../src/cri/runtime/list-pod-sandbox-metrics.ts';
import { loadCriServices } from '../../../../src/cri/service.ts';
import { silentLog } from '../../../../src/lib/log.ts';
import { parseDetailV1, parseDetailV2, type CgroupDetail } from '../../../../src/linux/cgroup-detail.ts';
import { createContainer } from '../../../../src/pod/create-container.ts';
import { DetailReader, type DetailKernel } from '../../../../src/pod/details.ts';
import { runSandbox } from '../../../../src/pod/run-sandbox.ts';
import type { Sandbox } from '../../../../src/pod/sandbox.ts';
import { startContainer } from '../../../../src/pod/start-container.ts';
import { StatsReader } from '../../../../src/pod/stats.ts';
import type { Metric } from '../../../../src/types/cri/runtime/v1/Metric.ts';
import type { PodSandboxMetrics } from '../../../../src/types/cri/runtime/v1/PodSandboxMetrics.ts';
import { containerConfig, sandboxConfig } from '../../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../../support/pod-world.ts';

const full = parseDetailV2({
  'cpu.stat':
    'usage_usec 3999999\nuser_usec 2000000\nsystem_usec 1000000\nnr_periods 10\nnr_throttled 4\nthrottled_usec 2500000\nnr_bursts 1\nburst_usec 9\n',
  'cpu.weight': '20\n',
  'cpu.max': '50000 100000\n',
  'cpu.pressure': 'some avg10=0.00 avg60=0.00 avg300=0.00 total=7000000\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=5000000\n',
  'memory.current': '1000\n',
  'memory.max': 'max\n',
  'memory.stat': 'anon 300\nfile 600\ninactive_file 400\npgfault 5\npgmajfault 1\n',
  'memory.events': 'low 0\nhigh 5\nmax 6\noom 1\noom_kill 1\n',
  'io.stat': '8:0 rbytes=4096 wbytes=8192 rios=1 wios=2\n8:16 rbytes=1 wbytes=2 rios=3 wios=4\n',
  'pids.current': '3\n',
  'pids.max': 'max\n',
  'cgroup.procs': '12\n13\n',
});

const fileSystem = { device: '/dev/sda1', sizeBytes: 1_000_000n, inodes: 500n, freeInodes: 200n };

describe('the metrics of a Pod', () => {
  let world: PodWorld;
  let sandbox: Sandbox;
  let containerId: string;
  let details: Map<string, CgroupDetail | Error>;
  let reader: DetailReader;

  beforeEach(async () => {
    world = await makePodWorld();
    const { parts } = world;
    sandbox = parts.sandboxes.get(await runSandbox(parts, { config: sandboxConfig(), runtimeHandler: '' }));
    containerId = await start('main');
    details = new Map();
    const kernel: DetailKernel = {
      async cgroupDetail(cgroupsPath) {
        const told = [...details].find(([end]) => cgroupsPath.endsWith(end))?.[1];
        if (told instanceof Error) throw told;
        return told;
      },
      openFiles: async (pids) => ({ descriptors: 10 * pids.length, sockets: pids.length }),
      openFilesLimit: () => 1024n,
    };
    reader = new DetailReader(parts, kernel, new StatsReader(parts).layers);
  });
  afterEach(() => world.end());

  async function start(name: string): Promise<string> {
    const { parts } = world;
    const id = await createContainer(parts, sandbox, { config: containerConfig({ metadata: { name, attempt: 0 } }) });
    await startContainer(parts, parts.containers.get(id));
    return id;
  }

  async function read(): Promise<PodSandboxMetrics> {
    const detail = await reader.sandbox(sandbox);
    assert.ok(detail);
    return toPodSandboxMetrics(detail, { sandboxImage: 'registry.test/pause:1', fileSystem });
  }

  const values = (metrics: readonly Metric[] | undefined, name: string): string[] =>
    (metrics ?? []).filter((metric) => metric.name === name).map(({ value }) => String(value?.value));

  it('each have a descriptor with a key for every label, and no two are alike', async () => {
    details.set(containerId, full).set('/kubepods/poduid-1', full);
    const keysOf = new Map(metricDescriptors().map(({ name, labelKeys }) => [name, labelKeys]));
    assert.equal(keysOf.size, metricDescriptors().length, 'no name is described twice');
    const told = await read();
    const all = [...(told.metrics ?? []), ...(told.containerMetrics?.[0]?.metrics ?? [])];
    for (const { name, labelValues } of all) assert.equal(labelValues?.length, keysOf.get(String(name))?.length, String(name));
    const keys = all.map(({ name, labelValues }) => JSON.stringify([name, labelValues]));
    assert.equal(new Set(keys).size, keys.length);
    // What the files above do not tell.
    const untold = /network|io_cost|_swap$|kernel|max_usage|mapped|active|file_|pg|refault|pressure_(memory|io)/;
    const missing = [...keysOf.keys()].filter((name) => !all.some((metric) => metric.name === name));
    assert.deepEqual(missing.filter((name) => !untold.test(String(name))), []);
  });

  it('are in the unit that their name says', async () => {
    details.set(containerId, full);
    const { metrics } = (await read()).containerMetrics?.[0] ?? {};
    assert.deepEqual(values(metrics, 'container_cpu_usage_seconds_total'), ['3']);
    assert.deepEqual(values(metrics, 'container_cpu_cfs_throttled_seconds_total'), ['2']);
    assert.deepEqual(values(metrics, 'container_pressure_cpu_waiting_seconds_total'), ['7']);
    assert.deepEqual(values(metrics, 'container_pressure_cpu_stalled_seconds_total'), ['5']);
    assert.deepEqual(values(metrics, 'container_memory_working_set_bytes'), ['600']);
    assert.deepEqual(values(metrics, 'container_memory_failures_total'), ['5', '5', '1', '1']);
    assert.deepEqual(values(metrics, 'container_fs_writes_bytes_total'), ['8192', '2']);
    assert.deepEqual(values(metrics, 'container_spec_memory_limit_bytes'), ['0'], 'no limit is 0');
    assert.deepEqual(values(metrics, 'container_threads_max'), ['0']);
    assert.deepEqual(values(metrics, 'container_processes'), ['2']);
    assert.deepEqual(values(metrics, 'container_file_descriptors'), ['20']);
    assert.deepEqual(values(metrics, 'container_fs_limit_bytes'), ['1000000']);
    assert.ok(metrics?.every(({ timestamp }) => timestamp === '0'));
  });

  it('leave out what the kernel does not tell', async () => {
    details.set(containerId, parseDetailV1({ 'memory.usage_in_bytes': '1000\n', 'cpuacct.usage': '5\n' }));
    const { metrics } = (await read()).containerMetrics?.[0] ?? {};
    assert.deepEqual(values(metrics, 'container_memory_usage_bytes'), ['1000']);
    for (const name of ['container_memory_swap', 'container_memory_cache', 'container_cpu_cfs_periods_total', 'container_pressure_cpu_waiting_seconds_total']) {
      assert.deepEqual(values(metrics, name), [], name);
    }
  });

  it('are there though one of its containers cannot be read and another has vanished', async () => {
    const [broken, vanished] = [await start('broken'), await start('vanished')];
    details.set(containerId, full).set(broken, new Error('EACCES'));
    const told = await read();
    assert.deepEqual(told.containerMetrics?.map((one) => one.containerId), [containerId]);
    assert.ok(world.parts.containers.has(vanished));
  });

  it('are left out of the list when they cannot be read, and the others are not', async () => {
    const { parts } = world;
    const metadata = { name: 'other', namespace: 'default', uid: 'uid-2', attempt: 0 };
    const config = sandboxConfig({ metadata });
    const linux = config.linux === null ? null : { ...config.linux, cgroupParent: '/kubepods/poduid-2' };
    const other = await runSandbox(parts, { config: { ...config, linux }, runtimeHandler: '' });
    details.set('/kubepods/poduid-1', new Error('EIO'));
    const services = loadCriServices();
    const list = listPodSandboxMetrics({ parts, details: reader, fileSystem: async () => undefined }, services);
    const answer = await list({}, { signal: new AbortController().signal, log: silentLog });
    assert.ok('encoded' in answer && Buffer.isBuffer(answer.encoded));
    assert.ok(answer.encoded.includes(other) && !answer.encoded.includes(sandbox.id));
  });
});
