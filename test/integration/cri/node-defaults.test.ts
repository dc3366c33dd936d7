import assert from 'node:assert/strict';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { configuredImage } from '../../../hack/images/catalogue.ts';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';

describe('what a node gives to its containers', function () {
  this.timeout(60_000);
  const zone = 'Asia/Kathmandu'; // no host is there by chance: it is 5:45 ahead
  let hooks = '';
  const cri = useCriNode({}, async (node) => {
    hooks = path.join(node.root, 'hooks');
    for (const folder of ['low', 'high']) await mkdir(path.join(hooks, folder), { recursive: true });
    return {
      config: {
        containers: {
          default_env: ['FROM_NODE=yes', 'FROM_IMAGE=no'],
          default_ulimits: ['nofile=1000:2000', 'core=0'],
          timezone: zone,
          pids_limit: 20,
          device_ownership_from_security_context: true,
          hooks_dirs: [path.join(hooks, 'low'), path.join(hooks, 'high')],
        },
      },
    };
  });
  let pod: Pod;
  beforeEach(async () => {
    pod = await cri().runPod();
  });

  it('are variables that the image may replace', async () => {
    await cri().call('PullImage', { image: { image: configuredImage } });
    const container = await pod.run({ image: { image: configuredImage } });
    assert.equal(await container.sh('echo $FROM_NODE $FROM_IMAGE'), 'yes yes');
  });

  it('are limits for its processes and for those of an exec', async () => {
    assert.equal(await pod.output('ulimit -Sn; ulimit -Hn; ulimit -c'), '1000\n2000\n0\n');
    const container = await pod.run();
    assert.equal(await container.sh('ulimit -Sn; ulimit -Hn'), '1000\n2000');
  });

  it('is the time zone, unless the Pod mounts its own', async () => {
    const container = await pod.run();
    assert.equal(await container.sh('date +%z'), '+0545');
    assert.match((await container.try('echo x > /etc/localtime')).stderr, /Read-only/);
    const own = await pod.run({ mounts: [{ containerPath: '/etc/localtime', hostPath: '/usr/share/zoneinfo/Asia/Tokyo' }] });
    assert.equal(await own.sh('date +%z'), '+0900');
  });

  it('is a limit on the number of processes', async () => {
    const output = await pod.output('for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21; do sleep 3 & done 2>&1; echo none');
    assert.match(output, /can't fork|Resource temporarily unavailable/);
    const container = await pod.run();
    await cri().call('UpdateContainerResources', { containerId: container.id, linux: { cpuShares: 200 } });
    assert.match((await container.try('for i in $(seq 30); do sleep 3 & done')).stderr, /can't fork/);
  });

  it("are devices that belong to the container's user, also in a user namespace", async () => {
    const ids = [{ hostId: 200_000, containerId: 0, length: 65_536 }];
    const namespaceOptions = { pid: 'CONTAINER' as const, usernsOptions: { mode: 'POD' as const, uids: ids, gids: ids } };
    const mapped = await cri().runPod({ linux: { securityContext: { namespaceOptions } } });
    for (const one of [pod, mapped]) {
      const container = await one.run({
        devices: [{ hostPath: '/dev/kmsg', containerPath: '/dev/own', permissions: 'w' }],
        linux: { securityContext: { runAsUser: { value: 1000 }, runAsGroup: { value: 2000 } } },
      });
      assert.equal(await container.sh('stat -c "%u:%g" /dev/own'), '1000:2000');
      // The host's is its root's alone.
      await container.sh(': > /dev/own');
    }
  });

  const writeHook = (folder: string, name: string, word: string, when: object = { always: true }): Promise<void> =>
    writeFile(
      path.join(hooks, folder, name),
      JSON.stringify({
        version: '1.0.0',
        // A hook is given the container's state on stdin (config.md "POSIX-platform Hooks").
        hook: { path: '/bin/sh', args: ['sh', '-c', `grep -o '"id":"[0-9a-f]*"' >> ${hooks}/ran-${word}`] },
        when,
        stages: ['poststart'],
      }),
    );

  it('are hooks, from the moment their files are there, a later folder instead of an earlier', async () => {
    await writeHook('low', '10-a.json', 'low');
    await writeHook('high', '10-a.json', 'high');
    await writeHook('high', '20-mine.json', 'mine', { annotations: { '^podwright\\.test/hook$': 'mine' } });
    const plain = await pod.run();
    const mine = await pod.run({ annotations: { 'podwright.test/hook': 'mine' } });
    const ran = async (word: string): Promise<string[]> =>
      [...(await readFile(path.join(hooks, `ran-${word}`), 'utf8')).matchAll(/[0-9a-f]{64}/g)].map(([id]) => id);
    assert.deepEqual(await ran('high'), [plain.id, mine.id]);
    assert.deepEqual(await ran('mine'), [mine.id]);
    await assert.rejects(ran('low'), { code: 'ENOENT' });
    await Promise.all(['low', 'high'].map((folder) => rm(path.join(hooks, folder), { recursive: true })));
  });

  it('are no classes of RDT and block I/O where there are none: an annotation for one is refused', async () => {
    const asked = (annotations: Record<string, string>) => {
      const config = pod.containerConfig({ annotations });
      return { podSandboxId: pod.id, config, sandboxConfig: pod.config };
    };
    const rdt = asked({ 'io.kubernetes.cri.rdt-class': 'gold' });
    await cri().refuse('CreateContainer', rdt, 'INVALID_ARGUMENT', 'io.kubernetes.cri.rdt-class', '"gold"');
    const blockIo = asked({ 'io.kubernetes.cri.blockio-class': 'slow' });
    await cri().refuse('CreateContainer', blockIo, 'INVALID_ARGUMENT', 'io.kubernetes.cri.blockio-class', '"slow"');
  });
});
