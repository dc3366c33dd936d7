import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import { invalidField } from '../lib/errors.ts';

const vendorOrClass = /^[A-Za-z](?:[\w.-]*[A-Za-z0-9])?$/;
const deviceName = /^[A-Za-z0-9](?:[\w.:-]*[A-Za-z0-9])?$/;

/** Whether a text is a kind, `vendor/class` (CDI SPEC.md "kind"). */
export function isCdiKind(text: string): boolean {
  const [vendor = '', name = '', ...more] = text.split('/');
  return more.length === 0 && vendorOrClass.test(vendor) && vendorOrClass.test(name);
}

/** Whether a text is a device's own name (CDI SPEC.md "devices.name"). */
export function isCdiDeviceName(text: string): boolean {
  return deviceName.test(text);
}

const annotationPrefix = 'cdi.k8s.io/';

/**
 * The CDI devices that a container asks for, each once: CRI CDIDevices first, then those of the `cdi.k8s.io/…`
 * annotations by which kubelets before 1.28 passed them. invalidArgument for what is not `vendor/class=name`.
 */
export function cdiDeviceNames(config: Pick<ContainerConfig__Output, 'CDIDevices' | 'annotations'>): string[] {
  const names = config.CDIDevices.map(({ name }, at) => requireQualified(`config.CDI_devices[${at}].name`, name));
  const keys = Object.keys(config.annotations).filter((key) => key.startsWith(annotationPrefix)).toSorted();
  for (const key of keys) {
    const listed = (config.annotations[key] ?? '').split(',');
    names.push(...listed.map((name) => requireQualified(`config.annotations["${key}"]`, name)));
  }
  return [...new Set(names)];
}

function requireQualified(field: string, text: string): string {
  const at = text.indexOf('=');
  if (at > 0 && isCdiKind(text.slice(0, at)) && isCdiDeviceName(text.slice(at + 1))) return text;
  throw invalidField(field, text, 'a CDI device is named vendor/class=name');
}
