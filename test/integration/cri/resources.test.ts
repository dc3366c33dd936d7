import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import type { LinuxContainerResources } from '../../../src/types/cri/runtime/v1/LinuxContainerResources.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Container, Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';

const mib = 2 ** 20;
const isV2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
const controllers = isV2 ? readFileSync('/sys/fs/cgroup/cgroup.controllers', 'utf8').trim().split(' ') : [];
const limitsHugePages = isV2 ? controllers.includes('hugetlb') : existsSync('/sys/fs/cgroup/hugetlb');

/** A cgroup file of a process: the v1 controller and file, or the file of v2. */
async function cgroupValue(pid: number, v1: readonly [controller: string, file: string], v2: string): Promise<string> {
  const groups = await readFile(`/proc/${pid}/cgroup`, 'utf8');
  const line = groups.split('\n').find((one) => (isV2 ? one.startsWith('0::') : one.split(':')[1]?.split(',').includes(v1[0])));
  const group = line?.split(':').slice(2).join(':') ?? '';
  const file = isV2 ? `/sys/fs/cgroup${group}/${v2}` : `/sys/fs/cgroup/${v1[0]}${group}/${v1[1]}`;
  return (await readFile(file, 'utf8')).trim();
}

const memoryLimit = (pid: number): Promise<string> => cgroupValue(pid, ['memory', 'memory.limit_in_bytes'], 'memory.max');
const cpuset = (pid: number): Promise<string> => cgroupValue(pid, ['cpuset', 'cpuset.cpus'], 'cpuset.cpus');
const cpuQuota = async (pid: number): Promise<string> =>
  (await cgroupValue(pid, ['cpu', 'cpu.cfs_quota_us'], 'cpu.max')).split(' ')[0] ?? '';
const hugePages = (pid: number): Promise<string> => cgroupValue(pid, ['hugetlb', 'hugetlb.2MB.limit_in_bytes'], 'hugetlb.2MB.max');
const cpuShares = (pid: number): Promise<string> => cgroupValue(pid, ['cpu', 'cpu.shares'], 'cpu.weight');

