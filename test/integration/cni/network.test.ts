import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { AttachmentCache } from '../../../src/cni/cache.ts';
import { ConfWatcher } from '../../../src/cni/conf-watcher.ts';
import { NetworkMonitor } from '../../../src/cni/monitor.ts';
import { CniNetwork } from '../../../src/cni/network.ts';
import { PluginRunner } from '../../../src/cni/plugin.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { silentLog } from '../../../src/lib/log.ts';
import type { NetworkRig } from '../../contract/network.ts';
import { describeNetworkContract } from '../../contract/network.ts';
import { toolFolders } from '../../support/node/tools.ts';

const run = promisify(execFile);

/** Interface names have 15 bytes; the process id keeps two runs apart. */
const bridge = `pwcni${process.pid}`.slice(0, 15);

/** A bridge network with real plugins in folders of its own. */
class RealRig implements NetworkRig {
  readonly network: CniNetwork;
  readonly monitor: NetworkMonitor;
  readonly folder: string;
  readonly #watcher: ConfWatcher;
  readonly #plugins: PluginRunner;
  readonly #namespaces = new Set<string>();
  #serial = 0;

  private constructor(folder: string, binDir: string) {
    this.folder = folder;
    const clock = systemClock();
    this.#plugins = new PluginRunner({ binDirs: [binDir], log: silentLog, env: process.env });
    this.#watcher = new ConfWatcher({ confDir: path.join(folder, 'net.d'), log: silentLog, clock });
    this.network = this.#build();
    this.monitor = new NetworkMonitor({ conf: this.#watcher, plugins: this.#plugins, log: silentLog, clock });
  }

  static async open(cniVersion: string, subnets: readonly string[] = [subnetOf(process.pid)]): Promise<RealRig> {
    const { cni: pluginFolder } = await toolFolders('cni');
    const folder = await mkdtemp(path.join(tmpdir(), 'podwright-cni-'));
    await mkdir(path.join(folder, 'net.d'));
    const ranges = subnets.map((subnet) => [{ subnet }]);
    const conf = {
      cniVersion,
      name: bridge,
      plugins: [
        { type: 'bridge', bridge, isGateway: true, ipam: { type: 'host-local', dataDir: path.join(folder, 'ipam'), ranges } },
        { type: 'portmap', capabilities: { portMappings: true } },
      ],
    };
    await writeFile(path.join(folder, 'net.d', '10-net.conflist'), JSON.stringify(conf));
    const rig = new RealRig(folder, pluginFolder);
    await rig.#watcher.start();
    return rig;
  }

  async makeNetns(): Promise<string> {
    const name = `${bridge}-${this.#serial++}`;
    await run('ip', ['netns', 'add', name]);
    this.#namespaces.add(name);
    return `/run/netns/${name}`;
  }

  async removeNetns(netnsPath: string): Promise<void> {
    const name = path.basename(netnsPath);
    await run('ip', ['netns', 'del', name]);
    this.#namespaces.delete(name);
  }

  async addressesTaken(): Promise<number> {
    const files = await readdir(path.join(this.folder, 'ipam', bridge)).catch(() => []);
    return files.filter((file) => /^\d+\.\d+\.\d+\.\d+$/.test(file)).length;
  }

  async restart(): Promise<CniNetwork> {
    return this.#build();
  }

  async close(): Promise<void> {
    for (const { containerId: id, netnsPath } of await this.#cache().all()) await this.network.del({ id, netnsPath });
    await this.monitor.stop();
    await this.#watcher.stop();
    for (const name of this.#namespaces) await run('ip', ['netns', 'del', name]);
    await run('ip', ['link', 'del', bridge]).catch(() => {});
    await rm(this.folder, { recursive: true });
  }

  #cache(): AttachmentCache {
    return new AttachmentCache(path.join(this.folder, 'cache'), silentLog);
  }

  #build(): CniNetwork {
    return new CniNetwork({ source: this.#watcher, plugins: this.#plugins, cache: this.#cache(), log: silentLog, ipPreference: 'ipv4' });
  }
}

/** A subnet nobody else is likely to use, by process. */
function subnetOf(pid: number): string {
  return `10.${200 + (pid % 50)}.${Math.floor(pid / 50) % 250}.0/24`;
}

describeNetworkContract('real plugins', () => RealRig.open('1.0.0'));

describe('real CNI plugins', () => {
  let rig: RealRig | undefined;

  afterEach(async () => {
    await rig?.close();
    rig = undefined;
  });

  const request = (id: string, netnsPath: string) => ({
    id,
    netnsPath,
    pod: { name: 'web', namespace: 'default', uid: 'u' },
    portMappings: [],
    annotations: {},
    cgroupParent: '',
  });

  for (const cniVersion of ['0.3.1', '0.4.0', '1.0.0', '1.1.0']) {
    it(`set up, check and tear down a sandbox by spec ${cniVersion}`, async () => {
      rig = await RealRig.open(cniVersion);
      const sandbox = request('a', await rig.makeNetns());
      const { ip } = await rig.network.add(sandbox);
      const { stdout } = await run('ip', ['netns', 'exec', path.basename(sandbox.netnsPath), 'ip', '-o', 'addr', 'show', 'eth0']);
      assert.ok(stdout.includes(`inet ${ip}/24`), stdout);
      await rig.network.check(sandbox);
      await rig.network.del(sandbox);
      assert.equal(await rig.addressesTaken(), 0);
    });
  }

  it('give a dual-stack Pod an address of each family', async () => {
    rig = await RealRig.open('1.0.0', [`fd${(process.pid % 256).toString(16).padStart(2, '0')}:77::/64`, subnetOf(process.pid)]);
    const { ip, additionalIps } = await rig.network.add(request('a', await rig.makeNetns()));
    assert.match(ip, /^10\./);
    assert.match(additionalIps.join(), /^fd..:77::/);
  });

  it('map a host port, and unmap it', async () => {
    rig = await RealRig.open('1.0.0');
    const sandbox = { ...request('a', await rig.makeNetns()), portMappings: [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 18080, hostIp: '' }] };
    const rules = async () => (await run('iptables-save', ['-t', 'nat'])).stdout.split('\n').filter((line) => line.includes(bridge) && line.includes('18080'));
    await rig.network.add(sandbox);
    assert.notDeepEqual(await rules(), []);
    await rig.network.del(sandbox);
    assert.deepEqual(await rules(), []);
  });

  it('leave no address when a later plugin fails', async () => {
    rig = await RealRig.open('1.0.0');
    const sandbox = { ...request('a', await rig.makeNetns()), portMappings: [{ protocol: 'tcp' as const, containerPort: 80, hostPort: 99_999, hostIp: '' }] };
    await assert.rejects(rig.network.add(sandbox), /cni plugin "portmap" ADD for "a": .*99999/);
    assert.equal(await rig.addressesTaken(), 0);
  });

  it('are ready by VERSION and STATUS', async () => {
    rig = await RealRig.open('1.1.0');
    rig.monitor.start();
    await rig.monitor.checkedOnce;
    assert.deepEqual(rig.monitor.status(), { ready: true, reason: '', message: '' });
  });

  it('lose the attachments nobody owns by GC', async () => {
    rig = await RealRig.open('1.1.0');
    const [kept, stale] = [request('kept', await rig.makeNetns()), request('stale', await rig.makeNetns())];
    await rig.network.add(kept);
    await rig.network.add(stale);
    const restarted = await rig.restart();
    await restarted.gc(() => ['kept'], { verb: true });
    assert.equal(await rig.addressesTaken(), 1);
  });
});
