import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Containerd } from '../../../src/containerd/client.ts';
import { ImageStore } from '../../../src/image/image-store.ts';
import { hostPlatform } from '../../../src/image/platform.ts';
import { ImagePuller } from '../../../src/image/pull.ts';
import { Unpacker } from '../../../src/image/unpack.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { FakeRegistry } from '../../support/fake-registry.ts';
import { Daemon } from '../../support/node/daemon.ts';
import type { ImagePullerOptions } from '../../../src/image/pull.ts';
import type { UnpackerOptions } from '../../../src/image/unpack.ts';

const run = promisify(execFile);

export interface PrivateContainerd {
  readonly client: Containerd;
  /** hosts.toml files go here. */
  readonly hostsDir: string;
  /** For what a test needs on disk. */
  readonly folder: string;
  stop(): Promise<void>;
}

/** A containerd of this test's own, without CRI plugins, and a client in a namespace of its own. */
export async function startContainerd(): Promise<PrivateContainerd> {
  const { stdout } = await run('hack/tools/build.sh', ['containerd', 'runc']);
  const folder = await mkdtemp('/tmp/podwright-image-');
  const address = path.join(folder, 'containerd.sock');
  const config = path.join(folder, 'config.toml');
  const hostsDir = path.join(folder, 'hosts');
  await mkdir(hostsDir);
  await writeFile(config, [
    'version = 3',
    `root = "${folder}/root"`,
    `state = "${folder}/state"`,
    'disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.cri.v1.runtime", "io.containerd.cri.v1.images"]',
    `[grpc]\naddress = "${address}"`,
  ].join('\n'));
  const daemon = new Daemon({
    name: 'containerd',
    command: 'containerd',
    args: ['--config', config],
    logPath: path.join(folder, 'log'),
    env: { PATH: [...stdout.trim().split('\n'), process.env['PATH'] ?? ''].join(':') },
  });
  daemon.start();
  const client = new Containerd({ address, namespace: 'images', log: silentLog });
  await client.waitReady(AbortSignal.timeout(20_000));
  // As podwright does: in a namespace that is not there the collector takes a pull's streams for left over.
  await client.namespaces.ensure('images');
  return {
    client,
    hostsDir,
    folder,
    async stop() {
      client.close();
      await daemon.stop();
      const mounts = await readFile('/proc/self/mountinfo', 'utf8');
      await rm(folder, { recursive: true });
      if (mounts.includes(` ${folder}/`)) throw new Error(`mounts are left below ${folder}`);
    },
  };
}

/** Gives a suite a containerd, and each of its tests a registry. */
export function useContainerd(): () => { readonly node: PrivateContainerd; readonly registry: FakeRegistry } {
  let node: PrivateContainerd;
  let registry: FakeRegistry;
  before(async () => {
    node = await startContainerd();
  });
  after(async () => {
    await node.stop();
  });
  beforeEach(async () => {
    registry = new FakeRegistry();
    await registry.start();
  });
  afterEach(async () => {
    await registry.stop();
  });
  return () => ({ node, registry });
}

/** What podwright pulls images with, on a private containerd. */
export function imageParts(
  { client, hostsDir }: PrivateContainerd,
  options: Partial<Pick<UnpackerOptions, 'diff' | 'maxConcurrent'> & Pick<ImagePullerOptions, 'noProgressTimeoutMs'>> = {},
): { readonly store: ImageStore; readonly unpacker: Unpacker; readonly puller: ImagePuller } {
  const { images, content, leases, transfer, introspection } = client;
  const { diff = client.diff, maxConcurrent = 2, ...more } = options;
  const common = { content, leases, platform: hostPlatform(), log: silentLog };
  const snapshots = (name: string) => client.snapshots(name);
  const store = new ImageStore({ ...common, records: images });
  const unpacker = new Unpacker({ ...common, diff, snapshots, introspection, maxConcurrent });
  const puller = new ImagePuller({
    ...common, records: images, transfer, unpacker, store, clock: systemClock(), snapshotter: 'overlayfs', hostsDir, ...more,
  });
  return { store, unpacker, puller };
}

/** Waits for what goes on behind an answered call, which ends with its lease. */
export async function idle({ client }: PrivateContainerd): Promise<void> {
  const deadline = AbortSignal.timeout(20_000);
  while ((await client.leases.list([], { signal: deadline })).length > 0) await new Promise((resolve) => setImmediate(resolve));
}
