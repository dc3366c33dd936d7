import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { cgroupFolder, cgroupOomKills, cgroupRoot, cgroupVersion, removeCgroup } from '../../../src/linux/cgroup.ts';
import { type CgroupOf, readCgroupStats } from '../../../src/linux/cgroup-read.ts';

const cgroupsPath = `/podwright-test-${process.pid}/container`;
const parent = path.dirname(cgroupsPath);

/** The test's cgroup and those below it as they lie in each hierarchy. */
async function folders(group = cgroupsPath): Promise<string[]> {
  if ((await cgroupVersion()) === 2) return [path.join(cgroupRoot, group)];
  const hierarchies = fs.readdirSync(cgroupRoot, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  // Cpuset starts without CPUs, where no process may go; nothing is counted there anyway.
  return hierarchies.filter(({ name }) => name !== 'cpuset').map(({ name }) => path.join(cgroupRoot, name, group));
}

async function makeCgroup(group = cgroupsPath): Promise<void> {
  for (const folder of await folders(group)) fs.mkdirSync(folder, { recursive: true });
  if ((await cgroupVersion()) === 2) {
    for (const above of [cgroupRoot, path.join(cgroupRoot, parent)]) {
      fs.writeFileSync(path.join(above, 'cgroup.subtree_control'), '+cpu +memory +pids');
    }
  }
}

async function limitMemory(bytes: number): Promise<void> {
  const [v1, v2] = ['memory.limit_in_bytes', 'memory.max'];
  const folder = (await cgroupVersion()) === 2 ? path.join(cgroupRoot, cgroupsPath) : path.join(cgroupRoot, 'memory', cgroupsPath);
  fs.writeFileSync(path.join(folder, (await cgroupVersion()) === 2 ? v2 : v1), String(bytes));
}

describe('a real cgroup', () => {
  let children: ChildProcess[] = [];

  beforeEach(() => makeCgroup());
  afterEach(async () => {
    for (const child of children.filter(({ exitCode, signalCode }) => exitCode === null && signalCode === null)) {
      child.kill('SIGKILL');
      await once(child, 'exit');
    }
    children = [];
    await removeCgroup(parent);
    for (const folder of await folders(parent)) assert.equal(fs.existsSync(folder), false, folder);
  });

  /** Starts a shell line in the cgroup; what it does is counted there from its first instruction on. */
  async function start(line: string): Promise<ChildProcess> {
    const join = (await folders()).map((folder) => `echo $$ > ${folder}/cgroup.procs`).join(' && ');
    const child = spawn('sh', ['-c', `${join} && ${line}`], { stdio: ['pipe', 'pipe', 'inherit'] });
    children.push(child);
    return child;
  }

  async function saysReady(child: ChildProcess): Promise<void> {
    const [chunk] = (await once(child.stdout ?? child, 'data')) as [unknown];
    assert.equal(String(chunk), 'ready\n');
  }

  async function stats(of: CgroupOf = 'pod') {
    const read = readCgroupStats(of, cgroupsPath, await cgroupVersion());
    assert.ok(read !== undefined);
    return read;
  }

  it('tells what its processes use', async () => {
    await limitMemory(64 * 1024 * 1024);
    // Thousands of page faults, since the kernel adds up memory.stat only after so many or so long.
    await saysReady(await start('head -c 20000000 /dev/zero | tail -c 20000000 >/dev/null; echo ready; read -r _'));
    const { cpu, memory, pids } = await stats();
    assert.ok((cpu?.usageNs ?? 0n) > 1_000_000n);
    assert.ok((memory?.usageBytes ?? 0n) > 0n);
    assert.ok((memory?.pageFaults ?? 0n) > 1000n);
    assert.ok((memory?.workingSetBytes ?? 0n) <= (memory?.usageBytes ?? 0n));
    assert.equal(memory?.limitBytes, 67_108_864n);
    assert.equal(pids?.current, 1n);
    assert.equal((await stats('container')).memory?.limitBytes, 67_108_864n);
  });

  it('counts the process that the kernel killed for memory, also when none is left in it', async () => {
    assert.equal(await cgroupOomKills(cgroupsPath), 0);
    await limitMemory(16 * 1024 * 1024);
    // tail keeps the last line whole, and /dev/zero has no second one.
    const hog = await start('exec tail /dev/zero');
    const [, signal] = (await once(hog, 'exit')) as [unknown, string];
    assert.equal(signal, 'SIGKILL');
    assert.equal(await cgroupOomKills(cgroupsPath), 1);
  });

  it('stays while a process is in it, and goes with those below it when none is', async () => {
    await makeCgroup(`${cgroupsPath}/idle`);
    const child = await start('echo ready; read -r _');
    await saysReady(child);
    await removeCgroup(parent);
    assert.equal((await stats()).pids?.current, 1n);
    for (const folder of await folders(`${cgroupsPath}/idle`)) assert.equal(fs.existsSync(folder), false, folder);

    child.stdin?.end();
    await once(child, 'exit');
    await removeCgroup(parent);
    for (const folder of await folders(parent)) assert.equal(fs.existsSync(folder), false, folder);
  });

  it('that has been removed is not there, and no error', async () => {
    await removeCgroup(cgroupsPath);
    await removeCgroup(cgroupsPath);
    assert.equal(readCgroupStats('pod', cgroupsPath, await cgroupVersion()), undefined);
    assert.equal(await cgroupOomKills(cgroupsPath), undefined);
    assert.equal(cgroupFolder(cgroupsPath), cgroupsPath);
  });
});