describe("a container's resources", function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let pod: Pod;

  beforeEach(async () => {
    pod = await cri().runPod();
  });

  async function update(container: Container, linux: LinuxContainerResources): Promise<void> {
    await cri().call('UpdateContainerResources', { containerId: container.id, linux });
  }

  it('are limited in its cgroup', async () => {
    const resources = { cpuPeriod: 100_000, cpuQuota: 50_000, cpuShares: 512, memoryLimitInBytes: 64 * mib, cpusetCpus: '0', oomScoreAdj: 500 };
    const container = await pod.run({ linux: { resources } });
    const pid = await container.pid();
    assert.equal(await memoryLimit(pid), String(64 * mib));
    assert.equal(await cpuset(pid), '0');
    assert.equal(await cpuQuota(pid), '50000');
    if (!isV2) assert.equal(await cpuShares(pid), '512');
    assert.equal((await readFile(`/proc/${pid}/oom_score_adj`, 'utf8')).trim(), '500');
  });

  it('take what the kubelet always sends, whether or not this machine has it', async () => {
    const resources = {
      hugepageLimits: [
        { pageSize: '2MB', limit: 0 },
        { pageSize: '1GB', limit: 0 },
      ],
      unified: { 'memory.min': '0', 'memory.low': '0' },
      memorySwapLimitInBytes: 64 * mib,
      memoryLimitInBytes: 64 * mib,
      oomScoreAdj: -997,
    };
    const container = await pod.run({ linux: { resources } });
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
  });

  it('are told as they are in force, which is not always as they were asked', async () => {
    const hugepageLimits = [{ pageSize: '3MB', limit: 0 }];
    const container = await pod.run({ linux: { resources: { memoryLimitInBytes: 64 * mib, oomScoreAdj: -997, hugepageLimits } } });
    const told = async () => (await container.status()).resources?.linux;
    assert.deepEqual((await told())?.hugepageLimits, [], 'no kernel has pages of this size');
    assert.equal((await told())?.memoryLimitInBytes, await memoryLimit(await container.pid()));
    const score = (await readFile(`/proc/${await container.pid()}/oom_score_adj`, 'utf8')).trim();
    assert.equal((await told())?.oomScoreAdj, score);
    await update(container, { hugepageLimits, cpusetCpus: '0' });
    assert.deepEqual((await told())?.hugepageLimits, []);
    assert.equal((await told())?.oomScoreAdj, score);
  });

  // Not tests that skip themselves: where the kernel has it differently there is nothing to be tested.
  if (isV2 && controllers.includes('memory')) {
    it('have the keys of unified, each until it gets another value', async () => {
      const unified = { 'memory.min': '0', 'memory.low': String(8 * mib), 'memory.high': String(32 * mib) };
      const container = await pod.run({ linux: { resources: { unified } } });
      const pid = await container.pid();
      const held = (file: string): Promise<string> => cgroupValue(pid, ['', ''], file);
      await update(container, { cpusetCpus: '0' });
      assert.deepEqual([await held('memory.low'), await held('memory.high')], [unified['memory.low'], unified['memory.high']]);
      await update(container, { unified: { 'memory.high': 'max' } });
      assert.deepEqual([await held('memory.low'), await held('memory.high')], [unified['memory.low'], 'max']);
      assert.deepEqual({ ...(await container.status()).resources?.linux?.unified }, { ...unified, 'memory.high': 'max' });
    });
  }

  if (limitsHugePages) {
    const pages = (count: number) => ({ hugepageLimits: [{ pageSize: '2MB', limit: count * 2 * mib }] });

    it(`limit huge pages, which ${isV2 ? 'may change' : 'cannot change'} while it runs`, async () => {
      const container = await pod.create({ linux: { resources: pages(0) } });
      await update(container, pages(1));
      await container.start();
      const pid = await container.pid();
      assert.equal(await hugePages(pid), String(2 * mib));
      if (isV2) await update(container, pages(3));
      else await cri().refuse('UpdateContainerResources', { containerId: container.id, linux: pages(3) }, 'INVALID_ARGUMENT', 'linux.hugepage_limits', '2MB');
      // An update of something else leaves them alone.
      await update(container, { ...pages(isV2 ? 3 : 1), oomScoreAdj: 900 });
      await update(container, { oomScoreAdj: 901 });
      const limit = String((isV2 ? 3 : 1) * 2 * mib);
      assert.equal(await hugePages(pid), limit);
      const told = (await container.status()).resources?.linux?.hugepageLimits;
      assert.deepEqual(told?.map((one) => ({ ...one })), [{ pageSize: '2MB', limit }]);
    });
  }

  it('change while it runs, those that are named and no other', async () => {
    const resources = { cpuPeriod: 100_000, cpuQuota: 50_000, cpuShares: 512, memoryLimitInBytes: 64 * mib };
    const container = await pod.run({ linux: { resources } });
    const pid = await container.pid();
    await update(container, { memoryLimitInBytes: 128 * mib });
    await update(container, { cpusetCpus: '0' });
    assert.equal(await memoryLimit(pid), String(128 * mib));
    assert.equal(await cpuset(pid), '0');
    assert.equal(await cpuQuota(pid), '50000');
    const told = (await container.status()).resources?.linux;
    assert.equal(told?.memoryLimitInBytes, String(128 * mib));
    assert.equal(told?.cpuQuota, '50000');
    assert.equal(told?.cpusetCpus, '0');
  });

  it('change for what it has started too, where that takes a new oom_score_adj', async () => {
    const container = await pod.run({ command: ['sh', '-c', 'sleep 1000 & wait'], linux: { resources: { oomScoreAdj: 500 } } });
    const pid = await container.pid();
    const child = async (): Promise<string> => (await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8')).trim();
    await eventually('its child runs', async () => (await child()) !== '');
    await update(container, { oomScoreAdj: 700 });
    for (const one of [pid, await child()]) assert.equal((await readFile(`/proc/${one}/oom_score_adj`, 'utf8')).trim(), '700');
    await update(container, { cpusetCpus: '0' });
    assert.equal((await readFile(`/proc/${pid}/oom_score_adj`, 'utf8')).trim(), '700');
  });

  it('change before it starts', async () => {
    const container = await pod.create({ linux: { resources: { memoryLimitInBytes: 64 * mib } } });
    await update(container, { memoryLimitInBytes: 96 * mib });
    await container.start();
    assert.equal(await memoryLimit(await container.pid()), String(96 * mib));
  });

  it('stay as they were when the runtime refuses new ones', async () => {
    const container = await pod.run({ linux: { resources: { cpusetCpus: '0', memoryLimitInBytes: 64 * mib } } });
    const request = { containerId: container.id, linux: { cpusetCpus: '4000', memoryLimitInBytes: 128 * mib } };
    const { code, details } = await cri().try('UpdateContainerResources', request);
    assert.notEqual(code, 0);
    assert.match(details, new RegExp(container.id));
    const told = (await container.status()).resources?.linux;
    assert.equal(told?.cpusetCpus, '0');
    assert.equal(told?.memoryLimitInBytes, String(64 * mib));
  });

  it('cannot change for a container that has ended or never was', async () => {
    const container = await pod.runScript('exit 0');
    await container.ended();
    await cri().refuse('UpdateContainerResources', { containerId: container.id, linux: {} }, 'FAILED_PRECONDITION', 'EXITED');
    await cri().refuse('UpdateContainerResources', { containerId: 'f'.repeat(64), linux: {} }, 'NOT_FOUND');
  });

  it('kill it with the reason OOMKilled when it takes more memory than it has', async () => {
    const resources = { memoryLimitInBytes: 24 * mib, memorySwapLimitInBytes: 24 * mib };
    const hungry = await pod.run({ command: ['sh', '-c', 'exec tail /dev/zero'], linux: { resources } });
    const { exitCode, reason } = await hungry.ended();
    assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'OOMKilled' });
  });

  it('do not make a kill look like one for memory', async () => {
    const killed = await pod.runScript('kill -9 $$; sleep 1', { linux: { resources: { memoryLimitInBytes: 64 * mib } } });
    process.kill(await killed.pid(), 'SIGKILL');
    const { exitCode, reason } = await killed.ended();
    assert.deepEqual({ exitCode, reason }, { exitCode: 137, reason: 'Error' });
  });

  it('show in the stats', async () => {
    const container = await pod.runScript('echo written > /file; while :; do :; done');
    const stats = await eventually('it has used the CPU', async () => {
      const { stats: told } = await cri().call('ContainerStats', { containerId: container.id });
      return BigInt(told?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 50_000_000n && told !== null && told;
    });
    assert.equal(stats.attributes?.id, container.id);
    assert.ok(BigInt(stats.memory?.workingSetBytes?.value ?? 0) > 0n);
    assert.ok(BigInt(stats.cpu?.timestamp ?? 0) > 0n);
    assert.ok(existsSync(stats.writableLayer?.fsId?.mountpoint ?? ''));
  });

  it('are told of every running container that fits the filter, and of whole Pods', async () => {
    const [one, two] = [await pod.run({ labels: { app: 'a' } }), await pod.run({ labels: { app: 'b' } })];
    const ended = await pod.runScript('exit 0', { labels: { app: 'a' } });
    await ended.ended();
    const ids = async (filter: object): Promise<string[]> =>
      (await cri().call('ListContainerStats', { filter })).stats.map((stats) => stats.attributes?.id ?? '').sort();
    assert.deepEqual(await ids({}), [one.id, two.id].sort());
    assert.deepEqual(await ids({ labelSelector: { app: 'a' } }), [one.id]);
    assert.deepEqual(await ids({ id: two.id.slice(0, 13) }), [two.id]);
    assert.deepEqual(await ids({ podSandboxId: pod.id.slice(0, 13), labelSelector: { app: 'b' } }), [two.id]);
    const { stats: last } = await cri().call('ContainerStats', { containerId: ended.id });
    assert.equal(last?.attributes?.id, ended.id);
    assert.deepEqual([last.cpu, last.memory, last.swap], [null, null, null], 'one that has ended has its layer only');
    assert.ok(existsSync(last.writableLayer?.fsId?.mountpoint ?? ''));

    const { stats } = await cri().call('PodSandboxStats', { podSandboxId: pod.id });
    assert.ok(stats);
    assert.equal(stats.attributes?.id, pod.id);
    assert.equal(stats.linux?.network?.defaultInterface?.name, 'eth0');
    assert.ok(BigInt(stats.linux.memory?.workingSetBytes?.value ?? 0) > 0n);
    assert.deepEqual(stats.linux.containers.map((each) => each.attributes?.id ?? '').sort(), [one.id, two.id].sort());
    const list = await cri().call('ListPodSandboxStats', { filter: { id: pod.id } });
    assert.deepEqual(list.stats.map((each) => each.attributes?.id), [pod.id]);
    await cri().refuse('PodSandboxStats', { podSandboxId: '' }, 'NOT_FOUND');
    await cri().refuse('ContainerStats', { containerId: 'f'.repeat(64) }, 'NOT_FOUND');
  });
});
