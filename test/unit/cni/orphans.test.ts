import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { endOrphanedPlugins } from '../../../src/cni/orphans.ts';

describe('plugins that a killed podwright left', () => {
  it('are killed where they work for its sandboxes and do not end, and nobody else is', async () => {
    const start = (netns: string) =>
      spawn('sleep', ['1000'], { env: { CNI_COMMAND: 'ADD', CNI_NETNS: netns }, stdio: 'ignore', detached: true });
    const own = start('/run/pw-orphans/sandboxes/a/ns/net');
    const other = start('/run/pw-orphans-too/sandboxes/a/ns/net');
    await Promise.all([once(own, 'spawn'), once(other, 'spawn')]);
    const ended = once(own, 'exit');
    assert.equal(await endOrphanedPlugins('/run/pw-orphans/sandboxes', 100), 1);
    assert.deepEqual(await ended, [null, 'SIGKILL']);
    assert.equal(other.exitCode ?? other.signalCode, null);
    other.kill('SIGKILL');
    await once(other, 'exit');
    assert.equal(await endOrphanedPlugins('/run/pw-orphans/sandboxes'), 0);
  });

  it('are let end: killed at work they could leave an address that nobody is known to have', async () => {
    const env = { CNI_COMMAND: 'ADD', CNI_NETNS: '/run/pw-orphans/sandboxes/a/ns/net', PATH: process.env['PATH'] };
    const plugin = spawn('sleep', ['0.3'], { env, stdio: 'ignore', detached: true });
    await once(plugin, 'spawn');
    const ended = once(plugin, 'exit');
    assert.equal(await endOrphanedPlugins('/run/pw-orphans/sandboxes'), 1);
    assert.deepEqual(await ended, [0, null]);
  });
});
