import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type { PodwrightDaemon } from '../../support/node/podwright.ts';
import { type Output, tryRun } from '../../support/node/run.ts';
import { TempNode } from '../../support/temp-node.ts';

const mainPath = path.join(import.meta.dirname, '../../../dist/main.js');

function check(podwright: PodwrightDaemon): Promise<Output> {
  return tryRun(process.execPath, [mainPath, 'check', '--config', podwright.configPath]);
}

/** A process that is a kubelet by its name and flags. The machine may have others, whose affairs are not told here. */
async function pretendKubelet(...flags: readonly string[]): Promise<ChildProcess> {
  const child = spawn(process.execPath, ['--eval', 'setInterval(() => {}, 1e6)', '--', ...flags], { argv0: 'kubelet', stdio: 'ignore' });
  await once(child, 'spawn');
  return child;
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGKILL');
  await once(child, 'exit');
}

describe('podwright check', function () {
  this.timeout(600_000);

  describe('on a node', () => {
    let node: TempNode;
    before(async () => {
      node = await TempNode.start();
    });
    after(() => node?.stop());

    it('finds it fine where all agree', async () => {
      const { socket } = node.podwright;
      const kubelet = await pretendKubelet(`--container-runtime-endpoint=unix://${socket}`);
      try {
        const { code, stdout } = await check(node.podwright);
        assert.equal(code, 0, stdout);
        assert.match(stdout, /^fine {3}containerd v2\.\d+\.\d+ answers at .*\nfine {3}podwright .* serves at .*\nfine {3}the kubelet \(pid \d+\) asks for its containers at /);
      } finally {
        await end(kubelet);
      }
    });

    it('names a kubelet that asks elsewhere and one that has another cgroup driver', async () => {
      const elsewhere = await pretendKubelet('--container-runtime-endpoint=unix:///run/nowhere.sock');
      try {
        const { code, stdout } = await check(node.podwright);
        assert.equal(code, 1);
        assert.match(stdout, new RegExp(`wrong {2}the kubelet \\(pid ${elsewhere.pid}\\) asks for its containers at unix:///run/nowhere.sock \\(--container-runtime-endpoint\\)`));
      } finally {
        await end(elsewhere);
      }
      const driver = await pretendKubelet(`--container-runtime-endpoint=unix://${node.podwright.socket}`, '--cgroup-driver=systemd');
      try {
        const { code, stdout } = await check(node.podwright);
        assert.equal(code, 1);
        assert.match(stdout, new RegExp(`wrong {2}the kubelet \\(pid ${driver.pid}\\) is told the cgroup driver systemd .*, and podwright has cgroupfs: set SystemdCgroup = true`));
      } finally {
        await end(driver);
      }
    });

    it('says what is not there: podwright, then containerd', async () => {
      await node.podwright.kill();
      await node.containerd.kill();
      const { code, stdout } = await check(node.podwright);
      assert.equal(code, 1);
      assert.match(stdout, /^wrong {2}containerd does not answer at .*ECONNREFUSED.*: start it.*\nwrong {2}nobody serves the CRI at .*ECONNREFUSED.*: start podwright/);
    });
  });

  describe("beside containerd's own CRI plugin", () => {
    let node: TempNode;
    before(async () => {
      node = await TempNode.start({ criPlugin: true, podwright: { config: { containerd: { namespace: 'k8s.io' } } } });
    });
    after(() => node?.stop());

    it('says in the log too which of the two has to go', async () => {
      const fault = /containerd's own CRI plugin runs beside podwright on the same namespace .*disabled_plugins/;
      const { code, stdout } = await check(node.podwright);
      assert.equal(code, 1);
      assert.match(stdout, fault);
      const lines = (await readFile(node.podwright.logPath, 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as { level: number; msg: string });
      // pino's level for a warning.
      assert.equal(lines.filter(({ level, msg }) => level === 40 && fault.test(msg)).length, 1);
    });
  });
});
