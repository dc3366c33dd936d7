import assert from 'node:assert/strict';
import { createSocket } from 'node:dgram';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import path from 'node:path';
import { CriNode, useCriNode } from '../../support/cri-node.ts';
import { eventually } from '../../support/eventually.ts';
import { run } from '../../support/node/run.ts';
import type { TempNode } from '../../support/temp-node.ts';

const MiB = 1024 ** 2;
// Two files of tests that run at the same time take ports of their own.
const firstPort = 30_000 + (process.pid % 8_000);

const v6Of = (node: TempNode): string => `fd${node.facts.subnet.split('.').map((part) => Number(part).toString(16).padStart(2, '0')).join('')}`.replace(/^(.{4})(.*)$/, '$1:$2::/64');
const confDirOf = (node: TempNode): string => path.join(node.root, 'made', 'net.d');

/** A template as containerd's users have them, of a network with everything that the CRI can ask of one. */
async function writeTemplate(node: TempNode): Promise<string> {
  const file = path.join(node.root, 'network.template');
  await mkdir(path.join(node.root, 'made'), { recursive: true });
  const text = `{
    "cniVersion": "1.0.0", "name": "${node.facts.name}",
    "plugins": [
      { "type": "bridge", "bridge": "${node.facts.bridge}", "isGateway": true, "hairpinMode": true,
        "ipam": { "type": "host-local", "dataDir": "${path.join(node.root, 'cni', 'ipam')}",
          "ranges": [{{range $i, $range := .PodCIDRRanges}}{{if $i}}, {{end}}[{"subnet": "{{$range}}"}]{{end}}],
          "routes": [{{range $i, $route := .Routes}}{{if $i}}, {{end}}{"dst": "{{$route}}"}{{end}}] } },
      { "type": "portmap", "capabilities": { "portMappings": true } },
      { "type": "bandwidth", "capabilities": { "bandwidth": true } },
      { "type": "tuning", "sysctl": { "net.ipv4.tcp_keepalive_time": "77" } },
      { "type": "firewall" }
    ] }`;
  await writeFile(file, text);
  return file;
}

