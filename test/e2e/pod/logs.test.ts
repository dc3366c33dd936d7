import assert from 'node:assert/strict';
import { readFile, readdir } from 'node:fs/promises';
import path from 'node:path';
import { gunzipSync } from 'node:zlib';
import { readAll } from '../../support/child-streams.ts';
import { eventually } from '../../support/eventually.ts';
import { isReady, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const count = 3_000;
/** Ten times of what a log may hold, in pieces, so that it is looked at while it grows. */
const writeMuch = `i=0; while [ $i -lt ${count} ]; do i=$((i+1)); echo "line $i of many, which together are more than one file is to hold"; [ $((i % 150)) = 0 ] && sleep 0.5; done`;
const numberOf = (line: string): number => Number(/line (\d+) of many/.exec(line)?.[1]);

describe("a Pod's logs", function () {
  this.timeout(300_000);
  const k8s = usePodSuite('logs');

  before(() =>
    k8s.run(
      makePod('both', [shellContainer('main', `echo to stdout; echo to stderr >&2; ${idle}`), shellContainer('beside', `echo from beside; ${idle}`)]),
      makePod('steps', [shellContainer('main', `for i in 1 2 3; do echo step $i; sleep 1.1; done; ${idle}`)]),
      makePod('again', [shellContainer('main', `if [ -e /again/once ]; then echo second run; ${idle}; fi; touch /again/once; echo first run; exit 1`, { volumeMounts: [{ name: 'again', mountPath: '/again' }] })], {
        volumes: [{ name: 'again', emptyDir: {} }],
      }),
      makePod('short', [shellContainer('main', 'until [ -e /tmp/go-on ]; do sleep 0.1; done; printf "last words, but no end of line"')], { restartPolicy: 'Never' }),
      makePod('much', [shellContainer('main', `until [ -e /tmp/go-on ]; do sleep 0.1; done; ${writeMuch}; ${idle}`)]),
    ),
  );

  it('are what a container writes to both of its streams', async () => {
    await k8s.untilReady('both');
    const log = await k8s.untilLogs('both', 'main', (text) => text.split('\n').length === 3);
    // Two pipes have no order between them.
    assert.deepEqual(log.trim().split('\n').sort(), ['to stderr', 'to stdout']);
    assert.equal(await k8s.logs('both', 'beside'), 'from beside\n');
    const all = await k8s.logs('both', undefined, '--all-containers', '--prefix');
    assert.match(all, /^\[pod\/both\/main\] to stdout$/m);
    assert.match(all, /^\[pod\/both\/beside\] from beside$/m);
  });

  it('can be had from a time on, and the last lines alone', async () => {
    await k8s.untilReady('steps');
    await k8s.untilLogs('steps', 'main', (text) => text.includes('step 3'));
    // A time without fractions of a second is what the kubelet gets.
    const times = (await k8s.logs('steps', 'main', '--timestamps')).trim().split('\n').map((line) => line.split(' ')[0] ?? '');
    assert.equal(await k8s.logs('steps', 'main', `--since-time=${times[2]}`), 'step 3\n');
    assert.equal(await k8s.logs('steps', 'main', '--since=1h'), 'step 1\nstep 2\nstep 3\n');
    assert.equal(await k8s.logs('steps', 'main', '--tail=2'), 'step 2\nstep 3\n');
    assert.equal(await k8s.logs('steps', 'main', '--limit-bytes=9'), 'step 1\nst');
  });

  it('of the run before the last are there as well', async () => {
    await k8s.untilPod('again', 'running again', (pod) => isReady(pod) && statusOf(pod, 'main').restartCount === 1);
    assert.equal(await k8s.untilLogs('again', 'main', (text) => text !== ''), 'second run\n');
    assert.equal(await k8s.logs('again', 'main', '--previous'), 'first run\n');
    const { code, stderr } = await k8s.tryKubectl(['logs', 'both', '--container=main', '--previous']);
    assert.notEqual(code, 0);
    assert.match(stderr, /previous terminated container "main" in pod "both" not found/);
  });

  it('can be followed, which ends when the container does', async () => {
    await k8s.untilReady('short');
    const following = readAll(k8s.spawnKubectl('logs', '--follow', 'short'));
    await k8s.exec('short', 'touch /tmp/go-on');
    assert.deepEqual(await following, { code: 0, stdout: 'last words, but no end of line', stderr: '' });
  });

  it('are rotated at the size the kubelet says, followed meanwhile, and lose no line', async () => {
    const { metadata } = await k8s.untilReady('much');
    const folder = path.join(k8s.node.kubelet.podLogsFolder, `${k8s.namespace}_much_${metadata.uid}`, 'main');
    const follower = k8s.spawnKubectl('logs', '--follow', 'much');
    const following = readAll(follower);
    const seen = new Promise<void>((resolve) => follower.stdout.on('data', (data: Buffer) => data.includes(`line ${count} of many`) && resolve()));

    await k8s.exec('much', 'touch /tmp/go-on');
    await Promise.race([seen, following]);

    follower.kill();
    const followed = (await following).stdout.trim().split('\n').map(numberOf);
    assert.deepEqual(followed, Array.from({ length: count }, (_, i) => i + 1));
    await eventually('no more files than there may be', async () => (await readdir(folder)).length <= 3);
    // What is left is the end of it, in one piece.
    const kept = (await readLogs(folder)).map(numberOf);
    assert.equal(kept.at(-1), count);
    assert.deepEqual(kept, Array.from({ length: kept.length }, (_, i) => count - kept.length + 1 + i));
    assert.ok(kept.length < count, 'the oldest are gone');
  });
});

/** All lines of a container's log, those of rotated and compressed files too, the oldest first. */
async function readLogs(folder: string): Promise<string[]> {
  // 0.log is the one that is written to, and what its name goes on with is a time.
  const names = (await readdir(folder)).sort((a, b) => (a === '0.log' ? 1 : b === '0.log' ? -1 : a < b ? -1 : 1));
  const texts = await Promise.all(
    names.map(async (name) => {
      const data = await readFile(path.join(folder, name));
      return (name.endsWith('.gz') ? gunzipSync(data) : data).toString();
    }),
  );
  return texts.join('').trim().split('\n');
}
