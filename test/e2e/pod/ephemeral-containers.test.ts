import assert from 'node:assert/strict';
import { busyboxImage } from '../../../hack/images/catalogue.ts';
import type { Pod } from '../../support/node/kubelet.ts';
import { incarnations, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const commands = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '";

describe('an ephemeral container', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('ephemeral-containers');
  let pod: Pod;

  before(async () => {
    [pod] = await k8s.start(makePod('app', [shellContainer('main', `echo secret > /file; : mark-of-main; ${idle}`), shellContainer('beside', `: mark-of-beside; ${idle}`)]));
    await debug('guest');
    await debug('surgeon', '--target=main');
  });

  /** Adds one that stays, and waits until it runs. */
  async function debug(name: string, ...flags: readonly string[]): Promise<void> {
    await k8s.kubectl('debug', 'app', `--image=${busyboxImage}`, `--container=${name}`, '--profile=general', ...flags, '--', 'sleep', '3600');
    await k8s.untilRunning('app', name);
  }

  it('joins a Pod that runs, whose containers go on', () => {
    const now = k8s.pod('app');
    assert.ok(now);
    assert.deepEqual(incarnations(now), incarnations(pod));
    assert.notEqual(statusOf(now, 'guest').containerID, undefined);
  });

  it("has the Pod's network and host name", async () => {
    assert.equal(await k8s.exec('app', 'hostname; readlink /proc/self/ns/net', 'guest'), await k8s.exec('app', 'hostname; readlink /proc/self/ns/net', 'main'));
  });

  it('sees no processes but its own where it has no target', async () => {
    assert.doesNotMatch(await k8s.exec('app', commands, 'guest'), /mark-of/);
  });

  it('sees the processes of its target, and of no other container', async () => {
    const seen = await k8s.exec('app', commands, 'surgeon');
    assert.match(seen, /mark-of-main/);
    assert.doesNotMatch(seen, /mark-of-beside/);
  });

  it("reaches its target's files through /proc", async () => {
    assert.equal(await k8s.exec('app', 'cat /proc/1/root/file', 'surgeon'), 'secret\n');
  });
});
