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
import { silentLog } from '../../../src/lib/log.ts';
import { StatsReader } from '../../../src/pod/stats.ts';
import { withServer } from '../../support/cri-client.ts';
import { openFilesBelow } from '../../support/open-files.ts';
import { makePodWorld, type PodWorld } from '../../support/pod-world.ts';
import { anyStorm, assertSensible, letLoose, removeAll } from '../../support/request-storm.ts';
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
    unpacker: { isUnpacked: async () => true, unpack: async () => {} },
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

describe('any well-formed requests', function () {
  this.timeout(120_000);

  it('crash nothing, fail with a reason where they fail, and leave nothing once the Pods are removed', async () => {
    const seen = new Map<string, Set<string>>();
    await fc.assert(
      fc.asyncProperty(anyStorm({ min: 40, max: 80 }), async (calls) => {
        const world = await makePodWorld();
        // An exec's program ends at once and closes its output.
        world.containerd.tasks.onStart = ({ execId, io }) =>
          execId === '' ? undefined : Promise.all([writeFile(io.stdout ?? '', ''), writeFile(io.stderr ?? '', '')]).then(() => 0);
        await writeFile(path.join(world.folder, 'file'), '');
        try {
          await withServer(handlersOf(world), async (client) => {
            const folder = path.join(world.folder, 'host');
            const answers = await letLoose({ client, image, folder, cgroup: '/storm' }, calls);
            for (const answer of answers) {
              assertSensible(answer);
              seen.set(answer.rpc, (seen.get(answer.rpc) ?? new Set()).add(status[answer.code]));
            }
            await Promise.all([world.parts.sandboxNames.settle(), world.parts.containerNames.settle()]);
            await removeAll(client);
            let left: string[] = [];
            await until('nothing is left', async () => {
              const open = openFilesBelow(world.folder).map((file) => `open ${file}`);
              left = [...open, ...(await world.inventory())].filter((item) => !item.startsWith('file host') && item !== 'file file');
              return left.length === 0;
            }).catch((error: unknown) => assert.deepEqual(left, [], String(error)));
          });
        } finally {
          await world.end();
        }
      }),
      { numRuns: 34, interruptAfterTimeLimit: 60_000 },
    );
    const built = missingHandlers({});
    assert.deepEqual([...seen.keys()].toSorted(), built.toSorted());
    for (const rpc of ['RunPodSandbox', 'CreateContainer']) {
      for (const code of ['OK', 'INVALID_ARGUMENT']) assert.ok(seen.get(rpc)?.has(code), `${rpc} never ended ${code}`);
    }
  });
});
