import type { Metric } from '../../types/cri/runtime/v1/Metric.ts';
import type { MetricDescriptor } from '../../types/cri/runtime/v1/MetricDescriptor.ts';
import type { PodSandboxMetrics } from '../../types/cri/runtime/v1/PodSandboxMetrics.ts';
import type { CgroupDetail } from '../../linux/cgroup-detail.ts';
import type { FileSystem } from '../../linux/file-system.ts';
import type { ContainerDetail, SandboxDetail } from '../../pod/details.ts';
import { cgroupMetrics } from './cgroup-metrics.ts';
import { containerMetrics, networkMetrics, timeMetrics, type Times } from './container-metrics.ts';
import type { MetricRow } from './metric.ts';

/** The labels that every metric has, as the kubelet names those of its cAdvisor. */
const baseLabels = ['container', 'id', 'image', 'name', 'namespace', 'pod'] as const;

type BaseLabels = Readonly<Record<(typeof baseLabels)[number], string>>;

/** What each metric is called and which labels it has, from the same rows as their values. */
export function metricDescriptors(): MetricDescriptor[] {
  return [...timeMetrics, ...cgroupMetrics, ...containerMetrics, ...networkMetrics].map(({ name, help, labels }) => ({
    name,
    help,
    labelKeys: [...baseLabels, ...labels],
  }));
}

/**
 * A Pod's metrics, with the names and labels that cAdvisor would give them: the Pod's cgroup has no container,
 * name or image, its network belongs to the pause container. `timestamp` stays 0: all was read for this answer.
 */
export function toPodSandboxMetrics(
  of: SandboxDetail,
  around: { readonly sandboxImage: string; readonly fileSystem: FileSystem | undefined },
): PodSandboxMetrics {
  const { sandbox, atNs } = of;
  const pod = { namespace: sandbox.config.metadata?.namespace ?? '', pod: sandbox.config.metadata?.name ?? '' };
  const own = { ...pod, container: '', id: of.cgroup, image: '', name: '' };
  const pause = { ...pod, container: '', id: of.pauseCgroup, image: around.sandboxImage, name: sandbox.id };
  const createdAtNs = BigInt(sandbox.record.createdAtNs);
  return {
    podSandboxId: sandbox.id,
    metrics: [
      ...metricsOf(timeMetrics, { createdAtNs, startedAtNs: createdAtNs, seenAtNs: atNs }, own),
      ...(of.detail === undefined ? [] : metricsOf(cgroupMetrics, of.detail, own)),
      ...metricsOf(networkMetrics, of.interfaces, pause),
    ],
    containerMetrics: of.containers.map((one) => ({
      containerId: one.container.id,
      metrics: containerMetricsOf(one, pod, atNs, around.fileSystem),
    })),
  };
}

function containerMetricsOf(
  of: ContainerDetail,
  pod: Pick<BaseLabels, 'namespace' | 'pod'>,
  seenAtNs: bigint,
  fileSystem: FileSystem | undefined,
): Metric[] {
  const { record, status } = of.container;
  const labels = {
    ...pod,
    container: record.config.metadata?.name ?? '',
    id: of.cgroup,
    image: record.imageName,
    name: record.id,
  };
  const times: Times = { createdAtNs: BigInt(record.createdAtNs), startedAtNs: BigInt(status.startedAtNs), seenAtNs };
  return [
    ...metricsOf(timeMetrics, times, labels),
    ...metricsOf(cgroupMetrics, withSharesAsked(of), labels),
    ...metricsOf(containerMetrics, { ...of, fileSystem }, labels),
  ];
}

/** cpu.weight of v2 has 10000 values for 262143: the shares that were asked for say it more exactly. */
function withSharesAsked({ container, detail }: ContainerDetail): CgroupDetail {
  const asked = BigInt(container.status.resources?.cpuShares ?? 0);
  return asked === 0n ? detail : { ...detail, limits: { ...detail.limits, cpuShares: asked } };
}

function metricsOf<Of>(rows: readonly MetricRow<Of>[], of: Of, base: BaseLabels): Metric[] {
  const baseValues = baseLabels.map((key) => base[key]);
  return rows.flatMap((row) =>
    row.values(of).map(({ value, labels }) => ({
      name: row.name,
      timestamp: '0',
      metricType: row.type,
      labelValues: [...baseValues, ...labels],
      value: { value: String(value) },
    })),
  );
}
