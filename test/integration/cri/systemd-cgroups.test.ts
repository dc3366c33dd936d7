import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { useCriNode } from '../../support/cri-node.ts';
import type { Container, Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { run, tryRun } from '../../support/node/run.ts';

const mib = 2 ** 20;
const little = { memoryLimitInBytes: 24 * mib, memorySwapLimitInBytes: 24 * mib };
const hasSystemd = existsSync('/run/systemd/system') && existsSync('/sys/fs/cgroup/cgroup.controllers');

// Not a test that skips itself: where systemd is not PID 1 there is nothing to be tested, and `make test` forbids those.
if (hasSystemd) {
  describe('a Pod in a slice of systemd', function () {
    this.timeout(60_000);
    const cri = useCriNode({ podwright: { config: { runtimes: { runc: { options: { SystemdCgroup: true } } } } } });
    // As a kubelet names it. The folders of a slice's parents are in its path.
    const qos = `pwtest${process.pid}-burstable`;
    const slice = `${qos}-pod0123abcd_4567.slice`;
    const top = `pwtest${process.pid}.slice`;
    const cgroupParent = `/${top}/${qos}.slice/${slice}`;
    let pod: Pod;

    beforeEach(async () => {
      pod = await cri().runPod({ linux: { cgroupParent } });
    });
    after(async () => {
      // Whoever asks for a slice, the kubelet that is, removes it.
      await tryRun('systemctl', ['stop', top]);
    });

    const unitOf = (id: string): string => `cri-containerd-${id}.scope`;
    const units = async (): Promise<string[]> => {
      const listed = await run('systemctl', ['list-units', '--all', '--no-legend', '--plain', 'cri-containerd-*.scope']);
      return listed.split('\n').map((line) => line.split(' ')[0] ?? '').filter((unit) => unit !== '').sort();
    };

    it('has a scope for each container and for its pause container, and none when it is removed', async () => {
      const resources = { cpuPeriod: 100_000, cpuQuota: 50_000, memoryLimitInBytes: 64 * mib };
      const container = await pod.run({ linux: { resources } });
      await pod.isComplete();
      assert.deepEqual(await units(), [unitOf(container.id), unitOf(pod.id)].sort());
      const shown = await run('systemctl', ['show', unitOf(container.id), '--property=ControlGroup,MemoryMax,CPUQuotaPerSecUSec']);
      assert.match(shown, new RegExp(`^ControlGroup=${cgroupParent}/${unitOf(container.id)}$`, 'm'));
      assert.match(shown, /^MemoryMax=67108864$/m);
      assert.match(shown, /^CPUQuotaPerSecUSec=500ms$/m);
      assert.equal(await container.sh('cat /proc/self/cgroup'), '0::/');
      await pod.stop();
      await pod.remove();
      await eventually('its scopes are gone', async () => (await units()).length === 0);
    });

    it('is found by its stats, and its container by its own and after a change', async () => {
      const container = await pod.run();
      await cri().call('UpdateContainerResources', { containerId: container.id, linux: { memoryLimitInBytes: 64 * mib } });
      const { stats } = await cri().call('ContainerStats', { containerId: container.id });
      assert.ok(BigInt(stats?.memory?.workingSetBytes?.value ?? 0) > 0n);
      assert.ok(BigInt(stats?.memory?.availableBytes?.value ?? 0) <= BigInt(64 * mib));
      const folder = `/sys/fs/cgroup${cgroupParent}/${unitOf(container.id)}`;
      assert.equal((await readFile(`${folder}/memory.max`, 'utf8')).trim(), String(64 * mib));
      await pod.isComplete();
      const whole = await cri().call('PodSandboxStats', { podSandboxId: pod.id });
      assert.ok(BigInt(whole.stats?.linux?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0n);
      assert.equal(whole.stats?.linux?.process?.processCount?.value, '2');
    });

    it('has a slice of its own where nobody names one, which tells of it and goes with it', async () => {
      const own = await cri().runPod();
      const hungry = await own.run({ command: ['sh', '-c', 'exec tail /dev/zero'], linux: { resources: little } });
      assert.equal((await hungry.ended()).reason, 'OOMKilled');
      const container = await own.run();
      await own.isComplete();
      const folder = `/sys/fs/cgroup/podwright.slice/podwright-${own.id}.slice`;
      assert.ok(existsSync(`${folder}/${unitOf(container.id)}`));
      const { stats } = await cri().call('PodSandboxStats', { podSandboxId: own.id });
      assert.ok(BigInt(stats?.linux?.cpu?.usageCoreNanoSeconds?.value ?? 0) > 0n);
      assert.equal(stats?.linux?.process?.processCount?.value, '2');
      await own.stop();
      await own.remove();
      assert.equal(existsSync(folder), false);
      assert.equal(await run('systemctl', ['list-units', '--all', '--no-legend', '--plain', `podwright-${own.id}.slice`]), '');
    });

    it('tells of each container that the kernel killed for memory, although systemd removes its scope, and of no other', async () => {
      const hungry = (): Promise<Container> => pod.run({ command: ['sh', '-c', 'exec tail /dev/zero'], linux: { resources: little } });
      const reasonOf = async (container: Container): Promise<string> => (await container.ended()).reason;
      const killed = await pod.run();
      assert.equal(await reasonOf(await hungry()), 'OOMKilled');
      const both = await Promise.all([hungry(), hungry()]);
      assert.deepEqual(await Promise.all(both.map(reasonOf)), ['OOMKilled', 'OOMKilled']);
      process.kill(await killed.pid(), 'SIGKILL');
      assert.equal(await reasonOf(killed), 'Error');
    });
  });
}
