import type { PodSandboxConfig__Output } from '../types/cri/runtime/v1/PodSandboxConfig.ts';
import { CodedError, invalidField, wrapError } from '../lib/errors.ts';
import { Undo } from '../lib/undo.ts';
import { networkSysctls, sandboxSysctls } from '../spec/sysctls.ts';
import { validateSandboxConfig } from '../spec/validate.ts';
import { removeOwnCgroup } from './cgroups.ts';
import { newId } from './ids.ts';
import { levelFor } from './labels.ts';
import { leaseLabel, sandboxLease } from './leases.ts';
import { missingIsFine } from './missing.ts';
import type { Parts } from './parts.ts';
import { networkRequest } from './sandbox-network.ts';
import type { Runtime } from './runtimes.ts';
import { hostnameOf, makeSandboxFiles, removeSandboxState, unmountSandboxFiles } from './sandbox-files.ts';
import { livesByPause, namespaceOptions, Sandbox, sandboxName, type SandboxRecord } from './sandbox.ts';
import { runPlan, type Step } from './start-plan.ts';

type RunParts = Pick<
  Parts,
  | 'log'
  | 'clock'
  | 'folders'
  | 'host'
  | 'kernel'
  | 'bootId'
  | 'namespace'
  | 'sandboxImage'
  | 'containerd'
  | 'images'
  | 'network'
  | 'runtimes'
  | 'sandboxes'
  | 'sandboxNames'
  | 'sandboxRecords'
  | 'pauses'
  | 'events'
>;

/**
 * Brings a sandbox up whole or leaves nothing of it (CRI RunPodSandbox). Resolves to its id.
 * INVALID_ARGUMENT for what the request asks wrongly, ALREADY_EXISTS for a name that is taken.
 */
export async function runSandbox(
  parts: RunParts,
  request: { readonly config: PodSandboxConfig__Output | null; readonly runtimeHandler: string },
  signal?: AbortSignal,
): Promise<string> {
  const config = validateSandboxConfig(request.config);
  const runtime = parts.runtimes.get(request.runtimeHandler);
  checkUserNamespace(config, runtime);
  const name = sandboxName(config);
  return await parts.sandboxNames.run(name, { config, handler: runtime.name }, newId(), signal, async (id) => {
    const sandbox = new Sandbox({
      version: 1,
      id,
      name,
      config,
      runtimeHandler: request.runtimeHandler,
      createdAtNs: parts.clock.nowNs().toString(),
      phase: 'creating',
      bootId: parts.bootId,
      namespaces: {},
      network: undefined,
      ...levelFor(parts, config),
      overhead: config.linux?.overhead ?? null,
      resources: config.linux?.resources ?? null,
    });
    await bringUp(parts, sandbox);
  });
}

/** A user namespace with a runtime or snapshotter that cannot have one would start with files that nobody owns. */
function checkUserNamespace(config: PodSandboxConfig__Output, { name, features }: Runtime): void {
  if (config.linux?.securityContext?.namespaceOptions?.usernsOptions?.mode !== 'POD' || features.userNamespaces) return;
  const field = 'config.linux.security_context.namespace_options.userns_options.mode';
  throw invalidField(field, 'POD', `the runtime handler "${name}" has no user namespaces: they need Linux 5.19, runc 1.2 and a snapshotter that shifts owners`);
}

/** Runs the start plan; when it fails, its undo, and where that fails too keeps the sandbox as NOTREADY. */
async function bringUp(parts: RunParts, sandbox: Sandbox): Promise<void> {
  const log = parts.log.child({ podSandboxId: sandbox.id });
  const undo = new Undo(log);
  try {
    const steps = await runPlan(startPlan(parts, sandbox), undo);
    undo.keep();
    const { name, namespace } = sandbox.config.metadata ?? {};
    log.info({ pod: `${namespace}/${name}`, ip: sandbox.record.network?.ip ?? '', steps }, 'pod sandbox is ready');
  } catch (error) {
    const left = await undo.unwind();
    if (left.length > 0) await keepBroken(parts, sandbox, left);
    throw wrapError(`run pod sandbox "${sandbox.name}"`, error);
  }
}

/**
 * The order of a sandbox's start. The namespaces come first and cost a millisecond; CNI is the longest and
 * everything else runs beside it. The pause container is waited for only where it is PID 1 of the Pod or what all of
 * it runs in: otherwise it may still be in the making when the first container starts.
 *
 * The record is written last and once, so that no step waits for the disk. A crash before it leaves a state
 * folder, a lease and perhaps a CNI attachment without a record: the sweep at the next start knows them as
 * remains of a sandbox that nobody was told of.
 */
