import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { busyboxImage, configuredImage, pauseImage, webImage } from '../../../hack/images/catalogue.ts';
import { findCgroups } from '../../support/node/cgroups.ts';
import { listNodes, type NodeFacts } from '../../support/node/facts.ts';
import { findRules } from '../../support/node/iptables.ts';
import { findMounts } from '../../support/node/mounts.ts';
import { findLinks } from '../../support/node/network.ts';
import { findProcesses } from '../../support/node/processes.ts';
import { sweepNodes } from '../../support/node/remove.ts';
import { TempNode } from '../../support/temp-node.ts';

/** Everything of a node that can be seen from the outside, whether or not its Pods are gone. */
async function tracesOf(facts: NodeFacts): Promise<unknown[]> {
  const found = await Promise.all([findProcesses, findMounts, findLinks, findRules, findCgroups].map((find) => find(facts)));
  return [...found.flat(), ...[facts.root, `/sys/class/net/${facts.bridge}`].filter((place) => existsSync(place))];
}

/** Runs a Pod with a host port and a container in it. */
async function runWebPod(node: TempNode): Promise<{ podSandboxId: string; containerId: string }> {
  const podConfig = await node.writeJson({
    metadata: { name: 'web', namespace: 'default', uid: 'web-uid', attempt: 0 },
    log_directory: path.join(node.root, 'pod-logs'),
    port_mappings: [{ container_port: 8080, host_port: 0 }],
    linux: { cgroup_parent: node.facts.cgroup },
  });
  const config = await node.writeJson({ metadata: { name: 'web' }, image: { image: webImage }, log_path: 'web.log', linux: {} });
  await node.crictl('pull', webImage);
  const podSandboxId = (await node.crictl('runp', podConfig)).trim();
  const containerId = (await node.crictl('create', podSandboxId, config, podConfig)).trim();
  await node.crictl('start', containerId);
  return { podSandboxId, containerId };
}

describe('a temporary node', function () {
  this.timeout(300_000);

  it('runs two nodes side by side and serves both the test images', async () => {
    const nodes = await Promise.all([
      TempNode.start({ podwright: false }),
      TempNode.start({ podwright: false, containerdVersion: '2.3' }),
    ]);
    try {
      const versions = await Promise.all(nodes.map((node) => node.ctr('version')));
      assert.match(versions[0] ?? '', /Server:\s+Version:\s+v2\.4/);
      assert.match(versions[1] ?? '', /Server:\s+Version:\s+v2\.3/);
      assert.equal(new Set(nodes.map((node) => node.facts.subnet)).size, 2);
      for (const node of nodes) {
        for (const image of [pauseImage, busyboxImage, configuredImage]) {
          await node.ctr('image', 'pull', '--hosts-dir', node.seat.certsFolder, image);
        }
        assert.deepEqual(await node.leaks(), []);
      }
    } finally {
      await Promise.all(nodes.map((node) => node.stop()));
    }
    for (const node of nodes) assert.deepEqual(await tracesOf(node.facts), []);
  });

  it('tells what a Pod has left and removes all of it, running containers included', async () => {
    const node = await TempNode.start({ criPlugin: true });
    try {
      const { podSandboxId, containerId } = await runWebPod(node);
      const kinds = new Set((await node.leaks()).map((leak) => leak.split(' ')[0]));
      for (const kind of ['process', 'mount', 'link', 'rule', 'cgroup', 'IP']) assert.ok(kinds.has(kind), kind);

      await node.containerd.restart();
      const container = JSON.parse(await node.crictl('inspect', containerId)) as { status: { state: string } };
      assert.equal(container.status.state, 'CONTAINER_RUNNING');

      await node.crictl('rmp', '--force', podSandboxId);
      assert.deepEqual(await node.leaks(), []);
      await runWebPod(node);
    } finally {
      await node.stop();
    }
    assert.deepEqual(await tracesOf(node.facts), []);
  });

  it('is removed when the process that made it is told to end', async () => {
    const { child, facts } = await startElsewhere();
    child.kill('SIGTERM');
    await once(child, 'exit');
    assert.deepEqual(await tracesOf(facts), []);
  });

  it('is swept after the process that made it was killed', async () => {
    const { child, facts } = await startElsewhere();
    child.kill('SIGKILL');
    await once(child, 'exit');
    assert.notDeepEqual(await tracesOf(facts), []);
    await sweepNodes();
    assert.deepEqual(await tracesOf(facts), []);
  });

  it('has a registry that asks for credentials where it is told to', async () => {
    const node = await TempNode.start({ podwright: false });
    try {
      const credentials = { username: 'user', password: 'secret' };
      const registry = await node.startRegistry({ credentials });
      const ask = (headers: Record<string, string>): Promise<Response> => fetch(`${registry.url}/v2/`, { headers });
      assert.equal((await ask({})).status, 401);
      assert.equal((await ask({ authorization: `Basic ${btoa('user:wrong')}` })).status, 401);
      assert.equal((await ask({ authorization: `Basic ${btoa('user:secret')}` })).status, 200);
    } finally {
      await node.stop();
    }
  });
});

/** Makes a node in another process and waits until that has it. */
async function startElsewhere(): Promise<{ child: ReturnType<typeof spawn>; facts: NodeFacts }> {
  const temporary = path.resolve(import.meta.dirname, '../../support/temp-node.ts');
  const script = `
    import { TempNode } from ${JSON.stringify(temporary)};
    const node = await TempNode.start({ podwright: false });
    console.log(node.root);
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const facts = (await listNodes()).find((node) => node.root === line.toString().trim());
  assert.ok(facts);
  return { child, facts };
}
