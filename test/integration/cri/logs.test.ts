import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { mkdir, readFile, rename, stat, symlink, writeFile } from 'node:fs/promises';
import { useCriNode } from '../../support/cri-node.ts';
import type { Pod } from '../../support/cri-pod.ts';
import { eventually } from '../../support/eventually.ts';
import { readRecords, streamText } from '../../support/log-records.ts';

describe("a container's log", function () {
  this.timeout(60_000);
  const cri = useCriNode();
  let pod: Pod;

  beforeEach(async () => {
    pod = await cri().runPod();
  });

  it('has every line with its time and stream, where ContainerStatus says', async () => {
    const container = await pod.runScript('echo one; echo two >&2; sleep 0.1; echo; echo three', { logPath: 'sub/0.log' });
    await container.ended();
    const { logPath, startedAt, finishedAt } = await container.status();
    assert.equal(logPath, `${pod.config.logDirectory}/sub/0.log`);
    const records = readRecords(logPath);
    assert.equal(streamText(records, 'stdout'), 'one\n\nthree\n');
    assert.equal(streamText(records, 'stderr'), 'two\n');
    assert.ok(records.every(({ partial }) => !partial));
    const times = records.map(({ time }) => BigInt(Date.parse(time)) * 1_000_000n);
    const second = 1_000_000_000n;
    assert.ok(times.every((time) => time >= BigInt(startedAt) - second && time <= BigInt(finishedAt) + second));
    assert.equal((await stat(logPath)).mode & 0o777, 0o640);
  });

  it('is whole as soon as the container has ended', async () => {
    for (let i = 0; i < 5; i++) {
      const text = await pod.output(`seq 1 20000; echo end ${i}`);
      assert.equal(text, `${Array.from({ length: 20_000 }, (_, line) => `${line + 1}\n`).join('')}end ${i}\n`);
    }
  });

  it('has long lines in parts of 16 KiB, and the unfinished last line', async () => {
    const container = await pod.runScript("head -c 40000 /dev/zero | tr '\\0' x; echo; printf unfinished");
    await container.ended();
    const records = await container.records();
    assert.deepEqual(records.slice(0, 3).map(({ content, partial }) => [content.length, partial]), [
      [16_384, true],
      [16_384, true],
      [7_232, false],
    ]);
    assert.equal(records[3]?.content.toString(), 'unfinished');
  });

  it('has the bytes as they were written', async () => {
    const container = await pod.runScript("printf '\\377\\000\\200x\\n'");
    await container.ended();
    assert.deepEqual((await container.records())[0]?.content, Buffer.from([0xff, 0, 0x80, 0x78]));
  });

  it('of a terminal is one stream', async () => {
    const container = await pod.runScript('test -t 1 && echo out; echo err >&2', { tty: true });
    await container.ended();
    const records = await container.records();
    assert.deepEqual(records.map(({ stream, content }) => [stream, content.toString().trim()]), [
      ['stdout', 'out'],
      ['stdout', 'err'],
    ]);
  });

  it('is nowhere when nobody says where, and the container does not mind', async () => {
    const container = await pod.runScript('seq 1 50000; exit 3', { logPath: '' });
    const { exitCode, logPath } = await container.ended();
    assert.deepEqual([exitCode, logPath], [3, '']);
  });

  it('goes on in a new file after a rotation, without a line lost or doubled', async () => {
    const container = await pod.runScript('i=0; while [ $i -lt 3000 ]; do i=$((i+1)); echo $i; done; echo end; sleep 10000');
    const { logPath } = await container.status();
    const files: string[] = [];
    for (let rotation = 0; rotation < 5; rotation++) {
      await eventually('something is written', () => existsSync(logPath));
      files.push(`${logPath}.${rotation}`);
      await rename(logPath, `${logPath}.${rotation}`);
      await cri().call('ReopenContainerLog', { containerId: container.id });
      assert.ok(existsSync(logPath), 'the new file is there');
    }
    const text = await eventually('all is written', async () => {
      const all = [...files, logPath].map((file) => streamText(readRecords(file), 'stdout')).join('');
      return all.endsWith('end\n') && all;
    });
    assert.equal(text, `${Array.from({ length: 3000 }, (_, i) => `${i + 1}\n`).join('')}end\n`);
  });

  it('is not made anew for a container that does not run', async () => {
    const container = await pod.runScript('echo x');
    await container.ended();
    const { logPath } = await container.status();
    await rename(logPath, `${logPath}.old`);
    await cri().refuse('ReopenContainerLog', { containerId: container.id }, 'FAILED_PRECONDITION', 'EXITED');
    assert.ok(!existsSync(logPath));
    await cri().refuse('ReopenContainerLog', { containerId: 'f'.repeat(64) }, 'NOT_FOUND');
  });

  it('does not lead a writer through a planted link', async () => {
    const victim = `${await cri().folder('victim')}/file`;
    const container = await pod.create({ command: ['echo', 'payload'], logPath: 'planted.log' });
    const { logPath } = await container.status();
    await mkdir(pod.config.logDirectory ?? '', { recursive: true });
    await writeFile(victim, 'untouched');
    await symlink(victim, logPath);
    await cri().try('StartContainer', { containerId: container.id });
    assert.equal(await readFile(victim, 'utf8'), 'untouched');
  });

  it('does not hold up the end of a container of which a process lives on and keeps the pipe', async () => {
    const shared = await cri().runPod({ linux: { securityContext: { namespaceOptions: { pid: 'POD' } } } });
    const container = await shared.runScript('setsid sleep 10000 & echo said');
    await container.ended();
    assert.equal(await container.stdout(), 'said\n');
  });
});
