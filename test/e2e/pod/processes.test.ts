import assert from 'node:assert/strict';
import { eventually } from '../../support/eventually.ts';
import { shellContainer } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

/** A container whose processes are told by a word in their command line. */
const marked = (name: string): ReturnType<typeof shellContainer> => shellContainer(name, `trap 'echo heard' USR1; : mark-of-${name}; ${idle}`);
const marks = "cat /proc/[0-9]*/cmdline | tr '\\0' '\\n' | grep -o 'mark-of-[a-z]\\+' | sort -u";
/** The process id of a container's shell as seen from where it is asked; the brackets keep the asking shell from being found. */
const pidOf = (name: string): string => `grep -l 'mark-of[-]${name}' /proc/[0-9]*/cmdline | cut -d/ -f3`;

describe("a container's processes and files", function () {
  this.timeout(300_000);
  const k8s = usePodSuite('processes');

  before(async () => {
    await k8s.start(
      makePod('apart', [marked('first'), marked('second')]),
      makePod('together', [marked('red'), marked('blue')], { shareProcessNamespace: true }),
    );
  });

  it('has a process namespace of its own, with its command as PID 1', async () => {
    assert.equal(await k8s.exec('apart', marks, 'first'), 'mark-of-first\n');
    assert.equal(await k8s.exec('apart', marks, 'second'), 'mark-of-second\n');
    assert.equal(await k8s.exec('apart', pidOf('first'), 'first'), '1\n');
  });

  it('has a root file system of its own', async () => {
    await k8s.exec('apart', 'echo mine > /mine', 'first');
    assert.equal(await k8s.exec('apart', 'cat /mine', 'first'), 'mine\n');
    assert.match((await k8s.tryExec('apart', 'cat /mine', 'second')).stderr, /No such file or directory/);
  });

  it('sees all processes of its Pod where they share the namespace, and none of other Pods', async () => {
    assert.equal(await k8s.exec('together', marks, 'red'), 'mark-of-blue\nmark-of-red\n');
    assert.equal(await k8s.exec('together', marks, 'blue'), 'mark-of-blue\nmark-of-red\n');
  });

  it('keeps a root file system of its own where processes are shared, which the others reach through /proc', async () => {
    await k8s.exec('together', 'echo mine > /mine', 'red');
    assert.match((await k8s.tryExec('together', 'cat /mine', 'blue')).stderr, /No such file or directory/);
    assert.equal(await k8s.exec('together', `cat /proc/$(${pidOf('red')})/root/mine`, 'blue'), 'mine\n');
  });

  it('has pause as PID 1 where processes are shared', async () => {
    assert.equal(await k8s.exec('together', 'cat /proc/1/comm', 'red'), 'pause\n');
    assert.equal(await k8s.exec('together', 'cat /proc/1/comm', 'blue'), 'pause\n');
  });

  it('has its orphans reaped by that pause', async () => {
    // The shell that starts it is gone at once, so its new parent is PID 1.
    const pid = (await k8s.exec('together', 'sleep 0.2 > /dev/null 2>&1 & echo $!', 'red')).trim();
    await eventually('the orphan is gone, not a zombie', async () => (await k8s.tryExec('together', `test -e /proc/${pid}`, 'red')).code !== 0);
    assert.doesNotMatch(await k8s.exec('together', 'grep -h ^State /proc/[0-9]*/status', 'red'), /zombie/);
  });

  it('can send signals to the other containers where processes are shared', async () => {
    await k8s.exec('together', `kill -USR1 $(${pidOf('blue')})`, 'red');
    assert.equal(await k8s.untilLogs('together', 'blue', (log) => log !== ''), 'heard\n');
  });

  it('has nobody to send signals to where they are not', async () => {
    assert.equal(await k8s.exec('apart', `${pidOf('second')} | wc -l`, 'first'), '0\n');
    assert.equal(await k8s.logs('apart', 'second'), '');
  });
});
