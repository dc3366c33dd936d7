import type { ContainerConfig__Output } from '../types/cri/runtime/v1/ContainerConfig.ts';
import { CodedError, messageOf } from '../lib/errors.ts';
import { applyCdiEdits, type KnownDeviceNode, type ResolvedEdits } from '../spec/cdi-apply.ts';
import type { CdiDeviceNode, CdiEdits, CdiFile } from '../spec/cdi-file.ts';
import { cdiDeviceNames } from '../spec/cdi-names.ts';
import { findCdiEdits } from '../spec/cdi.ts';
import type { OciSpec } from '../spec/oci.ts';
import type { FolderFiles } from './folder-files.ts';
import type { Parts } from './parts.ts';
import type { RuntimeFeatures } from './runtimes.ts';

export type CdiFiles = FolderFiles<CdiFile>;

/**
 * Gives a container the CDI devices it asks for (CRI CDIDevices, `cdi.k8s.io/` annotations). The specs are looked at
 * anew, since vendors write them just before. invalidArgument for a device that is in no spec, whose node is not on
 * the host, or that needs what the handler's OCI runtime has not.
 */
export async function injectCdiDevices(
  parts: Pick<Parts, 'cdiFiles' | 'kernel'>,
  spec: OciSpec,
  config: ContainerConfig__Output,
  features: RuntimeFeatures,
): Promise<OciSpec> {
  const names = cdiDeviceNames(config);
  if (names.length === 0) return spec;
  const folders = await parts.cdiFiles.read();
  const found = findCdiEdits(
    {
      folders: folders.map(({ path, files }) => ({ path, files: files.map(({ value }) => value) })),
      problems: folders.flatMap(({ problems }) => problems),
    },
    names,
  );
  refuseUnsupported(found, features);
  const resolved: ResolvedEdits[] = [];
  for (const edits of found) {
    resolved.push({ ...edits, deviceNodes: await Promise.all(edits.deviceNodes.map((node) => resolveNode(parts, node))) });
  }
  return applyCdiEdits(spec, resolved);
}

/** An older runtime would start the container without these, and nobody would know why its device does not work. */
function refuseUnsupported(edits: readonly CdiEdits[], features: RuntimeFeatures): void {
  const needs: readonly (readonly [string, boolean, boolean])[] = [
    ['netDevices', features.netDevices, edits.some(({ netDevices }) => netDevices.length > 0)],
    ['intelRdt.schemata', features.rdtSchemata, edits.some(({ intelRdt }) => intelRdt?.schemata !== undefined)],
    ['intelRdt.enableMonitoring', features.rdtMonitoring, edits.some(({ intelRdt }) => intelRdt?.enableMonitoring === true)],
  ];
  const lacking = needs.flatMap(([name, has, isAsked]) => (isAsked && !has ? [name] : []));
  if (lacking.length === 0) return;
  throw new CodedError(
    'invalidArgument',
    `config.CDI_devices: the devices need ${lacking.join(' and ')}, which the OCI runtime of this Pod's handler does not know`,
  );
}

/** Asks the host for what the file leaves open. A node described in full may be one that the host does not have. */
async function resolveNode(parts: Pick<Parts, 'kernel'>, node: CdiDeviceNode): Promise<KnownDeviceNode> {
  const { type } = node;
  const isFull = type !== '' && (type === 'p' || node.major !== 0);
  const failure = (why: string): CodedError =>
    new CodedError('invalidArgument', `the CDI device node ${node.path} cannot be made: host device ${node.hostPath}: ${why}`);
  try {
    const [host, ...more] = await parts.kernel.devicesAt(node.hostPath);
    if (isFull) return { ...node, type, ...(host !== undefined && { fileMode: node.fileMode ?? host.fileMode }) };
    if (host === undefined || more.length > 0) throw new Error('not a device');
    if (type !== '' && (type === 'b') !== (host.type === 'b')) throw new Error(`it is of type ${host.type}, not ${type}`);
    const { major, minor, fileMode } = host;
    return { ...node, type: type === '' ? host.type : type, major, minor, fileMode: node.fileMode ?? fileMode };
  } catch (error) {
    if (isFull) return { ...node, type };
    throw failure(messageOf(error));
  }
}
