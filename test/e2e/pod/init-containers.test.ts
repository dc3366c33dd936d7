import assert from 'node:assert/strict';
import { mkdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { type ContainerSpec, findStatus, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

const log = { volumeMounts: [{ name: 'log', mountPath: '/log' }] };
const note = (what: string): string => `echo ${what} >> /log/notes`;

/** Notes its begin and its end, and does something between. */
const step = (name: string, script = ':'): ContainerSpec => shellContainer(name, `${note(`${name} begins`)}; ${script}; ${note(`${name} ends`)}`, log);

/** Notes its begin and its end, and stays between; is started before whoever comes after it asks for it. */
function staying(name: string, fields: object = {}): ContainerSpec {
  const script = `trap '${note(`${name} ends`)}; exit 0' TERM; ${note(`${name} begins`)}; touch /up; ${idle}`;
  return { ...shellContainer(name, ''), command: ['sh', '-c', script], ...log, ...fields };
}
const sidecar = (name: string): ContainerSpec =>
  staying(name, { restartPolicy: 'Always', startupProbe: { exec: { command: ['test', '-e', '/up'] }, periodSeconds: 1, failureThreshold: 60 } });

describe('init containers and sidecars', function () {
  this.timeout(300_000);
  const k8s = usePodSuite('init-containers');
  let folder: string;

  /** The notes of a Pod's containers, which outlive it. */
  const notes = async (pod: string): Promise<string[]> => (await readFile(path.join(folder, pod, 'notes'), 'utf8')).trim().split('\n');

  before(async () => {
    folder = path.join(k8s.node.root, 'notes');
    const withLog = (name: string): object => ({ volumes: [{ name: 'log', hostPath: { path: path.join(folder, name), type: 'DirectoryOrCreate' } }] });
    await mkdir(folder);
    const job = {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name: 'job' },
      spec: {
        backoffLimit: 0,
        template: { spec: { ...makePod('', [step('work')], { ...withLog('job'), restartPolicy: 'Never', initContainers: [sidecar('beside')] }).spec } },
      },
    };
    await k8s.create(job);
    await k8s.run(
      makePod('ordered', [staying('main')], { ...withLog('ordered'), initContainers: [step('one', 'sleep 0.3'), step('two')] }),
      makePod('failing', [staying('main')], { ...withLog('failing'), restartPolicy: 'Never', initContainers: [step('one'), step('two', 'exit 7'), step('three')] }),
      makePod('retried', [staying('main')], { ...withLog('retried'), initContainers: [step('one'), step('two', '[ $(grep -c "two begins" /log/notes) = 2 ] || exit 7')] }),
      makePod('accompanied', [staying('main')], {
        ...withLog('accompanied'),
        terminationGracePeriodSeconds: 20,
        initContainers: [sidecar('first'), step('between'), sidecar('second')],
      }),
    );
  });

  it('run one after the other, each to its end, before the main containers', async () => {
    const pod = await k8s.untilReady('ordered');
    assert.deepEqual(await notes('ordered'), ['one begins', 'one ends', 'two begins', 'two ends', 'main begins']);
    for (const name of ['one', 'two']) assert.equal(statusOf(pod, name).state?.terminated?.reason, 'Completed');
  });

  it('stop the rest from starting when one fails, and the Pod fails with it', async () => {
    const pod = await k8s.untilEnded('failing');
    assert.equal(pod.status?.phase, 'Failed');
    assert.deepEqual(await notes('failing'), ['one begins', 'one ends', 'two begins']);
    assert.equal(statusOf(pod, 'two').state?.terminated?.exitCode, 7);
    for (const name of ['three', 'main']) assert.equal(statusOf(pod, name).containerID, undefined);
  });

  it('are run again where they failed and the Pod is to be restarted, but not those that succeeded', async () => {
    const pod = await k8s.untilReady('retried');
    assert.deepEqual(await notes('retried'), ['one begins', 'one ends', 'two begins', 'two begins', 'two ends', 'main begins']);
    assert.equal(statusOf(pod, 'two').restartCount, 1);
  });

  it('stay beside the main containers where they are sidecars, each started before what comes after it', async () => {
    const pod = await k8s.untilReady('accompanied');
    assert.deepEqual(await notes('accompanied'), ['first begins', 'between begins', 'between ends', 'second begins', 'main begins']);
    for (const name of ['first', 'second']) assert.notEqual(statusOf(pod, name).state?.running, undefined);
  });

  it('are started again as sidecars when they end, while the main containers go on', async () => {
    const main = statusOf(await k8s.untilReady('accompanied'), 'main').containerID;
    await k8s.endContainer('accompanied', 'first');
    await k8s.untilRunning('accompanied', 'first', 1);
    const pod = await k8s.untilReady('accompanied');
    assert.equal(statusOf(pod, 'main').containerID, main);
    assert.equal(statusOf(pod, 'main').restartCount, 0);
    assert.equal(statusOf(pod, 'second').restartCount, 0);
  });

  it('end after the main containers where they are sidecars, the last one first', async () => {
    await k8s.kubectl('delete', 'pod', 'accompanied', '--timeout=120s');
    assert.deepEqual((await notes('accompanied')).slice(-3), ['main ends', 'second ends', 'first ends']);
  });

  it('do not keep a Job from finishing where they are sidecars', async () => {
    await k8s.kubectl('wait', '--for=condition=Complete', 'job/job', '--timeout=120s');
    assert.deepEqual(await notes('job'), ['beside begins', 'work begins', 'work ends', 'beside ends']);
    const pod = k8s.watch.all().find((each) => findStatus(each, 'work') !== undefined);
    assert.equal(pod?.status?.phase, 'Succeeded');
  });
});