describe('the network of Pods', function () {
  this.timeout(90_000);
  const cri = useCriNode({}, async (node) => ({
    config: { cni: { conf_dir: confDirOf(node), conf_template: await writeTemplate(node), ip_preference: 'ipv6' } },
  }));
  const tell = (podCidr: string) => ({ runtimeConfig: { networkConfig: { podCidr } } });
  const isReady = async (): Promise<boolean> => {
    const { status } = await cri().call('Status', {});
    return status?.conditions.find(({ type }) => type === 'NetworkReady')?.status ?? false;
  };

  before(async () => {
    const { node } = cri();
    assert.equal(await isReady(), false);
    await cri().refuse('RunPodSandbox', { config: cri().podConfig() }, 'FAILED_PRECONDITION', confDirOf(node));
    await cri().refuse('UpdateRuntimeConfig', tell('10.0.0.0/40'), 'INVALID_ARGUMENT', 'pod_cidr', '10.0.0.0/40');
    await cri().call('UpdateRuntimeConfig', tell(''));
    await cri().call('UpdateRuntimeConfig', tell(`${node.facts.subnet}.0/24, ${v6Of(node)}`));
    await eventually('the network is ready', isReady);
  });

  it('is made from a template once, when the kubelet tells the Pod CIDR', async () => {
    const [name, ...others] = await readdir(confDirOf(cri().node));
    assert.deepEqual([name, others], ['10-podwright.conflist', []]);
    const file = path.join(confDirOf(cri().node), name ?? '');
    const text = await readFile(file, 'utf8');
    await cri().call('UpdateRuntimeConfig', tell('10.99.0.0/24'));
    assert.equal(await readFile(file, 'utf8'), text);
  });

  it('gives a Pod an address of each family, the preferred one first', async () => {
    const pod = await cri().runPod();
    const { network } = await pod.status();
    assert.match(network?.ip ?? '', /^fd/);
    assert.deepEqual(network?.additionalIps.map(({ ip }) => ip.startsWith(`${cri().node.facts.subnet}.`)), [true]);
    const container = await pod.run();
    assert.match(await container.sh('ip -o -6 address show dev eth0'), new RegExp(network?.ip ?? '?'));
    assert.match(await container.sh('ip -6 route; ip route'), /default via fd[^]*default via 10/);
    await cri().restartPodwright();
    assert.equal(await pod.ip(), network?.ip);
  });

  it('leads ports of the host to the Pod, by TCP and UDP, on one address of the host or on all', async () => {
    const { node } = cri();
    const gateway = `${node.facts.subnet}.1`;
    const portMappings = [
      { protocol: 'TCP' as const, containerPort: 80, hostPort: firstPort },
      { protocol: 'UDP' as const, containerPort: 53, hostPort: firstPort },
      { protocol: 'TCP' as const, containerPort: 81, hostPort: firstPort + 1, hostIp: gateway },
      { protocol: 'TCP' as const, containerPort: 82, hostPort: 0 },
      { protocol: 'SCTP' as const, containerPort: 83, hostPort: firstPort + 2 },
    ];
    const pod = await cri().runPod({ portMappings });
    const holder = await pod.run({ command: ['sh', '-c', 'while :; do echo from 80 | nc -l -p 80; done'] });
    await pod.run({ command: ['sh', '-c', 'while :; do echo from 81 | nc -l -p 81; done'] });
    await eventually('TCP is answered', async () => (await askTcp(gateway, firstPort)) === 'from 80\n');
    await eventually('TCP of one address is answered', async () => (await askTcp(gateway, firstPort + 1)) === 'from 81\n');
    assert.equal(await askTcp('127.0.0.1', firstPort + 1), '');
    assert.equal(await sendUdp(gateway, firstPort, await holder.pid(), 53), 'hello');
    // Neither busybox nor Node speaks SCTP, so what counts is that the host leads there.
    const rules = await run('sh', ['-c', 'iptables-save -t nat; nft list ruleset 2>/dev/null || true']);
    assert.match(rules, new RegExp(`sctp.*(?:--)?dport ${firstPort + 2}.*:83`));
    await pod.stop();
    assert.equal(await askTcp(gateway, firstPort), '');
    assert.doesNotMatch(await run('iptables-save', ['-t', 'nat']), new RegExp(`dport ${firstPort}\\b`));
  });

  it('limits what goes in and out, by annotation', async () => {
    // Rates that no other network of this machine is limited to.
    const annotations = { 'kubernetes.io/ingress-bandwidth': '11M', 'kubernetes.io/egress-bandwidth': '23M' };
    const limits = async (): Promise<string[]> => {
      const rates = (await run('tc', ['qdisc', 'show'])).matchAll(/ tbf .* rate (\S+)/g);
      return [...rates].flatMap(([, rate = '']) => (['11Mbit', '23Mbit'].includes(rate) ? [rate] : [])).toSorted();
    };
    const pod = await cri().runPod({ annotations });
    assert.deepEqual(await limits(), ['11Mbit', '23Mbit']);
    await pod.stop();
    await eventually('nothing is limited', async () => (await limits()).length === 0);
    for (const bad of ['fast', '1', '1E30']) {
      const config = cri().podConfig({ annotations: { 'kubernetes.io/ingress-bandwidth': bad } });
      await cri().refuse('RunPodSandbox', { config }, 'INVALID_ARGUMENT', 'kubernetes.io/ingress-bandwidth');
    }
  });

  it('has the sysctls that a Pod asks for, of its interface too and whatever a plugin sets', async () => {
    const look = 'cd /proc/sys/net/ipv4; cat tcp_keepalive_time conf/eth0/rp_filter';
    assert.match(await (await (await cri().runPod()).run()).sh(look), /^77\n/);
    const sysctls = { 'net.ipv4.tcp_keepalive_time': '99', 'net.ipv4.conf.eth0.rp_filter': '2' };
    assert.equal(await (await (await cri().runPod({ linux: { sysctls } })).run()).sh(look), '99\n2');
    const config = cri().podConfig({ linux: { sysctls: { 'net.ipv4.conf.eth7.rp_filter': '2' } } });
    await cri().refuse('RunPodSandbox', { config }, 'INVALID_ARGUMENT', 'net.ipv4.conf.eth7.rp_filter');
  });

  it('leaves ports and bandwidth alone on the network of the host', async () => {
    const pod = await cri().runPod({
      portMappings: [{ protocol: 'TCP', containerPort: 80, hostPort: firstPort + 3 }],
      linux: { securityContext: { namespaceOptions: { network: 'NODE', pid: 'CONTAINER' } } },
    });
    assert.equal(await pod.ip(), '');
    assert.doesNotMatch(await run('iptables-save', ['-t', 'nat']), new RegExp(`dport ${firstPort + 3}\\b`));
  });

  it('has shared memory of the size that an annotation asks for', async () => {
    const size = async (annotations: Record<string, string>): Promise<number> => {
      const container = await (await cri().runPod({ annotations })).run();
      return Number(await container.sh('stat -f -c "%b %S" /dev/shm | { read blocks size; echo $((blocks * size)); }'));
    };
    assert.equal(await size({}), 64 * MiB);
    assert.equal(await size({ 'podwright.dev/shm-size': '128Mi' }), 128 * MiB);
    assert.equal(await size({ 'io.kubernetes.cri-o.ShmSize': '32m' }), 32 * MiB);
    for (const bad of ['lots', '0', '-1Mi']) {
      const config = cri().podConfig({ annotations: { 'podwright.dev/shm-size': bad } });
      await cri().refuse('RunPodSandbox', { config }, 'INVALID_ARGUMENT', 'podwright.dev/shm-size', bad);
    }
    const onHost = cri().podConfig({
      annotations: { 'podwright.dev/shm-size': '128Mi' },
      linux: { securityContext: { namespaceOptions: { ipc: 'NODE', pid: 'CONTAINER' } } },
    });
    await cri().refuse('RunPodSandbox', { config: onHost }, 'INVALID_ARGUMENT', 'podwright.dev/shm-size', 'IPC');
  });

  it('puts the older family first where that is preferred', async () => {
    const other = await cri().node.startPodwright({
      name: 'q',
      config: { containerd: { namespace: `${cri().node.facts.name}-q` }, cni: { conf_dir: confDirOf(cri().node), ip_preference: 'ipv4' } },
    });
    const second = new CriNode(cri().node, other);
    try {
      const pod = await second.runPod();
      assert.ok((await pod.ip()).startsWith(`${cri().node.facts.subnet}.`));
      await second.removePods();
    } finally {
      second.client.close();
      await other.kill('SIGTERM');
      await cri().node.ctr('namespaces', 'list');
    }
  });
});

/** What a TCP server sends; nothing where none answers within a second. */
function askTcp(host: string, port: number): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect({ host, port, timeout: 1_000 });
    socket.setEncoding('utf8').on('data', (piece: string) => {
      text += piece;
      if (text.endsWith('\n')) socket.destroy();
    });
    socket.on('timeout', () => socket.destroy()).on('error', () => socket.destroy()).on('close', () => resolve(text));
  });
}

/** Sends datagrams to a port until one arrives at a port in a process's network; busybox has nothing that listens there. */
async function sendUdp(host: string, port: number, pid: number, listenPort: number): Promise<string> {
  const script = `
    const socket = require('node:dgram').createSocket('udp4');
    socket.once('message', (message) => { process.stdout.write(message); socket.close(); });
    socket.bind(${listenPort});
    setTimeout(() => socket.close(), 15_000).unref();`;
  const listening = run('nsenter', ['--target', String(pid), '--net', process.execPath, '-e', script]);
  const socket = createSocket('udp4');
  const sending = setInterval(() => socket.send('hello', port, host), 100);
  try {
    return await listening;
  } finally {
    clearInterval(sending);
    socket.close();
  }
}
