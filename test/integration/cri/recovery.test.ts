import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { useCriNode } from '../../support/cri-node.ts';
import { type Container, Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { streamText } from '../../support/log-records.ts';
import { removeRules } from '../../support/node/iptables.ts';
import { findProcesses } from '../../support/node/processes.ts';
import { tryRun } from '../../support/node/run.ts';
import { Containerd } from '../../../src/containerd/client.ts';
import { makeFifos } from '../../../src/io/fifo.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { jsonAny, processTypeUrl } from '../../../src/pod/anys.ts';

const sharedPid = { linux: { securityContext: { namespaceOptions: { pid: 'POD' as const } } } };

/** Numbers that look random and are the same in every run. */
function seeded(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >>> 8) % below;
  };
}

describe('after', function () {
  this.timeout(120_000);
  const cri = useCriNode();

  async function ready(): Promise<void> {
    await eventually('podwright says that it is ready', async () => {
      const { status } = await cri().call('Status', {});
      return status?.conditions.every((condition) => condition.status);
    });
  }

  /** Everything that the CRI tells of a Pod and its containers. */
  async function everything(pod: Pod, containers: readonly Container[]): Promise<unknown> {
    return [await pod.status(), ...(await Promise.all(containers.map((container) => container.status())))];
  }

  describe('a kill -9 of podwright', () => {
    it('every Pod and container is as it was, and none of them noticed', async () => {
      const pod = await cri().runPod({ labels: { a: 'b' }, annotations: { c: 'x'.repeat(10_000) } });
      const running = await pod.run();
      const created = await pod.create({ command: ['echo', 'later'] });
      const ended = await pod.runScript('exit 42');
      await ended.ended();
      const unstartable = await pod.create({ command: ['/no/such'] });
      await cri().try('StartContainer', { containerId: unstartable.id });
      const stopped = await cri().runPod();
      await stopped.stop();
      await pod.isComplete();
      const pids = [await running.pid(), await pod.pausePid()];
      const containers = [running, created, ended, unstartable];
      const before = [await everything(pod, containers), await everything(stopped, [])];
      await cri().restartPodwright();
      assert.deepEqual([await everything(pod, containers), await everything(stopped, [])], before);
      await pod.isComplete();
      assert.deepEqual([await running.pid(), await pod.pausePid()], pids);
      assert.equal(await running.sh('echo alive'), 'alive');
      await created.start();
      await created.says(/later/);
    });

    it('a shim that containerd has lost ends with its Pod, however soon that goes', async () => {
      const pod = await cri().runPod();
      const { id } = await pod.create();
      const { containerdSocket: address, name: namespace } = cri().node.facts;
      const flags = ['-namespace', namespace, '-id', id, '-address', address];
      const shim = spawn('/bin/sh', ['-c', 'sleep 1000 & wait', ...flags], { argv0: 'containerd-shim-runc-v2', stdio: 'ignore' });
      const ended = once(shim, 'exit');
      await cri().restartPodwright();
      assert.equal(shim.exitCode ?? shim.signalCode, null, 'as long as the container is there');
      await pod.remove();
      assert.deepEqual(await ended, [null, 'SIGKILL']);
    });

    it('names are still taken', async () => {
      const pod = await cri().runPod();
      await cri().restartPodwright();
      await cri().refuse('RunPodSandbox', { config: pod.config }, 'ALREADY_EXISTS', pod.id);
    });

    it('containers that ended meanwhile have the exit code and the time of then', async () => {
      const pod = await cri().runPod();
      const go = path.join(await cri().folder('go'), 'go');
      const script = `while [ ! -e /go/go ]; do sleep 0.05; done; echo bye; exit 33`;
      const container = await pod.runScript(script, { mounts: [{ containerPath: '/go', hostPath: path.dirname(go) }] });
      const pid = await container.pid();
      await cri().podwright.kill();
      await writeFile(go, '');
      await eventually('the container has ended', async () => {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
        return stat === undefined || stat.includes(') Z ');
      });
      const endedBy = BigInt(Date.now()) * 1_000_000n;
      await sleep(300);
      await cri().podwright.start();
      cri().reconnect();
      const { exitCode, reason, finishedAt } = await container.ended();
      assert.deepEqual([exitCode, reason], [33, 'Error']);
      assert.ok(BigInt(finishedAt) <= endedBy + 100_000_000n, `${finishedAt} is not before ${endedBy}`);
      assert.equal(await container.stdout(), 'bye\n');
    });

    it('no line of a log is lost or doubled, however often it happens under a flood', async () => {
      const pod = await cri().runPod();
      const script = 'i=0; while [ ! -e /end ]; do i=$((i+1)); echo "$i out"; [ $((i % 7)) = 0 ] && echo "$i err" >&2; done; echo "last $i"';
      const container = await pod.runScript(script);
      const random = seeded(7);
      for (let round = 0; round < 4; round++) {
        await sleep(50 + random(300));
        await cri().restartPodwright();
      }
      await container.sh('touch /end');
      await container.ended();
      const records = await container.records();
      const out = streamText(records, 'stdout').trim().split('\n');
      const count = Number(/^last (\d+)$/.exec(out.pop() ?? '')?.[1]);
      assert.ok(count > 1000, `only ${count} lines`);
      const numbers = Array.from({ length: count }, (_, i) => i + 1);
      assert.deepEqual(out, numbers.map((i) => `${i} out`));
      const err = streamText(records, 'stderr').trim().split('\n');
      assert.deepEqual(err, numbers.filter((i) => i % 7 === 0).map((i) => `${i} err`));
    });

    it('in the midst of whatever it does nothing is left but what can be removed', async () => {
      const random = seeded(42);
      for (let round = 0; round < 8; round++) {
        const acts = [1, 2, 3].map(async () => {
          const config = cri().podConfig(random(2) === 0 ? sharedPid : {});
          const { code, response } = await cri().try('RunPodSandbox', { config }, 5_000);
          if (code !== 0) return;
          const pod = new Pod(cri(), String(response['podSandboxId']), config);
          const made = await cri().try('CreateContainer', { podSandboxId: pod.id, config: pod.containerConfig() }, 5_000);
          if (made.code === 0) await cri().try('StartContainer', { containerId: String(made.response['containerId']) }, 5_000);
          if (random(2) === 0) await cri().try('StopPodSandbox', { podSandboxId: pod.id }, 5_000);
        });
        await sleep(random(250));
        await cri().podwright.kill();
        await Promise.all(acts);
        await cri().podwright.start();
        cri().reconnect();
        for (const { id, state, podSandboxId } of (await cri().call('ListContainers', {})).containers) {
          assert.ok((await cri().podIds()).includes(podSandboxId), 'every container has its Pod');
          if (state === 'CONTAINER_RUNNING') await cri().call('ExecSync', { containerId: id, cmd: ['true'] });
        }
      }
      await cri().removePods();
      assert.deepEqual(await cri().containerIds(), []);
      await cri().clearCutOff();
      await cri().assertNothingLeft();
    });

    it('execs that were under way are no harm', async () => {
      const container = await (await cri().runPod()).run();
      const exec = cri().try('ExecSync', { containerId: container.id, cmd: ['sleep', '2'] });
      await sleep(200);
      await cri().restartPodwright();
      assert.notEqual((await exec).code, 0);
      assert.equal(await container.sh('echo alive'), 'alive');
    });
  });

  it('a kill between the making of an exec and its start, all other processes of the machine live on', async () => {
    const container = await (await cri().runPod()).run();
    await cri().podwright.kill();
    const { containerdSocket: address, name: namespace, root } = cri().node.facts;
    const containerd = new Containerd({ address, namespace, log: silentLog });
    const folder = path.join(root, 'p', 'state', 'containers', container.id, 'exec', 'unstarted');
    try {
      await containerd.waitReady(AbortSignal.timeout(30_000));
      const { stdout = '', stderr = '' } = makeFifos(folder, { stdout: true, stderr: true });
      const spec = jsonAny(processTypeUrl, { user: { uid: 0, gid: 0 }, args: ['sleep', '54341'], env: [], cwd: '/' });
      await containerd.tasks.exec(container.id, { execId: 'unstarted', terminal: false, stdin: '', stdout, stderr, spec });
      // Taken for a process, this would be the parent of all.
      assert.equal((await containerd.tasks.get(container.id, 'unstarted')).pid, 0);
    } finally {
      containerd.close();
    }
    await cri().podwright.start();
    cri().reconnect();
    await eventually('the exec is forgotten', () => !existsSync(folder));
    assert.equal(await container.sh('echo alive'), 'alive');
  });

  it('a SIGTERM podwright ends with 0, takes its socket away, and leaves Pods as they are', async () => {
    const container = await (await cri().runPod()).run();
    await cri().podwright.kill('SIGTERM');
    assert.equal(cri().podwright.ending, 0);
    assert.ok(!existsSync(cri().podwright.socket));
    await cri().podwright.start();
    cri().reconnect();
    assert.equal(await container.sh('echo alive'), 'alive');
  });

  describe('a restart of containerd', () => {
    it('everything goes on', async () => {
      const pod = await cri().runPod();
      const container = await pod.run();
      const pid = await container.pid();
      await cri().node.containerd.restart();
      await ready();
      assert.equal(await container.pid(), pid);
      assert.equal(await container.sh('echo alive'), 'alive');
      const another = await pod.runScript('exit 4');
      assert.equal((await another.ended()).exitCode, 4);
      await container.stop();
      assert.equal((await container.status()).exitCode, 137);
    });

    it('the end of a container while it was away is noticed', async () => {
      const pod = await cri().runPod();
      const container = await pod.runScript('trap "exit 21" TERM; echo ready; while :; do sleep 0.05; done');
      await container.says(/ready/);
      const pid = await container.pid();
      await cri().node.containerd.kill();
      process.kill(pid, 'SIGTERM');
      await eventually('it has ended', async () => {
        const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
        return stat === undefined || stat.includes(') Z ');
      });
      await cri().node.containerd.start();
      const { exitCode, reason } = await container.ended();
      // containerd deletes what ended while it was away before it serves again, and the exit code with it, unless
      // the shim comes in time to tell it once more.
      assert.ok(['21 Error', '255 Unknown'].includes(`${exitCode} ${reason}`), `${exitCode} ${reason}`);
    });

    it('while podwright was killed too, all of it is there', async () => {
      const pod = await cri().runPod();
      const container = await pod.run();
      await cri().podwright.kill();
      await cri().node.containerd.restart();
      await cri().podwright.start();
      cri().reconnect();
      assert.equal((await pod.status()).state, 'SANDBOX_READY');
      assert.equal(await container.sh('echo alive'), 'alive');
    });
  });

  it('the kill of a shim its containers have ended, and their Pod can be removed', async () => {
    const pod = await cri().runPod();
    const container = await pod.run();
    const shims = (await findProcesses(cri().node.facts)).filter(({ kind }) => kind === 'shim');
    assert.ok(shims.length > 0);
    for (const { pid } of shims) process.kill(pid, 'SIGKILL');
    const { exitCode } = await container.ended();
    assert.ok([137, 255].includes(exitCode), String(exitCode));
    await pod.stop();
    await pod.remove();
    await cri().assertNothingLeft();
  });

  it('the kill of a pause container another one takes its place, and the Pod never noticed', async () => {
    const pod = await cri().runPod();
    const container = await pod.run();
    await pod.isComplete();
    const ip = await pod.ip();
    const before = await pod.pausePid();
    process.kill(before, 'SIGKILL');
    const pause = await eventually('another one runs', async () => {
      const pid = await pod.pausePid();
      return pid !== 0 && pid !== before && pid;
    });
    assert.ok(existsSync(`/proc/${pause}`));
    assert.equal((await pod.status()).state, 'SANDBOX_READY');
    assert.equal(await pod.ip(), ip);
    assert.equal(await container.sh('echo alive'), 'alive');
  });

  it('the kill of a pause container that was the first process of a shared PID namespace the Pod is NOTREADY', async () => {
    const pod = await cri().runPod(sharedPid);
    const container = await pod.run();
    process.kill(await pod.pausePid(), 'SIGKILL');
    await eventually('the Pod is not ready', async () => (await pod.status()).state === 'SANDBOX_NOTREADY');
    await container.ended();
    const config = pod.containerConfig();
    await cri().refuse('CreateContainer', { podSandboxId: pod.id, config }, 'FAILED_PRECONDITION', 'not ready');
  });

  it('a reboot Pods are NOTREADY, containers have ended with 255, and addresses can be given back', async () => {
    const { node, podwright } = cri();
    const pod = await cri().runPod();
    const host = await cri().runPod({ linux: { securityContext: { namespaceOptions: { network: 'NODE', pid: 'CONTAINER' } } } });
    const running = await pod.run();
    const ended = await pod.runScript('exit 5');
    await ended.ended();
    const created = await pod.create();
    await podwright.kill();
    await node.containerd.kill();
    // What a reboot does: no process, mount or rule is left, nor anything in the folders of state.
    for (const { pid, kind } of await findProcesses(node.facts)) if (kind !== 'daemon') process.kill(pid, 'SIGKILL');
    const mounts = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4] ?? '');
    for (const point of mounts.filter((one) => one.startsWith(`${node.root}/`)).toReversed()) {
      await tryRun('umount', ['--lazy', point]);
    }
    await removeRules(node.facts);
    for (const folder of [podwright.state, path.join(node.root, 'c', 'state'), path.join('/run/containerd/runc', node.facts.name)]) {
      await rm(folder, { recursive: true, force: true });
    }
    for (const { id } of [pod, host]) {
      const file = path.join(podwright.root, 'sandboxes', id, 'sandbox.json');
      const record = JSON.parse(await readFile(file, 'utf8')) as object;
      await writeFile(file, JSON.stringify({ ...record, bootId: '00000000-0000-0000-0000-000000000000' }));
    }
    await node.containerd.start();
    await podwright.start();
    cri().reconnect();

    for (const each of [pod, host]) assert.equal((await each.status()).state, 'SANDBOX_NOTREADY');
    const lost = await running.status();
    assert.deepEqual([lost.state, lost.exitCode, lost.reason], ['CONTAINER_EXITED', 255, 'Unknown']);
    assert.equal((await ended.status()).exitCode, 5);
    assert.equal((await created.status()).state, 'CONTAINER_CREATED');
    await cri().refuse('StartContainer', { containerId: created.id }, 'FAILED_PRECONDITION', 'not ready');
    // The kubelet makes the Pod anew before it removes the old one.
    const metadata = { ...pod.config.metadata, attempt: 1 };
    const anew = await cri().runPod({ ...pod.config, metadata });
    await anew.run();
    await pod.stop();
    assert.ok((await node.leaks()).filter((leak) => leak.startsWith('IP reservation')).length === 1);
    await cri().removePods();
    await cri().assertNothingLeft();
  });
});