function startPlan(parts: RunParts, sandbox: Sandbox): Step[] {
  const { id } = sandbox;
  const runtime = parts.runtimes.of(sandbox.record.runtimeHandler);
  const network = networkSteps(parts, sandbox);
  const steps: Step[] = [
    {
      name: 'pause image',
      run: async (signal) => {
        await parts.images.ensure(parts.sandboxImage, runtime.snapshotter, signal);
        await parts.pauses.check(sandbox);
      },
    },
    {
      name: 'lease',
      run: async (signal) => {
        await parts.containerd.leases.create({ id: sandboxLease(id), labels: { [leaseLabel]: id } }, { signal });
      },
      undo: { what: 'delete the lease', act: () => missingIsFine(parts.containerd.leases.delete(sandboxLease(id))) },
    },
    {
      name: 'namespaces',
      run: () => pinNamespaces(parts, sandbox),
      undo: { what: 'let go of the namespaces', act: () => removeSandboxState(parts, id) },
    },
    {
      name: 'files',
      run: () => makeSandboxFiles(parts, sandbox),
      undo: { what: 'remove the sandbox files', act: () => removeSandboxFiles(parts, id) },
    },
    ...network,
    {
      name: 'pause',
      // A machine takes over the interfaces that it finds when it starts.
      needs: ['namespaces', 'lease', 'pause image', ...(runtime.pauseIsPod ? network.map(({ name }) => name) : [])],
      run: async () => {
        const running = parts.pauses.keep(sandbox);
        if (livesByPause(sandbox, runtime)) await running;
        else running.catch(() => {});
      },
      undo: { what: 'remove the pause container', act: () => endPause(parts, sandbox) },
    },
  ];
  steps.push({
    name: 'commit',
    needs: steps.map(({ name }) => name),
    run: async () => {
      const ready: SandboxRecord = { ...sandbox.record, phase: 'ready' };
      await parts.sandboxRecords.write(id, ready);
      sandbox.become(ready);
      parts.sandboxes.add(sandbox);
      parts.events.emit({
        type: 'CONTAINER_CREATED_EVENT',
        id,
        sandboxId: id,
        atNs: BigInt(sandbox.record.createdAtNs),
      });
      parts.events.emit({ type: 'CONTAINER_STARTED_EVENT', id, sandboxId: id, atNs: parts.clock.nowNs() });
    },
  });
  return steps;
}

/** CNI, and behind it the sysctls of the network for a Pod that asks for some; nothing on the host's network. */
function networkSteps(parts: RunParts, sandbox: Sandbox): Step[] {
  if (sandbox.hostNetwork) return [];
  const add: Step = {
    name: 'network',
    needs: ['namespaces'],
    run: async (signal) => {
      const { ip, additionalIps } = await parts.network.add(networkRequest(parts, sandbox), signal);
      sandbox.become({ ...sandbox.record, network: { ip, additionalIps } });
    },
    undo: {
      what: 'release the network',
      act: () => parts.network.del(networkRequest(parts, sandbox)),
    },
  };
  const sysctls = networkSysctls(sandbox.config);
  if (sysctls.length === 0) return [add];
  const write = (): Promise<void> => parts.kernel.writeNetworkSysctls(sandbox.record.namespaces.net ?? '', sysctls);
  return [add, { name: 'network sysctls', needs: ['network'], run: write }];
}

async function pinNamespaces(parts: RunParts, sandbox: Sandbox): Promise<void> {
  const options = namespaceOptions(sandbox.config);
  const userns = sandbox.config.linux?.securityContext?.namespaceOptions?.usernsOptions ?? null;
  const user =
    userns !== null && userns.mode === 'POD'
      ? { uids: userns.uids.map(toIdMap), gids: userns.gids.map(toIdMap) }
      : undefined;
  const namespaces = await parts.kernel.pinNamespaces({
    dir: parts.folders.namespaces(sandbox.id),
    net: options.network === 'POD',
    uts: options.network === 'POD',
    ipc: options.ipc === 'POD',
    hostname: hostnameOf(sandbox, parts.kernel),
    sysctls: sandboxSysctls(sandbox.config),
    ...(user && { user }),
  });
  sandbox.become({ ...sandbox.record, namespaces });
}

function toIdMap(map: { readonly hostId: number; readonly containerId: number; readonly length: number }): {
  hostId: number;
  containerId: number;
  size: number;
} {
  return { hostId: map.hostId, containerId: map.containerId, size: map.length };
}

async function removeSandboxFiles(parts: RunParts, id: string): Promise<void> {
  await unmountSandboxFiles(parts, id);
  await parts.sandboxRecords.remove(id);
}

async function endPause(parts: RunParts, sandbox: Sandbox): Promise<void> {
  await parts.pauses.end(sandbox);
  await removeOwnCgroup(parts, sandbox);
}

/**
 * A start that failed and whose undo failed too: what is left may hold an address or a mount, so it stays
 * listed as NOTREADY under its name, for the kubelet to stop and remove.
 */
async function keepBroken(parts: RunParts, sandbox: Sandbox, left: readonly string[]): Promise<void> {
  sandbox.become({ ...sandbox.record, phase: 'broken' });
  parts.sandboxes.add(sandbox);
  parts.sandboxNames.hold(sandbox.name, sandbox.id);
  try {
    await parts.sandboxRecords.write(sandbox.id, sandbox.record);
  } catch (error) {
    throw new CodedError('internal', `sandbox "${sandbox.id}" could neither be undone (${left.join(', ')}) nor recorded`, {
      cause: error,
    });
  }
}
