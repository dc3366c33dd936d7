import assert from 'node:assert/strict';
import { listContainerStats } from '../../../src/cri/runtime/list-container-stats.ts';
import { listPodSandboxStats } from '../../../src/cri/runtime/list-pod-sandbox-stats.ts';
import type { StatsDeps } from '../../../src/cri/runtime/stats-deps.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { KernelPort } from '../../../src/pod/kernel.ts';
import { createContainer } from '../../../src/pod/create-container.ts';
import { runSandbox } from '../../../src/pod/run-sandbox.ts';
import { networkRequest } from '../../../src/pod/sandbox-network.ts';
import { startContainer } from '../../../src/pod/start-container.ts';
import { StatsReader } from '../../../src/pod/stats.ts';
import { containerConfig, sandboxConfig } from '../../support/pod-requests.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';

const context = { signal: new AbortController().signal, log: silentLog };
const usage = { cpu: { usageNs: 1_000n } } as unknown as Awaited<ReturnType<KernelPort['cgroupUsage']>>;

describe('a list of stats', () => {
  let world: PodWorld;
  beforeEach(async () => {
    world = await makePodWorld();
  });
  afterEach(() => world.end());

  /** A Pod with a container that runs; its id and the container's. */
  const running = async (name: string): Promise<{ readonly pod: string; readonly container: string }> => {
    const cgroupParent = `/pods/${name}`;
    const { linux } = sandboxConfig();
    const config = sandboxConfig({
      metadata: { name, namespace: 'n', uid: name, attempt: 0 },
      linux: linux && { ...linux, cgroupParent },
    });
    const pod = await runSandbox(world.parts, { config, runtimeHandler: '' });
    const container = await createContainer(world.parts, world.parts.sandboxes.get(pod), { config: containerConfig() });
    await startContainer(world.parts, world.parts.containers.get(container));
    return { pod, container };
  };
  /** Stats of a kernel that fails for, or does not know any more, what is below a cgroup. */
  const depsWith = (answer: (cgroup: string) => ReturnType<KernelPort['cgroupUsage']>): StatsDeps => {
    const parts = { ...world.parts, kernel: { ...world.parts.kernel, cgroupUsage: (_of, cgroup) => answer(cgroup) } satisfies KernelPort };
    return { parts, stats: new StatsReader(parts), mountpoint: () => '/' };
  };
  const listed = async (deps: StatsDeps): Promise<{ readonly containers: unknown; readonly pods: unknown }> => {
    const containers = await listContainerStats(deps)({ filter: null }, context);
    const pods = await listPodSandboxStats(deps)({ filter: null }, context);
    const idsOf = (answer: object): unknown =>
      'stats' in answer && (answer.stats as { attributes?: { id?: string } }[]).map(({ attributes }) => attributes?.id);
    return { containers: idsOf(containers), pods: idsOf(pods) };
  };

  it('goes without a container whose cgroup is gone by the time it is read (#42)', async () => {
    const [one, two] = [await running('one'), await running('two')];
    const deps = depsWith(async (cgroup) => (cgroup.includes(one.container) ? undefined : usage));
    assert.deepEqual(await listed(deps), { containers: [two.container], pods: [one.pod, two.pod] });
  });

  /** A Pod of systemd's driver that names this cgroup: its usage, and the cgroups that were asked for it. */
  const inSlice = async (cgroupParent: string) => {
    await world.end();
    world = await makePodWorld(systemClock(), { runtime: { systemdCgroup: true } });
    const { parts } = world;
    const { linux } = sandboxConfig();
    const config = sandboxConfig({ linux: linux && { ...linux, cgroupParent } });
    const id = await runSandbox(parts, { config, runtimeHandler: '' });
    const asked: string[] = [];
    const cgroupUsage = async (_of: unknown, cgroup: string): ReturnType<KernelPort['cgroupUsage']> => {
      asked.push(cgroup);
      return usage;
    };
    const stats = new StatsReader({ ...parts, kernel: { ...parts.kernel, cgroupUsage } });
    const sandbox = world.parts.sandboxes.get(id);
    return { id, asked, ...(await stats.sandbox(sandbox)), request: networkRequest(parts, sandbox) };
  };

  it('tells nothing of the slice that a Pod shares with the whole node', async () => {
    const { cgroup, nanoCores, asked, request } = await inSlice('/system.slice');
    assert.deepEqual([cgroup, nanoCores, asked], [{}, undefined, []]);
    assert.equal(request.cgroupParent, '');
  });

  it('tells of a Pod without a cgroup parent by the slice that it has to itself', async () => {
    const { id, cgroup, asked, request } = await inSlice('');
    assert.deepEqual([cgroup, asked], [usage, [`/podwright.slice/podwright-${id}.slice`]]);
    assert.equal(request.cgroupParent, asked[0]);
  });

  it('goes without a Pod that cannot be read, and tells of all the others (#86)', async () => {
    const [, two] = [await running('one'), await running('two')];
    const deps = depsWith(async (cgroup) => {
      if (cgroup.includes('/pods/one')) throw new Error('broken for the test');
      return usage;
    });
    assert.deepEqual(await listed(deps), { containers: [two.container], pods: [two.pod] });
  });
});
