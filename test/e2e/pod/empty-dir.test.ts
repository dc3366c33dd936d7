import assert from 'node:assert/strict';
import { type ContainerSpec, shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const mounted = { volumeMounts: [{ name: 'shared', mountPath: '/shared' }] };
/** Writes into the volume and beside it, crashes, and stays the next time. */
const crashing = shellContainer('crashing', `test -e /shared/note && { ${idle}; }; echo kept > /shared/note; echo lost > /note; exit 3`, mounted);
const reading = shellContainer('reading', idle, mounted);
const small: ContainerSpec = shellContainer('small', idle, { volumeMounts: [{ name: 'memory', mountPath: '/memory' }] });

describe('an emptyDir', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('empty-dir');

  before(async () => {
    const volumes = [{ name: 'shared', emptyDir: {} }, { name: 'memory', emptyDir: { medium: 'Memory', sizeLimit: '1Mi' } }];
    await k8s.run(makePod('app', [crashing, reading, small], { volumes }), makePod('other', [reading], { volumes }));
    await k8s.untilRunning('app', 'crashing', 1);
    await Promise.all([k8s.untilReady('app'), k8s.untilReady('other')]);
  });

  it('is seen by all containers that mount it', async () => {
    await k8s.exec('app', 'echo hello > /shared/greeting', 'reading');
    assert.equal(await k8s.exec('app', 'cat /shared/greeting', 'crashing'), 'hello\n');
  });

  it("survives a container's crash", async () => {
    assert.equal(await k8s.exec('app', 'cat /shared/note', 'crashing'), 'kept\n');
    assert.equal(await k8s.exec('app', 'cat /shared/note', 'reading'), 'kept\n');
  });

  it("is all that does: a container's own files go with it", async () => {
    const { code, stderr } = await k8s.tryExec('app', 'cat /note', 'crashing');
    assert.notEqual(code, 0);
    assert.match(stderr, /No such file or directory/);
  });

  it('is empty at first, and of one Pod only', async () => {
    assert.equal(await k8s.exec('other', 'ls -A /shared'), '');
  });

  it('lies in memory where that is its medium, as large as it says', async () => {
    assert.match(await k8s.exec('app', "grep ' /memory ' /proc/mounts", 'small'), /^tmpfs \/memory tmpfs .*size=1024k/);
    assert.equal(await k8s.exec('app', 'head -c 2000000 /dev/zero > /memory/large 2> /dev/null; wc -c < /memory/large', 'small'), `${1024 ** 2}\n`);
  });
});
