import assert from 'node:assert/strict';
import { readFile, readlink } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { LinuxContainerResources__Output } from '../../../src/types/cri/runtime/v1/LinuxContainerResources.ts';
import type { NamespaceOption } from '../../../src/types/cri/runtime/v1/NamespaceOption.ts';
import { webImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';
import { run } from '../../support/node/run.ts';

const inNamespaces = (namespaceOptions: NamespaceOption) => ({ linux: { securityContext: { namespaceOptions } } });
const ownPid = { pid: 'CONTAINER' } as const;

describe('a pod sandbox', function () {
  this.timeout(60_000);
  const cri = useCriNode();

  /** The inode of one of a process's namespaces: the same for all that share it. */
  async function namespace(pid: number, kind: string): Promise<string> {
    return readlink(`/proc/${pid}/ns/${kind}`);
  }

  it('shares network, UTS and IPC among its containers, and nothing with the host', async () => {
    const pod = await cri().runPod();
    const pids = await Promise.all([1, 2].map(async () => (await pod.run()).pid()));
    for (const kind of ['net', 'uts', 'ipc']) {
      const [one, other] = await Promise.all(pids.map((pid) => namespace(pid, kind)));
      assert.equal(one, other, kind);
      assert.notEqual(one, await namespace(process.pid, kind), kind);
    }
    for (const kind of ['mnt', 'pid']) {
      const [one, other] = await Promise.all(pids.map((pid) => namespace(pid, kind)));
      assert.notEqual(one, other, kind);
    }
  });

  it('has a pause container in the same namespaces', async () => {
    const pod = await cri().runPod();
    const container = await pod.run();
    await pod.isComplete();
    const pause = await pod.pausePid();
    for (const kind of ['net', 'uts', 'ipc']) {
      assert.equal(await namespace(pause, kind), await namespace(await container.pid(), kind), kind);
    }
  });

  it('shows the processes of all containers to each where PID is shared, with pause as the first', async () => {
    const pod = await cri().runPod(inNamespaces({ pid: 'POD' }));
    const container = await pod.run();
    await pod.run({ command: ['sleep', '4321'] });
    assert.match(await container.sh("tr '\\0' ' ' < /proc/1/cmdline"), /pause/);
    assert.match(await container.sh('ps'), /sleep 4321/);
  });

  it("uses the host's network, PID and IPC where it is asked to, and has no address then", async () => {
    const pod = await cri().runPod(inNamespaces({ network: 'NODE', pid: 'NODE', ipc: 'NODE' }));
    const container = await pod.run();
    const pid = await container.pid();
    for (const kind of ['net', 'uts', 'ipc', 'pid']) {
      assert.equal(await namespace(pid, kind), await namespace(process.pid, kind), kind);
    }
    assert.equal(await container.sh('hostname'), hostname());
    assert.equal((await pod.status()).network?.ip, '');
    assert.deepEqual((await pod.status()).linux?.namespaces?.options?.network, 'NODE');
  });

  it("has the hostname it was given, in the kernel and in files, or the host's", async () => {
    const pod = await cri().runPod({ hostname: 'a-name.of-its-own' });
    const container = await pod.run();
    assert.equal(await container.sh('hostname; cat /etc/hostname; echo $HOSTNAME'), Array(3).fill('a-name.of-its-own').join('\n'));
    const nameless = await (await cri().runPod({ hostname: '' })).run();
    assert.equal(await nameless.sh('hostname; cat /etc/hostname'), `${hostname()}\n${hostname()}`);
  });

  it("knows localhost, and what the host knows where it is on the host's network", async () => {
    const own = await (await cri().runPod()).run();
    assert.match(await own.sh('cat /etc/hosts'), /^127\.0\.0\.1\s+localhost$/m);
    const onHost = await (await cri().runPod(inNamespaces({ ...ownPid, network: 'NODE' }))).run();
    assert.equal(await onHost.sh('cat /etc/hosts'), (await readFile('/etc/hosts', 'utf8')).replace(/\n$/, ''));
  });

  it('has the DNS servers that it was given', async () => {
    const dnsConfig = { servers: ['10.0.0.10', 'fd00::10'], searches: ['a.test', 'b.test'], options: ['ndots:5'] };
    const container = await (await cri().runPod({ dnsConfig })).run();
    assert.equal(
      await container.sh('cat /etc/resolv.conf'),
      'search a.test b.test\nnameserver 10.0.0.10\nnameserver fd00::10\noptions ndots:5',
    );
  });

  it("has the host's resolv.conf where it was given none", async () => {
    const container = await (await cri().runPod()).run();
    assert.equal(await container.sh('cat /etc/resolv.conf'), (await readFile('/etc/resolv.conf', 'utf8')).replace(/\n$/, ''));
  });

  it('shares /dev/shm among its containers and with no other Pod', async () => {
    const [pod, other] = await Promise.all([cri().runPod(), cri().runPod()]);
    const [writer, reader, stranger] = await Promise.all([pod.run(), pod.run(), other.run()]);
    await writer.sh('echo hello > /dev/shm/note');
    assert.equal(await reader.sh('cat /dev/shm/note'), 'hello');
    assert.equal(await stranger.sh('ls /dev/shm'), '');
    assert.match(await reader.sh('grep " /dev/shm " /proc/self/mounts'), /^\S+ \/dev\/shm tmpfs rw,nosuid,nodev,noexec/);
  });

  it('has the sysctls it was given, in its own namespaces only', async () => {
    const file = '/proc/sys/net/ipv4/ip_local_port_range';
    const before = await readFile(file, 'utf8');
    const sysctls = { 'net.ipv4.ip_local_port_range': '2000 3000', 'kernel.shm_rmid_forced': '1', 'net/core/somaxconn': '77' };
    const container = await (await cri().runPod({ linux: { sysctls } })).run();
    assert.equal(await container.sh(`tr -s '\\t' ' ' < ${file}`), '2000 3000');
    assert.equal(await container.sh('cat /proc/sys/kernel/shm_rmid_forced /proc/sys/net/core/somaxconn'), '1\n77');
    assert.equal(await readFile(file, 'utf8'), before);
  });

  it('lets everybody in it open low ports and ping', async () => {
    const pod = await cri().runPod();
    const container = await pod.run({ linux: { securityContext: { runAsUser: { value: 1000 }, capabilities: { dropCapabilities: ['ALL'] } } } });
    assert.equal(await container.sh('cat /proc/sys/net/ipv4/ip_unprivileged_port_start'), '0');
    assert.equal(await container.sh("tr '\\t' ' ' < /proc/sys/net/ipv4/ping_group_range"), '0 2147483647');
    const listening = String.raw`until netstat -lnt | grep -q ':80 '; do sleep 0.05; done`;
    await container.sh(`nc -l -p 80 & timeout 5 sh -c '${listening.replaceAll("'", "'\\''")}'; kill $!`);
  });

  it('has one address, which it says and which others reach', async () => {
    await cri().call('PullImage', { image: { image: webImage } });
    const [pod, other] = await Promise.all([cri().runPod(), cri().runPod()]);
    await pod.run({ image: { image: webImage }, command: [] });
    const client = await other.run();
    const { network } = await pod.status();
    assert.ok(network);
    assert.ok(network.ip.startsWith(`${cri().node.facts.subnet}.`), network.ip);
    assert.deepEqual(network.additionalIps, []);
    // Not wget: Debian's static busybox dies of looking up a name, even of an address.
    const ask = String.raw`printf 'GET / HTTP/1.0\r\n\r\n' | timeout 2 nc ${network.ip} 8080`;
    await eventually('the web server answers', async () => (await client.try(ask)).stdout.endsWith('\nhello from podwright\n'));
    assert.match(await client.sh('ip -o address show dev lo'), /127\.0\.0\.1\/8/);
  });

  it('answers on a host port, until it is stopped', async () => {
    await cri().call('PullImage', { image: { image: webImage } });
    const hostPort = 20_000 + (process.pid % 10_000);
    const pod = await cri().runPod({ portMappings: [{ protocol: 'TCP', containerPort: 8080, hostPort }] });
    await pod.run({ image: { image: webImage }, command: [] });
    const url = `http://${cri().node.facts.subnet}.1:${hostPort}/`;
    const ask = async (): Promise<string> => {
      const answer = await fetch(url, { signal: AbortSignal.timeout(2_000) }).catch(() => undefined);
      return (await answer?.text()) ?? 'no answer';
    };
    await eventually('the host port answers', async () => (await ask()) === 'hello from podwright\n');
    await pod.stop();
    assert.equal(await ask(), 'no answer');
  });

  it('gives back what it was given, byte for byte', async () => {
    const labels = { 'io.kubernetes.pod.name': 'x', 'ünï/côdé': '✓', empty: '' };
    const annotations = { 'a.test/long': 'x'.repeat(200_000), 'a.test/text': 'line\n"quote" \u0001 🦀', empty: '' };
    const metadata = { name: 'all-of-it', namespace: 'some', uid: 'u-1', attempt: 3 };
    const pod = await cri().runPod({ metadata, labels, annotations });
    const status = await pod.status();
    const { items } = await cri().call('ListPodSandbox', { filter: { id: pod.id } });
    for (const told of [status, items[0]]) {
      assert.deepEqual({ ...told?.labels }, labels);
      assert.deepEqual({ ...told?.annotations }, annotations);
      assert.deepEqual({ ...told?.metadata }, metadata);
    }
    assert.match(pod.id, /^[0-9a-f]{64}$/);
    assert.equal(status.state, 'SANDBOX_READY');
    assert.equal(status.createdAt, items[0]?.createdAt);
  });

  it('is listed by every part of a filter at once', async () => {
    const [one, two] = [await cri().runPod({ labels: { app: 'a', tier: 'x' } }), await cri().runPod({ labels: { app: 'a', tier: 'y' } })];
    await two.stop();
    const list = async (filter: object): Promise<string[]> =>
      (await cri().call('ListPodSandbox', { filter })).items.map((item) => item.id).sort();
    const both = [one.id, two.id].sort();
    assert.deepEqual(await list({}), both);
    assert.deepEqual(await list({ labelSelector: { app: 'a' } }), both);
    assert.deepEqual(await list({ labelSelector: { app: 'a', tier: 'y' } }), [two.id]);
    assert.deepEqual(await list({ labelSelector: { app: 'a' }, state: { state: 'SANDBOX_READY' } }), [one.id]);
    assert.deepEqual(await list({ labelSelector: { tier: 'y' }, state: { state: 'SANDBOX_READY' } }), []);
    assert.deepEqual(await list({ id: one.id.slice(0, 13) }), [one.id]);
    assert.deepEqual(await list({ id: one.id.slice(0, 13), labelSelector: { tier: 'y' } }), []);
  });

  it('is found by the beginning of its id, but not by nothing', async () => {
    const pod = await cri().runPod();
    const { status } = await cri().call('PodSandboxStatus', { podSandboxId: pod.id.slice(0, 13) });
    assert.equal(status?.id, pod.id);
    await cri().refuse('PodSandboxStatus', { podSandboxId: '' }, 'NOT_FOUND');
  });

  it('is NOTREADY without its address after a stop, and gone after its removal, however often each is asked', async () => {
    const pod = await cri().runPod();
    await pod.run();
    await Promise.all([pod.stop(), pod.stop()]);
    await pod.stop();
    assert.equal((await pod.status()).state, 'SANDBOX_NOTREADY');
    await Promise.all([pod.remove(), pod.remove()]);
    await pod.remove();
    await pod.stop();
    await cri().refuse('PodSandboxStatus', { podSandboxId: pod.id }, 'NOT_FOUND', pod.id);
    await cri().assertNothingLeft();
  });

  it('takes its running containers with it when it is removed without a stop', async () => {
    const pod = await cri().runPod();
    await pod.run();
    await pod.remove();
    assert.deepEqual(await cri().containerIds(), []);
    await cri().assertNothingLeft();
  });

  it('keeps its name until it is removed', async () => {
    const pod = await cri().runPod();
    const request = { config: pod.config };
    await cri().refuse('RunPodSandbox', request, 'ALREADY_EXISTS', pod.config.metadata?.name ?? '?', pod.id);
    await pod.stop();
    await cri().refuse('RunPodSandbox', request, 'ALREADY_EXISTS');
    await pod.remove();
    const { podSandboxId } = await cri().call('RunPodSandbox', request);
    assert.notEqual(podSandboxId, pod.id);
  });

  it('comes out of a retry whose first caller had given up', async () => {
    const config = cri().podConfig();
    await cri().client.call('RunPodSandbox', { config }, { deadline: Date.now() + 20 });
    const { podSandboxId } = await cri().call('RunPodSandbox', { config });
    assert.deepEqual(await cri().podIds(), [podSandboxId]);
    assert.equal((await cri().call('PodSandboxStatus', { podSandboxId })).status?.state, 'SANDBOX_READY');
  });

  it('brings up many at once, each with an address of its own', async () => {
    const pods = await Promise.all(Array.from({ length: 12 }, () => cri().runPod()));
    const addresses = await Promise.all(pods.map((pod) => pod.ip()));
    assert.equal(new Set(addresses).size, pods.length);
    await cri().removePods();
    await cri().assertNothingLeft();
  });

  it('puts a Pod below the cgroup it was given', async () => {
    const cgroupParent = `${cri().node.facts.cgroup}/kubepods/pod12345678-aaaa`;
    const pod = await cri().runPod({ linux: { cgroupParent } });
    const container = await pod.run();
    const cgroups = await readFile(`/proc/${await container.pid()}/cgroup`, 'utf8');
    assert.ok(cgroups.includes(`:${cgroupParent}/${container.id}\n`), cgroups);
    await pod.stop();
    await pod.remove();
    // Whoever asks for a cgroup, the kubelet that is, removes it.
    for (const folder of (await run('find', ['/sys/fs/cgroup', '-depth', '-type', 'd', '-path', `*${cgroupParent}`])).trim().split('\n')) {
      await run('rmdir', [folder]);
    }
  });

  it('runs in a user namespace with the ids it was given', async () => {
    const range = { hostId: 200_000, containerId: 0, length: 65_536 };
    const namespaceOptions: NamespaceOption = { ...ownPid, usernsOptions: { mode: 'POD', uids: [range], gids: [range] } };
    const pod = await cri().runPod(inNamespaces(namespaceOptions));
    const container = await pod.run();
    assert.equal(await container.sh('id -u; tr -s " " < /proc/self/uid_map'), '0\n 0 200000 65536');
    const [, uid] = /^Uid:\t(\d+)/m.exec(await readFile(`/proc/${await container.pid()}/status`, 'utf8')) ?? [];
    assert.equal(uid, '200000');
    await pod.isComplete();
    assert.equal(await container.sh('touch /made && stat -c %u:%g /made /etc/passwd'), '0:0\n0:0');
  });

  it('tells of its resources and overhead, also of new ones, and keeps them over a restart', async () => {
    const pod = await cri().runPod({ linux: { overhead: { cpuShares: 2 }, resources: { cpuShares: 256 } } });
    const told = async (): Promise<unknown[]> => {
      const { info } = await cri().call('PodSandboxStatus', { podSandboxId: pod.id, verbose: true });
      const { overhead, resources } = JSON.parse(info['info'] ?? '') as Record<'overhead' | 'resources', LinuxContainerResources__Output | null>;
      return [overhead?.cpuShares, resources?.cpuShares, resources?.memoryLimitInBytes, resources?.unified];
    };
    assert.deepEqual(await told(), ['2', '256', '0', {}]);
    const resources = { cpuShares: 512, memoryLimitInBytes: 64 * 2 ** 20, unified: { 'memory.low': '0' } };
    await cri().call('UpdatePodSandboxResources', { podSandboxId: pod.id, overhead: { cpuShares: 4 }, resources });
    await cri().refuse('UpdatePodSandboxResources', { podSandboxId: 'f'.repeat(64) }, 'NOT_FOUND');
    assert.deepEqual(await told(), ['4', '512', String(64 * 2 ** 20), { 'memory.low': '0' }]);
    // What is not given stays as it was.
    await cri().call('UpdatePodSandboxResources', { podSandboxId: pod.id, overhead: { cpuShares: 8 } });
    const after = ['8', '512', String(64 * 2 ** 20), { 'memory.low': '0' }];
    assert.deepEqual(await told(), after);
    await cri().restartPodwright();
    assert.deepEqual(await told(), after);
    assert.equal((await pod.status()).state, 'SANDBOX_READY');
    await pod.stop();
    await cri().refuse('UpdatePodSandboxResources', { podSandboxId: pod.id, resources }, 'FAILED_PRECONDITION', 'not ready');
  });
});
