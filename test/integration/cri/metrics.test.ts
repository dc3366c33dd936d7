import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { busyboxImage } from '../../../hack/images/catalogue.ts';
import type { Metric__Output } from '../../../src/types/cri/runtime/v1/Metric.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { readStream } from '../../support/cri-stream.ts';
import { eventually } from '../../support/eventually.ts';

const mib = 2 ** 20;

interface Read {
  readonly value: bigint;
  readonly labels: Readonly<Record<string, string>>;
}

describe('metrics', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  async function labelKeys(): Promise<ReadonlyMap<string, readonly string[]>> {
    const { descriptors } = await cri().call('ListMetricDescriptors', {});
    return new Map(descriptors.map((one) => [one.name, one.labelKeys]));
  }

  /** Metrics by name, as a kubelet makes something of them: by the label keys of their descriptors. */
  async function read(metrics: readonly Metric__Output[]): Promise<ReadonlyMap<string, Read[]>> {
    const keysOf = await labelKeys();
    const byName = new Map<string, Read[]>();
    for (const metric of metrics) {
      const keys = keysOf.get(metric.name);
      assert.equal(metric.labelValues.length, keys?.length, `${metric.name} has the labels that its descriptor names`);
      const labels = Object.fromEntries((keys ?? []).map((key, i) => [key, metric.labelValues[i] ?? '']));
      byName.set(metric.name, [...(byName.get(metric.name) ?? []), { value: BigInt(metric.value?.value ?? 0), labels }]);
    }
    return byName;
  }

  it('have the names, labels and units of cAdvisor, for a Pod and for its containers', async () => {
    const pod = await cri().runPod();
    const resources = { cpuPeriod: 100_000, cpuQuota: 50_000, cpuShares: 512, memoryLimitInBytes: 64 * mib };
    const container = await pod.runScript('head -c 3000000 /dev/zero > /file; while :; do :; done', { linux: { resources } });
    const { podName, ofContainer, ofPod } = await eventually('it has used a second of CPU and its quota', async () => {
      const { podMetrics } = await cri().call('ListPodSandboxMetrics', {});
      const [own] = podMetrics;
      assert.equal(own?.podSandboxId, pod.id);
      assert.deepEqual(own.containerMetrics.map((one) => one.containerId), [container.id]);
      const told = await read(own.containerMetrics[0]?.metrics ?? []);
      const isBusy = (told.get('container_cpu_usage_seconds_total')?.[0]?.value ?? 0n) > 0n;
      return isBusy && { podName: pod.config.metadata?.name ?? '', ofContainer: told, ofPod: await read(own.metrics) };
    });
    const one = (name: string): Read => {
      const found = ofContainer.get(name)?.[0];
      assert.ok(found, `there is ${name}`);
      return found;
    };

    const { id, ...labels } = one('container_memory_working_set_bytes').labels;
    assert.match(id ?? '', new RegExp(`^/.*${container.id}`));
    const name = (await container.status()).metadata?.name ?? '';
    assert.deepEqual(labels, { container: name, name: container.id, image: busyboxImage, namespace: 'test', pod: podName });
    assert.equal(one('container_cpu_usage_seconds_total').labels['cpu'], 'total');
    assert.ok(one('container_cpu_usage_seconds_total').value < 60n, 'seconds, not nanoseconds');
    assert.ok(one('container_cpu_cfs_throttled_periods_total').value > 0n);
    assert.ok(one('container_memory_usage_bytes').value >= one('container_memory_working_set_bytes').value);
    assert.equal(one('container_spec_memory_limit_bytes').value, BigInt(64 * mib));
    assert.equal(one('container_spec_cpu_quota').value, 50_000n);
    assert.equal(one('container_spec_cpu_period').value, 100_000n);
    assert.equal(one('container_spec_cpu_shares').value, 512n);
    assert.equal(one('container_processes').value, 1n);
    assert.equal(one('container_threads').value, 1n);
    assert.ok(one('container_file_descriptors').value >= 3n);
    assert.ok(one('container_ulimits_soft').value > 0n);
    assert.equal(one('container_oom_events_total').value, 0n);
    const startedAt = BigInt((await container.status()).startedAt) / 1_000_000_000n;
    assert.equal(one('container_start_time_seconds').value, startedAt);
    assert.ok(one('container_last_seen').value >= startedAt);
    assert.ok(one('container_fs_limit_bytes').value > one('container_fs_usage_bytes').value);
    if (existsSync('/proc/pressure/cpu')) one('container_pressure_cpu_waiting_seconds_total');

    const network = ofPod.get('container_network_transmit_bytes_total');
    assert.deepEqual(network?.map((each) => [each.labels['interface'], each.labels['name'], each.labels['pod']]), [['eth0', pod.id, podName]]);
    assert.ok((network?.[0]?.value ?? 0n) > 0n);
    const whole = ofPod.get('container_memory_usage_bytes')?.[0];
    assert.ok((whole?.value ?? 0n) >= one('container_memory_usage_bytes').value, "the Pod's cgroup holds its container's");
    assert.deepEqual([whole?.labels['container'], whole?.labels['name']], ['', '']);
  });

  it('never have two values of the same name and labels, or a scrape would have none', async () => {
    for (const pod of [await cri().runPod(), await cri().runPod()]) await pod.run();
    const { podMetrics } = await cri().call('ListPodSandboxMetrics', {});
    const all = podMetrics.flatMap((pod) => [...pod.metrics, ...pod.containerMetrics.flatMap((one) => one.metrics)]);
    const keys = all.map(({ name, labelValues }) => JSON.stringify([name, ...labelValues]));
    assert.equal(new Set(keys).size, keys.length);
    assert.ok(all.every(({ timestamp }) => timestamp === '0'), 'fresh');
  });

  it('leave out what has ended and are the same in a stream', async () => {
    const [one, two] = [await cri().runPod(), await cri().runPod()];
    const [running, ended] = [await one.run(), await one.runScript('exit 0')];
    await ended.ended();
    await two.stop();
    const { messages } = await readStream(cri(), 'StreamPodSandboxMetrics', {});
    const streamed = messages.flatMap((message) => message.podSandboxMetrics);
    const { podMetrics } = await cri().call('ListPodSandboxMetrics', {});
    for (const told of [streamed, podMetrics]) {
      assert.deepEqual(told.map((pod) => [pod.podSandboxId, ...pod.containerMetrics.map((each) => each.containerId)]), [[one.id, running.id]]);
    }
  });

  it('count the processes that were killed for memory', async () => {
    const pod = await cri().runPod();
    const resources = { memoryLimitInBytes: 24 * mib, memorySwapLimitInBytes: 24 * mib };
    const container = await pod.runScript('tail /dev/zero; sleep 1000', { linux: { resources } });
    await eventually('its child was killed', async () => {
      const { podMetrics } = await cri().call('ListPodSandboxMetrics', {});
      const told = await read(podMetrics[0]?.containerMetrics[0]?.metrics ?? []);
      return told.get('container_oom_events_total')?.[0]?.value === 1n;
    });
    assert.equal((await container.status()).state, 'CONTAINER_RUNNING');
  });
});

