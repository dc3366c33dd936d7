import assert from 'node:assert/strict';
import { setImmediate as turn } from 'node:timers/promises';
import { toNetworkConf } from '../../../src/cni/conf.ts';
import type { NetworkConf } from '../../../src/cni/conf.ts';
import { NetworkMonitor } from '../../../src/cni/monitor.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';
import type { Script } from './scripted-plugins.ts';
import { ScriptedPlugins, complaining } from './scripted-plugins.ts';

const speaking = (...supportedVersions: string[]): Script => (call) => (call.verb === 'VERSION' ? JSON.stringify({ cniVersion: '1.1.0', supportedVersions }) : '');
const readyPollMs = 10_000;
const notReadyPollMs = 2000;

describe('the readiness of the network', () => {
  let plugins: ScriptedPlugins;
  let clock: ManualClock;
  let monitor: NetworkMonitor;
  let listeners: (() => void)[];
  const conf: { current: NetworkConf | undefined; whyNone: string | undefined; onChange(listener: () => void): void } = {
    current: undefined,
    whyNone: undefined,
    onChange: (listener) => void listeners.push(listener),
  };

  const use = (cniVersion: string) => {
    conf.current = toNetworkConf({ name: 'net', cniVersion, plugins: [{ type: 'bridge' }, { type: 'portmap' }] });
    conf.whyNone = undefined;
    for (const listener of listeners) listener();
  };
  const until = async (met: () => boolean) => {
    while (!met()) await turn();
  };

  beforeEach(() => {
    listeners = [];
    plugins = new ScriptedPlugins({ bridge: speaking('1.0.0', '1.1.0'), portmap: speaking('1.0.0', '1.1.0') });
    clock = new ManualClock();
    monitor = new NetworkMonitor({ conf, plugins, clock, log: silentLog, readyPollMs, notReadyPollMs });
    use('1.0.0');
  });

  afterEach(async () => monitor.stop());

  it('is given when the plugins are there and speak the version', async () => {
    monitor.start();
    assert.match(monitor.status().message, /not been checked yet/);
    await monitor.checkedOnce;
    assert.deepEqual(monitor.status(), { ready: true, reason: '', message: '' });
    assert.deepEqual(new Set(plugins.take()), new Set(['VERSION bridge', 'VERSION portmap']));
  });

  it('is not given, and says so at once, while no network is configured', async () => {
    monitor.start();
    await monitor.checkedOnce;
    conf.whyNone = 'no network configuration in /etc/cni/net.d';
    assert.deepEqual(monitor.status(), { ready: false, reason: 'NetworkPluginNotReady', message: 'no network configuration in /etc/cni/net.d' });
  });

  it('asks plugins of 1.1.0 for their status, and repeats what they say', async () => {
    use('1.1.0');
    plugins.scripts.set('portmap', (call, options) => {
      if (call.verb === 'STATUS') throw complaining(50, 'out of addresses');
      return speaking('1.1.0')(call, options);
    });
    monitor.start();
    await monitor.checkedOnce;
    assert.deepEqual(monitor.status(), { ready: false, reason: 'NetworkPluginNotReady', message: 'network "net": out of addresses' });
    const [one, other, ...statuses] = plugins.take();
    // The versions are asked for side by side.
    assert.deepEqual(new Set([one, other]), new Set(['VERSION bridge', 'VERSION portmap']));
    assert.deepEqual(statuses, ['STATUS bridge', 'STATUS portmap']);
  });

  for (const [what, script, message] of [
    ['is missing', undefined, /"portmap" is not in/],
    ['does not speak the version', speaking('0.4.0'), /cni plugin "portmap" speaks 0\.4\.0, but the configuration has cniVersion 1\.0\.0/],
    ['prints garbage', () => 'oops', /cni plugin "portmap" VERSION: the answer is no JSON/],
    ['prints an answer without versions', () => '{}', /no supportedVersions/],
    ['fails', () => Promise.reject(complaining(100, 'broken')), /broken/],
    ['is older than the question', () => Promise.reject(complaining(4, 'unknown CNI_COMMAND: VERSION')), /speaks 0\.1\.0/],
  ] as const) {
    it(`is not given when a plugin ${what}`, async () => {
      if (script === undefined) plugins.scripts.delete('portmap');
      else plugins.scripts.set('portmap', script);
      monitor.start();
      await monitor.checkedOnce;
      assert.equal(monitor.status().ready, false);
      assert.match(monitor.status().message, message);
    });
  }

  it('comes back soon after the plugin does', async () => {
    plugins.scripts.delete('portmap');
    monitor.start();
    await monitor.checkedOnce;
    plugins.scripts.set('portmap', speaking('1.0.0'));
    await until(() => clock.sleeping > 0);
    clock.advance(notReadyPollMs);
    await until(() => monitor.status().ready);
  });

  it('is checked again when the configuration changes', async () => {
    monitor.start();
    await monitor.checkedOnce;
    use('0.3.1');
    await until(() => !monitor.status().ready);
  });

  it('is answered while a plugin hangs', async () => {
    const hang = deferred();
    plugins.scripts.set('bridge', async () => {
      await hang.promise;
      return '';
    });
    monitor.start();
    assert.equal(monitor.status().ready, false);
    hang.resolve();
    await monitor.checkedOnce;
  });

  it('asks a plugin again for its status, but not for its versions', async () => {
    use('1.1.0');
    monitor.start();
    await monitor.checkedOnce;
    plugins.take();
    await until(() => clock.sleeping > 0);
    clock.advance(readyPollMs);
    await until(() => plugins.calls.length === 2);
    assert.deepEqual(plugins.take(), ['STATUS bridge', 'STATUS portmap']);
  });
});
