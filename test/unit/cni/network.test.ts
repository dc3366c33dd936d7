import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { SandboxNetworkRequest } from '../../../src/cni/attachment.ts';
import { AttachmentCache } from '../../../src/cni/cache.ts';
import type { NetworkConf } from '../../../src/cni/conf.ts';
import { toNetworkConf } from '../../../src/cni/conf.ts';
import { CniNetwork } from '../../../src/cni/network.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ScriptedPlugins, complaining, giving, passing } from './scripted-plugins.ts';

// A namespace that is there while the test runs.
const netnsPath = '/proc/self/ns/net';

const request = (id: string, fields: Partial<SandboxNetworkRequest> = {}): SandboxNetworkRequest => ({
  id,
  netnsPath,
  pod: { name: 'web', namespace: 'default', uid: 'u' },
  portMappings: [{ protocol: 'tcp', containerPort: 80, hostPort: 8080, hostIp: '' }],
  annotations: {},
  cgroupParent: '',
  ...fields,
});

describe('the CNI network', () => {
  let folder = '';
  let plugins: ScriptedPlugins;
  let source: { current: NetworkConf | undefined; network: () => Promise<NetworkConf> };
  let network: CniNetwork;

  const use = (cniVersion: string, fields: object = {}) => {
    const list = { name: 'net', cniVersion, plugins: [{ type: 'bridge' }, { type: 'portmap', capabilities: { portMappings: true } }], ...fields };
    source.current = toNetworkConf(list);
  };
  const start = () => new CniNetwork({ source, plugins, cache: new AttachmentCache(folder, silentLog), log: silentLog, ipPreference: 'ipv4' });
  const cached = async () => (await readdir(folder)).length;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'podwright-net-'));
    plugins = new ScriptedPlugins({ bridge: giving('10.1.2.3/24'), portmap: passing });
    source = {
      current: undefined,
      async network() {
        if (source.current === undefined) throw new CodedError('failedPrecondition', 'no network configuration');
        return source.current;
      },
    };
    use('1.0.0');
    network = start();
  });

  afterEach(async () => rm(folder, { recursive: true }));

  it("uses a handler's own configuration, also to delete what it has no record of", async () => {
    const own = { current: toNetworkConf({ name: 'own', cniVersion: '1.0.0', plugins: [{ type: 'bridge' }] }), network: async () => own.current };
    const cache = new AttachmentCache(folder, silentLog);
    network = new CniNetwork({ source, handlerSources: new Map([['/own', own]]), plugins, cache, log: silentLog, ipPreference: 'cni' });
    assert.equal((await network.add(request('a', { confDir: '/own' }))).network, 'own');
    assert.equal((await network.add(request('b', { confDir: '' }))).network, 'net');
    plugins.take();
    await network.del({ id: 'a', netnsPath });
    await network.del({ id: 'c', netnsPath, confDir: '/own' });
    assert.deepEqual(plugins.take(), ['DEL bridge', 'DEL bridge']);
  });

  describe('adding a sandbox', () => {
    it('runs the plugins in order, hands on the result and picks the address', async () => {
      const { ip, additionalIps, network: name } = await network.add(request('a'));
      assert.deepEqual([ip, additionalIps, name], ['10.1.2.3', [], 'net']);
      const [bridge, portmap] = plugins.calls;
      assert.deepEqual(bridge?.conf, { type: 'bridge', name: 'net', cniVersion: '1.0.0' });
      assert.deepEqual(portmap?.conf['runtimeConfig'], { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] });
      assert.deepEqual(portmap?.conf['prevResult'], {
        cniVersion: '1.0.0',
        interfaces: [{ name: 'eth0', sandbox: netnsPath }],
        ips: [{ address: '10.1.2.3/24', interface: 0 }],
      });
      assert.deepEqual(plugins.take(), ['ADD bridge', 'ADD portmap']);
    });

    it('leaves out the plugin that maps ports where there is none to map, and at the end too', async () => {
      await network.add(request('a', { portMappings: [] }));
      await start().del({ id: 'a', netnsPath });
      assert.deepEqual(plugins.take(), ['ADD bridge', 'DEL bridge']);
    });

    it('runs it all the same where it comes first, serves no capability, or it is not known what the ADD asked', async () => {
      use('1.0.0', { plugins: [{ type: 'portmap', capabilities: { portMappings: true } }] });
      plugins.scripts.set('portmap', giving('10.1.2.3/24'));
      await network.add(request('a', { portMappings: [] }));
      use('1.0.0', { plugins: [{ type: 'bridge' }, { type: 'portmap' }] });
      plugins.scripts.set('portmap', passing);
      await network.add(request('b', { portMappings: [] }));
      use('1.0.0');
      await network.del({ id: 'c', netnsPath });
      assert.deepEqual(plugins.take(), ['ADD portmap', 'ADD bridge', 'ADD portmap', 'DEL portmap', 'DEL bridge']);
    });

    it('fails with the reason when there is no network', async () => {
      source.current = undefined;
      await assert.rejects(network.add(request('a')), (error) => isKind(error, 'failedPrecondition') && /no network configuration/.test(String(error)));
    });

    it('runs nothing when any of the plugins is missing', async () => {
      plugins.scripts.delete('portmap');
      await assert.rejects(network.add(request('a')), (error) => isKind(error, 'failedPrecondition') && /"portmap" is not in/.test(String(error)));
      assert.deepEqual(plugins.take(), []);
      assert.equal(await cached(), 0);
    });

    it('takes back what was done, the failed plugin’s part first, when a plugin fails', async () => {
      plugins.scripts.set('portmap', (call) => {
        if (call.verb === 'ADD') throw complaining(11, 'port 8080 is taken');
        return '';
      });
      await assert.rejects(network.add(request('a')), /add "a" to network "net": port 8080 is taken/);
      assert.deepEqual(plugins.calls.at(-1)?.conf['prevResult'], plugins.calls[1]?.conf['prevResult']);
      assert.deepEqual(plugins.take(), ['ADD bridge', 'ADD portmap', 'DEL portmap', 'DEL bridge']);
      assert.equal(await cached(), 0);
    });

    it('takes back no plugin that did not come to run', async () => {
      plugins.scripts.set('bridge', (call) => {
        if (call.verb === 'ADD') throw complaining(100, 'no bridge');
        return '';
      });
      await assert.rejects(network.add(request('a')), /no bridge/);
      assert.deepEqual(plugins.take(), ['ADD bridge', 'DEL bridge']);
    });

    it('throws the first error and remembers the sandbox when taking back fails too', async () => {
      plugins.scripts.set('bridge', (call) => {
        throw complaining(100, `${call.verb} failed`);
      });
      await assert.rejects(network.add(request('a')), /ADD failed/);
      assert.equal(await cached(), 1);
    });

    for (const [what, printed] of [
      ['prints garbage', 'oops'],
      ['prints nothing', ''],
      ['prints a result that is none', '{"ips":[{"address":"10.1.2.300/24"}]}'],
    ] as const) {
      it(`fails by plugin, verb and sandbox when a plugin ${what}`, async () => {
        plugins.scripts.set('portmap', (call) => (call.verb === 'ADD' ? printed : ''));
        await assert.rejects(network.add(request('a')), /cni plugin "portmap" ADD for "a": .*it printed/);
        assert.deepEqual(plugins.take().slice(2), ['DEL portmap', 'DEL bridge']);
      });
    }

    it('takes everything back when the network gave no address', async () => {
      plugins.scripts.set('bridge', (call) => (call.verb === 'ADD' ? '{"ips":[]}' : ''));
      await assert.rejects(network.add(request('a')), /gave interface eth0 no ip/);
      assert.deepEqual(plugins.take().slice(2), ['DEL portmap', 'DEL bridge']);
    });

    it('takes everything back, though nobody waits any more, when its caller goes away', async () => {
      const caller = new AbortController();
      plugins.scripts.set('portmap', (call, { signal }) => {
        if (call.verb !== 'ADD') {
          assert.equal(signal, undefined);
          return '';
        }
        caller.abort();
        throw new CodedError('canceled', 'canceled');
      });
      await assert.rejects(network.add(request('a'), caller.signal), (error) => isKind(error, 'canceled'));
      assert.deepEqual(plugins.take().slice(2), ['DEL portmap', 'DEL bridge']);
    });

    it('runs nothing for a caller that has gone away', async () => {
      await assert.rejects(network.add(request('a'), AbortSignal.abort()), (error) => isKind(error, 'canceled'));
      assert.deepEqual(plugins.take(), []);
      assert.equal(await cached(), 0);
    });

    it('takes everything back when it cannot be written down', async () => {
      await writeFile(path.join(folder, 'file'), 'in the way');
      const cache = new AttachmentCache(path.join(folder, 'file'), silentLog);
      const broken = new CniNetwork({ source, plugins, cache, log: silentLog, ipPreference: 'ipv4' });
      await assert.rejects(broken.add(request('a')), /write down the network attachment of "a"/);
      // The second plugin never begins without the first one's note.
      assert.deepEqual(plugins.take(), ['ADD bridge', 'DEL bridge']);
    });

    it('runs beside another sandbox, and not beside itself', async () => {
      const [hold, arrived] = [deferred(), deferred()];
      plugins.scripts.set('bridge', async (call, options) => {
        if (call.verb === 'ADD' && call.containerId === 'a') {
          arrived.resolve();
          await hold.promise;
        }
        return giving('10.1.2.3/24')(call, options);
      });
      const first = network.add(request('a'));
      await arrived.promise;
      const deleted = network.del({ id: 'a', netnsPath });
      await network.add(request('b'));
      assert.ok(!plugins.take().includes('DEL bridge'));
      hold.resolve();
      await Promise.all([first, deleted]);
      assert.deepEqual(plugins.take(), ['ADD portmap', 'DEL portmap', 'DEL bridge']);
    });
  });

  describe('deleting a sandbox', () => {
    it('runs the plugins in reverse, each with the result of the ADD', async () => {
      await network.add(request('a'));
      const result = plugins.calls[1]?.conf['prevResult'];
      plugins.take();
      await network.del({ id: 'a', netnsPath });
      assert.deepEqual(plugins.calls.map((call) => call.conf['prevResult']), [result, result]);
      assert.deepEqual(plugins.calls.map((call) => call.netnsPath), [netnsPath, netnsPath]);
      assert.deepEqual(plugins.calls[0]?.conf['runtimeConfig'], { portMappings: [{ hostPort: 8080, containerPort: 80, protocol: 'tcp' }] });
      assert.deepEqual(plugins.take(), ['DEL portmap', 'DEL bridge']);
      assert.equal(await cached(), 0);
    });

    it('gives plugins of 0.3.1 no result, which they do not know on DEL', async () => {
      use('0.3.1');
      await network.add(request('a'));
      plugins.take();
      await network.del({ id: 'a', netnsPath });
      assert.ok(plugins.calls.every((call) => !('prevResult' in call.conf)));
    });

    it('uses the configuration it was added by, after a restart and though the file has changed or gone', async () => {
      await network.add(request('a'));
      await network.add(request('b'));
      plugins.take();
      const restarted = start();
      source.current = toNetworkConf({ name: 'other', cniVersion: '1.0.0', plugins: [{ type: 'calico' }] });
      await restarted.del({ id: 'a', netnsPath });
      source.current = undefined;
      await restarted.del({ id: 'b', netnsPath });
      assert.deepEqual(plugins.calls.map((call) => call.conf['name']), ['net', 'net', 'net', 'net']);
      assert.equal(await cached(), 0);
    });

    for (const [what, gone] of [['is empty', ''], ['is not there any more', '/run/netns/podwright-gone'], ['is a file that is no namespace', '/etc/hostname']] as const) {
      it(`passes no namespace when its path ${what}`, async () => {
        await network.add(request('a'));
        plugins.take();
        await network.del({ id: 'a', netnsPath: gone });
        assert.deepEqual(plugins.calls.map((call) => call.netnsPath), ['', '']);
      });
    }

    it('again succeeds, and asks the plugins again as the cache may have been lost', async () => {
      await network.add(request('a'));
      await network.del({ id: 'a', netnsPath });
      plugins.take();
      await network.del({ id: 'a', netnsPath });
      assert.deepEqual(plugins.take(), ['DEL portmap', 'DEL bridge']);
    });

    it('that was never added succeeds, whatever the plugins say', async () => {
      plugins.scripts.set('bridge', () => {
        throw complaining(100, 'what sandbox?');
      });
      await network.del({ id: 'a', netnsPath });
      source.current = undefined;
      await network.del({ id: 'a', netnsPath });
    });

    it('that is known to have been added fails with the plugins even if nothing is cached', async () => {
      plugins.scripts.set('portmap', () => {
        throw complaining(100, 'locked');
      });
      await assert.rejects(network.del({ id: 'a', netnsPath, wasAdded: true }), /delete "a" from its network: locked/);
    });

    it('stops at the first plugin that fails, and can be done again', async () => {
      await network.add(request('a'));
      plugins.take();
      plugins.scripts.set('portmap', () => {
        throw complaining(11, 'locked');
      });
      await assert.rejects(network.del({ id: 'a', netnsPath }), /delete "a" from its network: locked/);
      assert.deepEqual(plugins.take(), ['DEL portmap']);
      plugins.scripts.set('portmap', passing);
      await network.del({ id: 'a', netnsPath });
      assert.deepEqual(plugins.take(), ['DEL portmap', 'DEL bridge']);
      assert.equal(await cached(), 0);
    });

    it('goes on past a plugin that has nothing left to delete', async () => {
      await network.add(request('a'));
      plugins.take();
      plugins.scripts.set('portmap', () => {
        throw complaining(3, 'unknown container');
      });
      await network.del({ id: 'a', netnsPath });
      assert.deepEqual(plugins.take(), ['DEL portmap', 'DEL bridge']);
    });

    it('goes on past an old plugin that misses the namespace that is gone', async () => {
      await network.add(request('a'));
      plugins.take();
      plugins.scripts.set('portmap', () => {
        throw complaining(999, 'failed to open netns "": no such file or directory');
      });
      await assert.rejects(network.del({ id: 'a', netnsPath }), /no such file/);
      await network.del({ id: 'a', netnsPath: '' });
      assert.deepEqual(plugins.take(), ['DEL portmap', 'DEL portmap', 'DEL bridge']);
    });

    it('whose ADD never came to its end succeeds, and is left to GC where a plugin fails', async () => {
      plugins.scripts.set('bridge', () => {
        throw complaining(100, 'down');
      });
      await assert.rejects(network.add(request('a')));
      await network.del({ id: 'a', netnsPath });
      assert.equal(await cached(), 1);
      plugins.scripts.set('bridge', giving('10.1.2.3/24'));
      await network.gc(() => [], { verb: true });
      assert.equal(await cached(), 0);
    });

    it('fails when its caller goes away', async () => {
      const caller = new AbortController();
      plugins.scripts.set('portmap', () => {
        caller.abort();
        throw new CodedError('deadlineExceeded', 'too late');
      });
      await assert.rejects(network.del({ id: 'a', netnsPath }, caller.signal), (error) => isKind(error, 'deadlineExceeded'));
    });
  });

  describe('checking a sandbox', () => {
    it('asks the plugins in order, each with the result of the ADD', async () => {
      await network.add(request('a'));
      const result = plugins.calls[1]?.conf['prevResult'];
      plugins.take();
      await network.check({ id: 'a', netnsPath });
      assert.deepEqual(plugins.calls.map((call) => call.conf['prevResult']), [result, result]);
      assert.deepEqual(plugins.take(), ['CHECK bridge', 'CHECK portmap']);
    });

    for (const [what, cniVersion, fields] of [['that has it disabled', '1.0.0', { disableCheck: true }], ['of a version without it', '0.3.1', {}]] as const) {
      it(`asks no plugin of a network ${what}`, async () => {
        use(cniVersion, fields);
        await network.add(request('a'));
        plugins.take();
        await network.check({ id: 'a', netnsPath });
        assert.deepEqual(plugins.take(), []);
      });
    }

    it('fails for one that is on no network', async () => {
      await assert.rejects(network.check({ id: 'a', netnsPath }), (error) => isKind(error, 'failedPrecondition'));
    });
  });

  describe('cleaning up', () => {
    it('deletes what no valid sandbox owns', async () => {
      await network.add(request('a'));
      await network.add(request('b'));
      plugins.take();
      await start().gc(() => ['b'], { verb: true });
      assert.deepEqual(plugins.calls.map((call) => call.containerId), ['a', 'a']);
      assert.deepEqual(plugins.take(), ['DEL portmap', 'DEL bridge']);
    });

    it('leaves alone what this process added, even if nobody says so', async () => {
      await network.add(request('a'));
      plugins.take();
      await network.gc(() => [], { verb: true });
      assert.deepEqual(plugins.take(), []);
    });

    it('tells plugins of 1.1.0 which attachments are valid', async () => {
      use('1.1.0');
      await network.add(request('a', { ifName: 'net0' }));
      plugins.take();
      await network.gc(() => ['other'], { verb: true });
      const valid = [{ containerID: 'a', ifname: 'net0' }, { containerID: 'other', ifname: 'eth0' }];
      assert.deepEqual(plugins.calls.map((call) => call.conf['cni.dev/valid-attachments']), [valid, valid]);
      assert.deepEqual(plugins.take(), ['GC bridge', 'GC portmap']);
    });

    it('asks no plugin of a network that has it disabled', async () => {
      use('1.1.0', { disableGC: true });
      await network.gc(() => [], { verb: true });
      assert.deepEqual(plugins.take(), []);
    });

    it('goes on after a failure, and throws it at the end', async () => {
      use('1.1.0');
      await network.add(request('a'));
      await network.add(request('b'));
      plugins.take();
      plugins.scripts.set('portmap', (call) => {
        throw complaining(100, `${call.verb} ${call.containerId}`);
      });
      await assert.rejects(start().gc(() => [], { verb: true }), /clean up networks \(3 failed\): DEL a/);
      assert.deepEqual(plugins.take(), ['DEL portmap', 'DEL portmap', 'GC bridge', 'GC portmap']);
    });

    it('asks for the valid sandboxes only when no ADD is under way', async () => {
      const [hold, arrived] = [deferred(), deferred()];
      plugins.scripts.set('bridge', async (call, options) => {
        arrived.resolve();
        await hold.promise;
        return giving('10.1.2.3/24')(call, options);
      });
      const other = start();
      const valid: string[] = [];
      const adding = network.add(request('a'));
      await arrived.promise;
      const cleaned = network.gc(() => valid, { verb: true });
      valid.push('a');
      hold.resolve();
      await Promise.all([adding, cleaned]);
      await other.gc(() => valid, { verb: true });
      assert.deepEqual(plugins.take(), ['ADD bridge', 'ADD portmap']);
    });
  });
});
