import { CodedError } from '../lib/errors.ts';
import type { MountInput } from '../spec/mounts.ts';
import type { OciSpec } from '../spec/oci.ts';
import { podLevel, relabelledPaths } from '../spec/selinux.ts';
import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';
import type { Parts } from './parts.ts';
import type { SnapshotMount } from './ports.ts';
import type { Sandbox } from './sandbox.ts';

/** The SELinux level of a Pod that is to be made, as a part of its record; nothing where SELinux is off. */
export function levelFor(
  { host, sandboxes }: Pick<Parts, 'host' | 'sandboxes'>,
  config: PodSandboxConfig__Output,
): { readonly selinuxLevel?: string } {
  if (host.selinux === undefined) return {};
  const taken = new Set([...sandboxes.values()].map(({ record }) => record.selinuxLevel ?? ''));
  const selinuxLevel = podLevel(config.linux?.securityContext?.selinuxOptions ?? null, host.selinux, taken);
  return selinuxLevel === undefined ? {} : { selinuxLevel };
}

/** INVALID_ARGUMENT for labels of a spec that the node's policy doesn't know: runc's own words would name no field. */
export async function checkLabels(kernel: Parts['kernel'], { process, linux }: OciSpec): Promise<void> {
  for (const label of [process.selinuxLabel, linux.mountLabel]) {
    if (label === undefined || label === '' || (await kernel.knowsLabel(label))) continue;
    const field = 'config.linux.security_context.selinux_options';
    throw new CodedError('invalidArgument', `${field}: the SELinux policy of this node has no label "${label}"`);
  }
}

/** Gives the container's label to what it asks for and to the files that are made for it. */
export async function labelFiles(
  { kernel }: Pick<Parts, 'kernel'>,
  sandbox: Sandbox,
  spec: OciSpec,
  input: Pick<MountInput, 'files' | 'declaredVolumes' | 'mounts'>,
): Promise<void> {
  const { mountLabel } = spec.linux;
  if (mountLabel === undefined) return;
  await checkLabels(kernel, spec);
  await kernel.relabel(relabelledPaths(input, sandbox.hostIpc), mountLabel);
}

/** A root file system's mounts with all files under one label; a bind mount takes none. */
export function labelledRoot(mounts: readonly SnapshotMount[], label: string | undefined): readonly SnapshotMount[] {
  if (label === undefined) return mounts;
  return mounts.map((mount) => (mount.type === 'bind' ? mount : { ...mount, options: [...mount.options, `context="${label}"`] }));
}
