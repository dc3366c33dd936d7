import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { configuredImage, webImage } from '../../../hack/images/catalogue.ts';
import { eventually } from '../../support/eventually.ts';
import type { ContainerState, Pod } from '../../support/node/kubelet.ts';
import { isReady, shellContainer, statusOf } from '../pods.ts';
import { idle, makePod, usePodSuite } from './suite.ts';

/** What containers note outlives them, in a folder of the node. */
const noted = { name: 'notes', mountPath: '/notes' };

/** A shell script that takes down what it is asked for over HTTP. */
const callers = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'callers' }, data: { note: '#!/bin/sh\necho "$QUERY_STRING" >> /notes/callers\necho\n' } };

/** A container that notes in a file called as it is when it is told to end. */
const noting = (name: string, fields: object): ReturnType<typeof shellContainer> =>
  shellContainer(name, `trap 'echo told to end >> /notes/${name}; exit 5' TERM; ${idle}`, { volumeMounts: [noted], ...fields });

const exec = (script: string): object => ({ exec: { command: ['sh', '-c', script] } });

describe("a container's lifecycle hooks", function () {
  this.timeout(300_000);
  const k8s = usePodSuite('hooks');
  let notes: string;

  /** A Pod of one container that has the name of the Pod. */
  const pod = (container: ReturnType<typeof shellContainer>, spec: object = {}): Pod =>
    makePod(container.name, [container], { volumes: [{ name: 'notes', hostPath: { path: notes } }], ...spec });

  before(async () => {
    notes = path.join(k8s.node.root, 'files', 'notes');
    await mkdir(notes, { recursive: true });
    const receiver = { name: 'receiver', image: webImage, volumeMounts: [noted, { name: 'callers', mountPath: '/www/cgi-bin' }] };
    const configured = { name: 'by-image', image: configuredImage };
    const volumes = [{ name: 'notes', hostPath: { path: notes } }, { name: 'callers', configMap: { name: 'callers', defaultMode: 0o755 } }];
    const withSignal = { os: { name: 'linux' } };
    await k8s.create(callers);
    await k8s.run(
      pod(receiver, { volumes }),
      pod(shellContainer('held-up', `echo runs > /notes/held-up; ${idle}`, {
        volumeMounts: [noted],
        lifecycle: { postStart: exec('until [ -e /notes/go-on ]; do sleep 0.1; done') },
      })),
      pod(shellContainer('refused', idle, { lifecycle: { postStart: exec('echo no such thing >&2; exit 3') } }), { restartPolicy: 'Never' }),
      pod(shellContainer('slow-to-start', idle, { lifecycle: { postStart: { sleep: { seconds: 2 } } } }), { terminationGracePeriodSeconds: 3 }),
      pod(noting('in-order', { lifecycle: { preStop: exec('echo hook begins >> /notes/in-order; sleep 0.5; echo hook ends >> /notes/in-order') } }), { terminationGracePeriodSeconds: 30 }),
      pod(noting('endless', { lifecycle: { preStop: exec('echo hook begins >> /notes/endless; sleep 3600') } }), { terminationGracePeriodSeconds: 2 }),
      pod(noting('sleeping', { lifecycle: { preStop: { sleep: { seconds: 2 } } } }), { terminationGracePeriodSeconds: 30 }),
      pod(shellContainer('patient', `trap 'sleep 1; exit 5' TERM; ${idle}`), { terminationGracePeriodSeconds: 30 }),
      pod(shellContainer('deaf', `trap '' TERM; ${idle}`), { terminationGracePeriodSeconds: 1 }),
      pod(shellContainer('other-signal', `trap 'exit 9' USR1; ${idle}`, { lifecycle: { stopSignal: 'SIGUSR1' } }), withSignal),
      makePod('by-image', [configured], { ...withSignal, terminationGracePeriodSeconds: 30 }),
      makePod('by-field', [{ ...configured, command: ['sh', '-c', `trap 'exit 9' TERM; trap 'exit 7' USR1; ${idle}`], lifecycle: { stopSignal: 'SIGTERM' } }], withSignal),
    );
  });

  // A kubelet waits for postStart also when its Pod is deleted meanwhile, with whatever runtime: whatever goes wrong, it has to end.
  after(() => writeFile(path.join(notes, 'go-on'), ''));

  /** Deletes a Pod and tells how its container ended, by the last that was heard of it. */
  async function endOf(name: string): Promise<NonNullable<ContainerState['terminated']>> {
    await k8s.kubectl('delete', 'pod', name, '--wait=false');
    await k8s.untilGone(name);
    const ended = k8s.watch.history(name).flatMap(({ status }) => status?.containerStatuses?.[0]?.state?.terminated ?? []);
    assert.ok(ended[0], `it was never told that the container of ${name} ended`);
    return ended[0];
  }

  const note = (name: string): Promise<string> => readFile(path.join(notes, name), 'utf8').catch(() => '');
  const untilNoted = (name: string, text: string): Promise<boolean> =>
    eventually(`${text} in the notes of ${name}`, async () => (await note(name)).includes(text));

  it('have the Pod wait for postStart, which runs beside the container', async () => {
    await untilNoted('held-up', 'runs');
    assert.equal(isReady(k8s.pod('held-up')), false);
    assert.equal(k8s.pod('held-up')?.status?.containerStatuses?.[0]?.state?.running, undefined);

    await writeFile(path.join(notes, 'go-on'), '');

    const ready = await k8s.untilReady('held-up');
    assert.equal(statusOf(ready, 'held-up').restartCount, 0);
  });

  it('have the Pod wait for a sleep after the start', async () => {
    const ready = await k8s.untilReady('slow-to-start');
    const startedAt = statusOf(ready, 'slow-to-start').state?.running?.startedAt ?? '';
    // Both are in whole seconds, which makes no two of them one.
    assert.ok(readySince(ready) - Date.parse(startedAt) >= 2_000);
  });

  it('end a container whose postStart fails, and tell so', async () => {
    await k8s.untilEnded('refused');
    await k8s.untilEvent('refused', 'FailedPostStartHook', /PostStartHook failed/);
  });

  it('let preStop end before the container is told to', async () => {
    await k8s.untilReady('in-order');
    assert.equal((await endOf('in-order')).exitCode, 5);
    assert.equal(await note('in-order'), 'hook begins\nhook ends\ntold to end\n');
  });

  it('do not let preStop keep a container beyond its grace period', async () => {
    await k8s.untilReady('endless');
    await endOf('endless');
    // It has a little time of its own to end when the hook has used all there was.
    assert.match(await note('endless'), /^hook begins\n(told to end\n)?$/);
  });

  it('let a container sleep before it is told to end', async () => {
    await k8s.untilReady('sleeping');
    const deletedAtMs = Date.now();
    assert.equal((await endOf('sleeping')).exitCode, 5);
    // Load makes it longer, nothing makes it shorter.
    assert.ok(Date.now() - deletedAtMs >= 2_000);
    assert.equal(await note('sleeping'), 'told to end\n');
  });

  it('call over HTTP after the start and before the end', async () => {
    const { podIP } = (await k8s.untilReady('receiver')).status ?? {};
    const call = (what: string): object => ({ httpGet: { host: podIP, port: 8080, path: `/cgi-bin/note?${what}` } });
    await k8s.start(pod(noting('caller', { lifecycle: { postStart: call('started'), preStop: call('ends') } }), { terminationGracePeriodSeconds: 30 }));
    assert.equal(await note('callers'), 'started\n');

    assert.equal((await endOf('caller')).exitCode, 5);

    assert.equal(await note('callers'), 'started\nends\n');
  });

  it('leave a container the time it needs to end, up to its grace period', async () => {
    await k8s.untilReady('patient');
    assert.equal((await endOf('patient')).exitCode, 5);
  });

  it('kill a container that does not end within its grace period', async () => {
    await k8s.untilReady('deaf');
    assert.equal((await endOf('deaf')).exitCode, 137);
  });

  it('send the stop signal that the Pod names', async () => {
    const ready = await k8s.untilReady('other-signal');
    assert.equal(stopSignalOf(ready), 'SIGUSR1');
    assert.equal((await endOf('other-signal')).exitCode, 9);
  });

  it('send the stop signal of the image where the Pod names none', async () => {
    const ready = await k8s.untilReady('by-image');
    assert.equal(stopSignalOf(ready), 'SIGUSR1');
    assert.equal((await endOf('by-image')).exitCode, 7);
  });

  it("send the Pod's stop signal where the image has another", async () => {
    const ready = await k8s.untilReady('by-field');
    assert.equal(stopSignalOf(ready), 'SIGTERM');
    assert.equal((await endOf('by-field')).exitCode, 9);
  });
});

/** Since when a Pod is Ready, ms. */
function readySince(pod: Pod): number {
  const condition = pod.status?.conditions?.find(({ type }) => type === 'Ready') as { readonly lastTransitionTime?: string } | undefined;
  return Date.parse(condition?.lastTransitionTime ?? '');
}

/** The signal that will end a Pod's only container, as the runtime says. */
function stopSignalOf(pod: Pod): string | undefined {
  return (pod.status?.containerStatuses?.[0] as { readonly stopSignal?: string } | undefined)?.stopSignal;
}
