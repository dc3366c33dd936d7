import type { Container } from '../../pod/container.ts';
import type { Parts } from '../../pod/parts.ts';
import { readSpec } from '../../pod/anys.ts';
import type { OciSpec } from '../../spec/oci.ts';
import { encodeJson } from '../../spec/json.ts';
import { isKind } from '../../lib/errors.ts';
import type { Sandbox } from '../../pod/sandbox.ts';

/** What `crictl inspectp` shows beside the status: one JSON text under "info", with the names containerd's CRI uses. */
export async function sandboxInfo(parts: Parts, sandbox: Sandbox): Promise<Record<string, string>> {
  const runtime = parts.runtimes.of(sandbox.record.runtimeHandler);
  const { record } = sandbox;
  return {
    info: encodeJson({
      pid: parts.pauses.pid(sandbox.id),
      phase: record.phase,
      namespaces: record.namespaces,
      network: record.network ?? null,
      image: parts.sandboxImage,
      runtimeHandler: record.runtimeHandler,
      runtimeType: runtime.type,
      snapshotter: runtime.snapshotter,
      overhead: record.overhead,
      resources: record.resources,
      config: record.config,
      runtimeSpec: await specOf(parts, sandbox.id),
    }),
  };
}

/** What `crictl inspect` shows beside the status. The environment is among it: only who may read it may ask. */
export async function containerInfo(parts: Parts, container: Container): Promise<Record<string, string>> {
  const { record, status } = container;
  const sandbox = parts.sandboxes.find(container.sandboxId);
  return {
    info: encodeJson({
      sandboxID: record.sandboxId,
      pid: status.pid,
      snapshotKey: record.id,
      snapshotter: record.snapshotter,
      runtimeType: sandbox === undefined ? '' : parts.runtimes.of(sandbox.record.runtimeHandler).type,
      config: { ...record.config, envs: record.config.envs.map(({ key, value }) => ({ key, value: value.toString() })) },
      runtimeSpec: await specOf(parts, record.id),
    }),
  };
}

/** The OCI spec containerd holds for an id; null where there is none at the moment. */
async function specOf(parts: Parts, id: string): Promise<OciSpec | null> {
  try {
    return readSpec((await parts.containerd.containers.get(id)).spec);
  } catch (error) {
    if (isKind(error, 'notFound')) return null;
    throw error;
  }
}
