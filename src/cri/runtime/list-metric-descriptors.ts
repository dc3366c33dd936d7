import { metricDescriptors } from '../metrics/pod-metrics.ts';
import type { RpcHandlers } from '../handlers.ts';

/** ListMetricDescriptors: the same for as long as podwright runs; the kubelet asks once. */
export function listMetricDescriptors(): RpcHandlers['ListMetricDescriptors'] {
  const descriptors = metricDescriptors();
  return async () => ({ descriptors });
}
