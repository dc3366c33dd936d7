import { copyFile, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { Containerd } from '../../../src/containerd/client.ts';
import type { Mount } from '../../../src/containerd/mount.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { TempNode } from '../../support/temp-node.ts';

/** The first start on a machine builds containerd. */
export const BUILD_TIMEOUT_MS = 15 * 60_000;

/** A private node of which only containerd is of interest, with clients of it. */
export class RealContainerd {
  readonly node: TempNode;
  readonly #clients: Containerd[] = [];

  private constructor(node: TempNode) {
    this.node = node;
  }

  static async start(containerdVersion: '2.4' | '2.3' = '2.4'): Promise<RealContainerd> {
    const node = await TempNode.start({ containerdVersion, podwright: false });
    const rootfs = path.join(node.root, 'rootfs');
    await mkdir(path.join(rootfs, 'bin'), { recursive: true });
    await mkdir(path.join(rootfs, 'proc'));
    await copyFile('/bin/busybox', path.join(rootfs, 'bin/busybox'));
    return new RealContainerd(node);
  }

  /** A root file system with /bin/busybox. */
  get rootfs(): Mount[] {
    return [{ type: 'bind', source: path.join(this.node.root, 'rootfs'), target: '', options: ['rbind', 'rw'] }];
  }

  /** A client that is connected; `stop` closes it. */
  async client(): Promise<Containerd> {
    const { containerdSocket: address, name: namespace } = this.node.facts;
    const client = new Containerd({ address, namespace, log: silentLog });
    this.#clients.push(client);
    await client.waitReady(AbortSignal.timeout(30_000));
    return client;
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.close();
    await this.node.stop();
  }
}
