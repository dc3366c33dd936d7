import assert from 'node:assert/strict';
import { speakingImage } from '../../../hack/images/catalogue.ts';
import { type ContainerSpec, shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const box = (name: string, fields: object = {}): ContainerSpec => shellContainer(name, idle, { image: speakingImage, ...fields });

const objects: readonly [string, string][] = [
  ['System V shared memory', 'shm'],
  ['System V message queues', 'msg'],
  ['System V semaphores', 'sem'],
];

describe('IPC and host name', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('ipc');

  before(async () => {
    const maySetHostname = box('second', { securityContext: { capabilities: { add: ['SYS_ADMIN'] } } });
    await k8s.start(makePod('one', [box('first'), maySetHostname]), makePod('other', [box('first')]), makePod('named', [box('first')], { hostname: 'web-1' }));
  });

  for (const [what, kind] of objects) {
    it(`shares ${what} between the containers of a Pod, and only there`, async () => {
      await k8s.exec('one', `ipc put ${kind} 0x1234 42`, 'first');
      const elsewhere = await k8s.tryExec('other', `ipc get ${kind} 0x1234`);
      assert.notEqual(elsewhere.code, 0);
      assert.match(elsewhere.stderr, /No such file or directory/);
      assert.equal(await k8s.exec('one', `ipc get ${kind} 0x1234`, 'second'), '42\n');
    });
  }

  it('shares POSIX shared memory between the containers of a Pod, and only there', async () => {
    await k8s.exec('one', 'echo 42 > /dev/shm/number', 'first');
    assert.equal(await k8s.exec('one', 'cat /dev/shm/number', 'second'), '42\n');
    assert.equal(await k8s.exec('other', 'ls /dev/shm'), '');
    assert.match(await k8s.exec('one', "grep ' /dev/shm ' /proc/mounts", 'second'), /^\S+ \/dev\/shm tmpfs rw,.*size=65536k/);
  });

  it('gives all containers of a Pod its name as host name', async () => {
    assert.equal(await k8s.exec('one', 'hostname', 'first'), 'one\n');
    assert.equal(await k8s.exec('one', 'hostname', 'second'), 'one\n');
    assert.equal(await k8s.exec('other', 'hostname'), 'other\n');
    assert.equal(await k8s.exec('named', 'hostname'), 'web-1\n');
  });

  it('lets a container that may set the host name set it for its Pod, and only there', async () => {
    await k8s.exec('one', 'hostname renamed', 'second');
    assert.equal(await k8s.exec('one', 'hostname', 'first'), 'renamed\n');
    assert.equal(await k8s.exec('other', 'hostname'), 'other\n');
    await k8s.exec('one', 'hostname one', 'second');
  });
});
