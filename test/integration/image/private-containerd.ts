import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { Containerd } from '../../../src/containerd/client.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Daemon } from '../../support/node/daemon.ts';

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
