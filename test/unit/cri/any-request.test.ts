import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { status } from '@grpc/grpc-js';
import fc from 'fast-check';
import { buildHandlers } from '../../../src/app/handlers.ts';
import type { ImageParts } from '../../../src/app/images.ts';
import type { NetworkParts } from '../../../src/app/network.ts';
import { parseConfig } from '../../../src/config/toml.ts';
import type { Containerd } from '../../../src/containerd/client.ts';
import { missingHandlers, type RpcHandlers } from '../../../src/cri/handlers.ts';
import { loadCriServices } from '../../../src/cri/service.ts';
import { FileSystems } from '../../../src/image/file-systems.ts';
import { ImageFs } from '../../../src/image/image-fs.ts';
import { ImageStore } from '../../../src/image/image-store.ts';
import { ImagePuller } from '../../../src/image/pull.ts';
import { CodedError } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { StatsReader } from '../../../src/pod/stats.ts';
import { withServer } from '../../support/cri-client.ts';
import { openFilesBelow } from '../../support/open-files.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { anyStorm, assertNamesFree, assertSensible, fillFolder, letLoose, removeAll, type StormCall } from '../../support/request-storm.ts';
import { until } from '../../support/until.ts';
import { amd64 } from '../image/fakes.ts';

const image = 'registry.test/app:1';
const services = loadCriServices();

/** Every handler there is, on a world of fakes. */
function handlersOf(world: PodWorld): Partial<RpcHandlers> {
  const { containerd, parts } = world;
  const { clock } = parts;
  containerd.transfer.publish(image);
  const store = new ImageStore({ records: containerd.images, content: containerd.content, platform: amd64, log: silentLog });
  const snapshots = containerd.snapshots('overlayfs');
  const puller = new ImagePuller({
    records: containerd.images,
    transfer: containerd.transfer,
    content: containerd.content,
    leases: containerd.leases,
    unpacker: { isParallel: async () => false, isUnpacked: async () => true, unpack: async () => {}, unpackArriving: async () => {} },
    store,
    clock,
    log: silentLog,
    platform: amd64,
    snapshotter: 'overlayfs',
  });
  const imageFs = new ImageFs({ snapshots, content: containerd.content, clock, log: silentLog, mountpoint: world.folder });
  const fileSystems = new FileSystems(new Map([['overlayfs', imageFs]]), { images: 'overlayfs', containers: 'overlayfs' });
  return buildHandlers({
    config: parseConfig('', 'none'),
    parts,
    services,
    images: { store, puller, fileSystems } as unknown as ImageParts,
    network: { ready: () => ({ ready: true, reason: '', message: '' }), podCidr: async () => {} } as unknown as NetworkParts,
    containerd: containerd as unknown as Containerd,
    stats: new StatsReader(parts),
    streams: {
      exec: async () => 'http://node/exec/token',
      attach: async () => 'http://node/attach/token',
      portForward: async () => 'http://node/portforward/token',
    },
  });
}

/** Calls of the Pod layer to its surroundings, on the way there and on the way back. */
const breakable = [
  'leases.create',
  'leases.delete',
  'snapshots.prepare',
  'snapshots.view',
  'snapshots.remove',
  'containers.create',
  'containers.delete',
  'tasks.create',
  'tasks.start',
  'tasks.delete',
  'tasks.kill',
  'kernel.pinNamespaces',
  'kernel.unpinNamespaces',
  'kernel.mountShm',
  'kernel.mountLayers',
  'kernel.unmountBelow',
  'network.add',
  'network.del',
  'images.userFiles',
  'logs.open',
];

/** One call that fails: the first of its kind after so many. */
type Fault = readonly [call: string, after: number];

function breakCalls(world: PodWorld, faults: readonly Fault[]): void {
  for (const [call, after] of faults) {
    const of = /^(?:kernel|network|images|logs)\./.test(call) ? world.around.faults : world.containerd.faults;
    for (let passing = 0; passing < after; passing++) of.failNext(call, undefined);
    of.failNext(call, new CodedError('unavailable', 'broken for the test; try again'));
  }
}

describe('any well-formed requests', function () {
  this.timeout(180_000);

  /** Sends a storm to a world of its own. Fails unless every answer is sensible and nothing is left in the end. */
  async function survive(calls: readonly StormCall[], faults: readonly Fault[], seen: Map<string, number>): Promise<void> {
    const world = await makePodWorld();
    // An exec's program ends at once and closes its output.
    world.containerd.tasks.onStart = ({ execId, io }) =>
      execId === '' ? undefined : Promise.all([writeFile(io.stdout ?? '', ''), writeFile(io.stderr ?? '', '')]).then(() => 0);
    const folder = path.join(world.folder, 'host');
    await fillFolder(folder);
    breakCalls(world, faults);
    try {
      await withServer(handlersOf(world), async (client) => {
        const answers = await letLoose({ client, image, folder, cgroup: '/storm' }, calls);
        for (const answer of answers) {
          assertSensible(answer);
          const ended = `${answer.rpc} ${status[answer.code]}`;
          seen.set(ended, (seen.get(ended) ?? 0) + 1);
        }
        for (const { faults: left } of [world.around, world.containerd]) left.failNoMore();
        await Promise.all([world.parts.sandboxNames.settle(), world.parts.containerNames.settle()]);
        // With its undo broken, a Pod that could not be run stays with its name until it is removed.
        if (faults.length === 0) await assertNamesFree(client, answers);
        await removeAll(client);
        await assertNamesFree(client, answers);
        await removeAll(client);
        let left: string[] = [];
        await until('nothing is left', async () => {
          const open = openFilesBelow(world.folder).map((file) => `open ${file}`);
          left = [...open, ...(await world.inventory())].filter((item) => !item.startsWith('file host'));
          return left.length === 0;
        }).catch((error: unknown) => assert.deepEqual(left, [], String(error)));
      });
    } finally {
      await world.end();
    }
  }

  it('crash nothing, fail with a reason where they fail, and leave nothing once the Pods are removed', async () => {
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(anyStorm({ min: 40, max: 80 }), (calls) => survive(calls, [], seen)),
      { numRuns: 34, interruptAfterTimeLimit: 60_000 },
    );
    const rpcs = new Set([...seen.keys()].map((ended) => ended.split(' ')[0] ?? ''));
    assert.deepEqual([...rpcs].toSorted(), missingHandlers({}).toSorted());
    // Most requests get far, and yet enough are refused.
    for (const rpc of ['RunPodSandbox', 'CreateContainer', 'StartContainer']) assert.ok((seen.get(`${rpc} OK`) ?? 0) >= 20, `${rpc} hardly succeeded`);
    for (const rpc of ['RunPodSandbox', 'CreateContainer']) assert.ok((seen.get(`${rpc} INVALID_ARGUMENT`) ?? 0) >= 10, `${rpc} was hardly refused`);
  });

  it('leave nothing either where what they need fails in their midst', async () => {
    const seen = new Map<string, number>();
    // Some on the way there, and some on the way back.
    const faults = fc.array(fc.tuple(fc.constantFrom(...breakable), fc.nat(12)), { minLength: 4, maxLength: 24 });
    await fc.assert(
      fc.asyncProperty(anyStorm({ min: 20, max: 60 }), faults, (calls, broken) => survive(calls, broken, seen)),
      { numRuns: 20, interruptAfterTimeLimit: 60_000 },
    );
  });
});