describe('stats', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  it('have a CPU rate, swap and pressure where the kernel has them', async () => {
    const pod = await cri().runPod();
    const container = await pod.runScript('while :; do :; done');
    const stats = await eventually('there is a rate', async () => {
      const { stats: told } = await cri().call('ContainerStats', { containerId: container.id });
      return BigInt(told?.cpu?.usageNanoCores?.value ?? 0) > 0n && told !== null && told;
    });
    assert.ok(BigInt(stats.cpu?.usageNanoCores?.value ?? 0) < 2_000_000_000n, 'one busy loop uses one core');
    const hasSwap = existsSync('/sys/fs/cgroup/memory/memory.memsw.usage_in_bytes') || existsSync('/sys/fs/cgroup/cgroup.controllers');
    if (hasSwap) assert.ok(stats.swap?.swapUsageBytes);
    if (existsSync('/sys/fs/cgroup/cpu.pressure') || existsSync('/sys/fs/cgroup/unified/cpu.pressure')) {
      assert.ok(BigInt(stats.cpu?.psi?.Some?.Total ?? -1) >= 0n);
      assert.ok(stats.io?.psi?.Full);
      assert.ok(stats.memory?.psi?.Some);
    }
    const { stats: whole } = await cri().call('PodSandboxStats', { podSandboxId: pod.id });
    assert.ok(BigInt(whole?.linux?.cpu?.usageNanoCores?.value ?? 0) > 0n);
    assert.ok(BigInt(whole?.linux?.process?.processCount?.value ?? 0) >= 2n, 'the container and the pause container');
  });
});
