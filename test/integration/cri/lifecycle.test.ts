import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { configuredImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';

const unknownId = 'f'.repeat(64);
/** Says when it listens, and ends with 3 on a TERM. */
const obedient = 'trap "echo told; exit 3" TERM; echo ready; while :; do sleep 0.05; done';
/** Says when it listens, and does not mind a TERM. */
const stubborn = 'trap "echo told" TERM; echo ready; while :; do sleep 0.05; done';

describe("a container's life", function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let pod: Pod;

  beforeEach(async () => {
    pod = await cri().runPod();
  });

  it('goes from CREATED to RUNNING to EXITED, with a time for each', async () => {
    const container = await pod.create({ command: ['sh', '-c', 'exit 0'] });
    const created = await container.status();
    assert.deepEqual([created.state, created.startedAt, created.finishedAt], ['CONTAINER_CREATED', '0', '0']);
    await container.start();
    const ended = await container.ended();
    assert.ok(BigInt(created.createdAt) > 0n);
    assert.ok(BigInt(created.createdAt) <= BigInt(ended.startedAt));
    assert.ok(BigInt(ended.startedAt) <= BigInt(ended.finishedAt));
    assert.deepEqual([ended.exitCode, ended.reason], [0, 'Completed']);
  });

  for (const [script, exitCode, reason] of [
    ['exit 7', 7, 'Error'],
    ['exit 255', 255, 'Error'],
    ['kill -TERM $$', 143, 'Error'],
  ] as const) {
    it(`ends with ${exitCode} and ${reason} after "${script}"`, async () => {
      // Not as the first process: that one is immune to its own signals.
      const container = await pod.runScript(`sh -c '${script}'; exit $?`);
      const ended = await container.ended();
      assert.deepEqual([ended.exitCode, ended.reason], [exitCode, reason]);
    });
  }

  it('tells what it was made of', async () => {
    await cri().call('PullImage', { image: { image: configuredImage } });
    const labels = { 'io.kubernetes.container.name': 'c', ünï: '✓' };
    const annotations = { 'a.test/long': 'y'.repeat(100_000) };
    const image = { image: configuredImage, userSpecifiedImage: 'podwright/configured:1' };
    const container = await pod.create({ metadata: { name: 'told', attempt: 4 }, image, labels, annotations });
    const status = await container.status();
    const { containers } = await cri().call('ListContainers', { filter: { id: container.id } });
    for (const told of [status, containers[0]]) {
      assert.deepEqual({ ...told?.labels }, labels);
      assert.deepEqual({ ...told?.annotations }, annotations);
      assert.deepEqual({ ...told?.metadata }, { name: 'told', attempt: 4 });
      assert.equal(told?.createdAt, status.createdAt);
      assert.equal(told?.image?.userSpecifiedImage, 'podwright/configured:1');
    }
    const { image: stored } = await cri().call('ImageStatus', { image: { image: configuredImage } });
    assert.equal(status.imageId, stored?.id);
    assert.equal(containers[0]?.imageId, stored?.id);
    assert.equal(status.image?.image, configuredImage);
    assert.equal(status.imageRef, stored?.repoDigests[0]);
    assert.equal(status.stopSignal, 'SIGNAL_SIGUSR1');
    assert.equal(containers[0]?.podSandboxId, pod.id);
  });

  it('is listed by every part of a filter at once', async () => {
    const other = await cri().runPod();
    const one = await pod.run({ labels: { app: 'a' } });
    const two = await pod.create({ labels: { app: 'a' } });
    const three = await other.run({ labels: { app: 'b' } });
    const list = async (filter: object): Promise<string[]> =>
      (await cri().call('ListContainers', { filter })).containers.map((item) => item.id).sort();
    assert.deepEqual(await list({}), [one.id, two.id, three.id].sort());
    assert.deepEqual(await list({ podSandboxId: pod.id.slice(0, 13) }), [one.id, two.id].sort());
    assert.deepEqual(await list({ podSandboxId: pod.id, state: { state: 'CONTAINER_CREATED' } }), [two.id]);
    assert.deepEqual(await list({ labelSelector: { app: 'b' } }), [three.id]);
    assert.deepEqual(await list({ labelSelector: { app: 'b' }, podSandboxId: pod.id }), []);
    assert.deepEqual(await list({ id: one.id.slice(0, 13), state: { state: 'CONTAINER_RUNNING' } }), [one.id]);
  });

  it('cannot begin twice', async () => {
    const container = await pod.run();
    await cri().refuse('StartContainer', { containerId: container.id }, 'FAILED_PRECONDITION', 'RUNNING');
    await container.stop();
    await cri().refuse('StartContainer', { containerId: container.id }, 'FAILED_PRECONDITION', 'EXITED');
    await cri().refuse('StartContainer', { containerId: unknownId }, 'NOT_FOUND', unknownId);
  });

  for (const [what, config, words] of [
    ['a command that the image does not have', { command: ['/no/such/program'] }, /no such file/],
    ['a working directory that is a file', { command: ['true'], workingDir: '/etc/passwd' }, /not a directory|mkdir \/etc\/passwd/],
    ['a command that is no program', { command: ['/etc/passwd'] }, /permission denied/],
  ] as const) {
    it(`ends with StartError, 128 and the reason for ${what}`, async () => {
      const container = await pod.create({ ...config, command: [...config.command] });
      const { code, details } = await cri().try('StartContainer', { containerId: container.id });
      assert.notEqual(code, 0);
      assert.match(details, words);
      const { state, exitCode, reason, message, finishedAt } = await container.status();
      assert.deepEqual([state, exitCode, reason], ['CONTAINER_EXITED', 128, 'StartError']);
      assert.match(message, words);
      assert.ok(BigInt(finishedAt) > 0n);
    });
  }

  describe('ends by a stop', () => {
    it('with the stop signal, within its grace period', async () => {
      const container = await pod.runScript(obedient);
      await container.says(/ready/);
      await container.stop(30);
      const { state, exitCode } = await container.status();
      assert.deepEqual([state, exitCode], ['CONTAINER_EXITED', 3]);
      assert.match(await container.stdout(), /told/);
    });

    it("with the image's stop signal, or with the one asked for", async () => {
      await cri().call('PullImage', { image: { image: configuredImage } });
      const script = 'trap "exit 4" USR1; trap "exit 5" USR2; trap "exit 6" TERM; echo ready; while :; do sleep 0.05; done';
      const images = await pod.runScript(script, { image: { image: configuredImage } });
      const asked = await pod.runScript(script, { image: { image: configuredImage }, stopSignal: 'SIGNAL_SIGUSR2' });
      const exitCodes = await Promise.all(
        [images, asked].map(async (container) => {
          await container.says(/ready/);
          await container.stop(30);
          return (await container.status()).exitCode;
        }),
      );
      assert.deepEqual(exitCodes, [4, 5]);
    });

    it('with SIGKILL when it outlives its grace period', async () => {
      const container = await pod.runScript(stubborn);
      await container.says(/ready/);
      await container.stop(1);
      const { state, exitCode } = await container.status();
      assert.deepEqual([state, exitCode], ['CONTAINER_EXITED', 137]);
      assert.match(await container.stdout(), /told/);
    });

    it('with SIGKILL at once where there is no grace', async () => {
      const container = await pod.runScript(obedient);
      await container.says(/ready/);
      await container.stop(0);
      assert.equal((await container.status()).exitCode, 137);
      assert.doesNotMatch(await container.stdout(), /told/);
    });

    it('of which several at once send one signal, and the shortest grace counts', async () => {
      const container = await pod.runScript(stubborn);
      await container.says(/ready/);
      await Promise.all([container.stop(600), container.stop(600), container.stop(1)]);
      assert.equal((await container.status()).exitCode, 137);
      assert.equal((await container.stdout()).match(/told/g)?.length, 1);
    });

    it('also when whoever asked has gone', async () => {
      const container = await pod.runScript(stubborn);
      await container.says(/ready/);
      const deadline = Date.now() + 200;
      await cri().client.call('StopContainer', { containerId: container.id, timeout: 1 }, { deadline });
      assert.equal((await container.ended()).exitCode, 137);
    });

    it('that is a success for one that is created, has ended, or never was', async () => {
      const created = await pod.create();
      await created.stop(5);
      assert.equal((await created.status()).state, 'CONTAINER_CREATED');
      const ended = await pod.runScript('exit 9');
      await ended.ended();
      await ended.stop(5);
      assert.equal((await ended.status()).exitCode, 9);
      await cri().call('StopContainer', { containerId: unknownId, timeout: 5 });
    });

    it('with all of its processes', async () => {
      const container = await pod.runScript('sleep 98765 & sleep 98765 & echo ready; wait');
      await container.says(/ready/);
      const groups = await readFile(`/proc/${await container.pid()}/cgroup`, 'utf8');
      const group = `/sys/fs/cgroup/pids${/:pids:(.*)/.exec(groups)?.[1] ?? ''}`;
      const file = existsSync(group) ? `${group}/cgroup.procs` : `/sys/fs/cgroup${/^0::(.*)/m.exec(groups)?.[1]}/cgroup.procs`;
      const pids = (await readFile(file, 'utf8')).trim().split('\n');
      assert.ok(pids.length >= 3);
      await container.stop();
      for (const pid of pids) assert.ok(!existsSync(`/proc/${pid}`), `process ${pid} lives`);
    });
  });

  it('is over at once when it is removed while it runs, however many ask, and its log stays', async () => {
    const container = await pod.runScript('echo last words; sleep 10000');
    await container.says(/last words/);
    const { logPath } = await container.status();
    await Promise.all([container.remove(), container.remove(), container.remove()]);
    await container.remove();
    await cri().refuse('ContainerStatus', { containerId: container.id }, 'NOT_FOUND', container.id);
    assert.match(await readFile(logPath, 'utf8'), /last words/);
  });

  it('leaves its name to another when it is removed, and to nobody before', async () => {
    const config = pod.containerConfig({ metadata: { name: 'same', attempt: 0 } });
    const request = { podSandboxId: pod.id, config, sandboxConfig: pod.config };
    const { containerId } = await cri().call('CreateContainer', request);
    await cri().refuse('CreateContainer', request, 'ALREADY_EXISTS', 'same', containerId);
    await cri().call('RemoveContainer', { containerId });
    await cri().call('CreateContainer', request);
  });

  it('comes out of a retry whose first caller had given up (#13)', async () => {
    const request = { podSandboxId: pod.id, config: pod.containerConfig(), sandboxConfig: pod.config };
    // A containerd that stands still holds the creation up.
    const containerd = cri().node.containerd.pid;
    assert.ok(containerd);
    process.kill(containerd, 'SIGSTOP');
    await eventually('every thread of it stands still', async () => {
      const threads = await readdir(`/proc/${containerd}/task`);
      const states = await Promise.all(threads.map((thread) => readFile(`/proc/${containerd}/task/${thread}/stat`, 'utf8').catch(() => '')));
      return states.every((stat) => / T /.test(stat));
    });
    const answer = await cri()
      .client.call('CreateContainer', request, { deadline: Date.now() + 500 })
      .finally(() => process.kill(containerd, 'SIGCONT'));
    assert.equal(answer.code, 4);
    const retry = cri().call('CreateContainer', request);
    const { containerId } = await retry;
    const { containers } = await cri().call('ListContainers', { filter: { podSandboxId: pod.id } });
    assert.deepEqual(containers.map(({ id }) => id), [containerId]);
    await cri().call('StartContainer', { containerId });
  });

  it('is found by the beginning of its id', async () => {
    const container = await pod.create();
    const { status } = await cri().call('ContainerStatus', { containerId: container.id.slice(0, 13) });
    assert.equal(status?.id, container.id);
  });

  it('cannot begin in a Pod that was stopped', async () => {
    const container = await pod.create();
    await pod.stop();
    await cri().refuse('StartContainer', { containerId: container.id }, 'FAILED_PRECONDITION', 'not ready');
    const config = pod.containerConfig();
    await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'FAILED_PRECONDITION', 'not ready');
  });

  it('goes on when its image is removed', async () => {
    await cri().call('PullImage', { image: { image: configuredImage } });
    const container = await pod.create({ image: { image: configuredImage }, command: [] });
    await cri().call('RemoveImage', { image: { image: configuredImage } });
    await container.start();
    await container.says(/^yes 1000 \/work\n/);
    await container.stop(30);
    assert.equal((await container.status()).exitCode, 7);
    assert.equal((await container.status()).image?.image, configuredImage);
  });
});
