import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFifos, openFifoWriter } from '../../../src/io/fifo.ts';
import type { DroppedRecords } from '../../../src/io/log-messages.ts';
import { LogPump } from '../../../src/io/log-pump.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { unmount } from '../../../src/linux/mount.ts';
import { mount } from '../../../src/linux/libc.ts';
import { logWorkerUrl } from '../../support/log-worker.ts';
import { readRecords, streamText } from '../../support/log-records.ts';

/** Writes to a FIFO as a process would, and resolves when all of it is in. */
async function put(fifo: string, data: string | Buffer): Promise<void> {
  const writer = openFifoWriter(fifo);
  await new Promise<void>((resolve, reject) => writer.write(data, (error) => (error ? reject(error) : resolve())));
  writer.destroy();
  await once(writer, 'close');
}

/** Waits until `condition` holds; the test's own time-out is the deadline. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 2));
}

describe('the log pump', () => {
  let dir = '';
  let pump: LogPump;
  const clock = systemClock();

  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-log-'));
    pump = new LogPump(silentLog, clock, { workerUrl: logWorkerUrl });
    pump.start();
  });

  afterEach(async () => {
    await pump.stop();
    fs.rmSync(dir, { recursive: true });
  });

  async function container(containerId: string, logPath = path.join(dir, 'logs', containerId, '0.log')) {
    const stateDir = path.join(dir, 'state', containerId);
    fs.mkdirSync(stateDir, { recursive: true });
    const fifos = makeFifos(path.join(stateDir, 'io'), { stdout: true, stderr: true });
    const spec = { containerId, stdout: fifos.stdout ?? '', stderr: fifos.stderr ?? '', logPath, stateDir };
    return spec;
  }

  it('writes both outputs into one log, in a folder it makes', async () => {
    const spec = await container('a');
    await pump.open(spec);
    await put(spec.stdout, 'hello\nwor');
    await put(spec.stderr, 'oops\n');
    await pump.drained('a');
    const records = readRecords(spec.logPath);
    assert.equal(streamText(records, 'stdout'), 'hello\nwor');
    assert.equal(streamText(records, 'stderr'), 'oops\n');
    assert.equal(fs.statSync(spec.logPath).mode & 0o777, 0o640);
    assert.equal(fs.statSync(path.dirname(spec.logPath)).mode & 0o777, 0o755);
  });

  it('does not take a FIFO for ended before its first writer comes', async () => {
    const spec = await container('a');
    await pump.open(spec);
    await pump.reopen('a'); // refused for an output that has ended
    await put(spec.stdout, 'late\n');
    await put(spec.stderr, '');
    await pump.drained('a');
    assert.equal(streamText(readRecords(spec.logPath), 'stdout'), 'late\n');
  });

  it('ends an output whose writer was gone before it was opened', async () => {
    const spec = await container('a');
    await pump.open({ ...spec, stderr: undefined });
    await pump.drained('a');
    assert.equal(fs.statSync(spec.logPath).size, 0);
  });

  it('keeps bytes that are no text, and lines of megabytes, as they are', async () => {
    const spec = await container('a');
    await pump.open(spec);
    const bytes = Buffer.alloc(3_000_000, 0xff);
    for (let i = 0; i < bytes.length; i += 5) bytes[i] = i % 251 === 0x0a || i % 251 === 0x0d ? 0 : i % 251;
    await put(spec.stdout, Buffer.concat([bytes, Buffer.from('\n')]));
    await pump.drained('a');
    const records = readRecords(spec.logPath);
    assert.deepEqual(Buffer.concat(records.map(({ content }) => content)), bytes);
    assert.ok(records.slice(0, -1).every(({ partial, content }) => partial && content.length === 16_384));
    assert.equal(records.at(-1)?.partial, false);
  });

  it('goes on in a new file when told to, without a line lost', async () => {
    const spec = await container('a');
    await pump.open(spec);
    const flood = spawn(process.execPath, ['test/support/flood.mjs', spec.stdout, spec.stderr, '60000']);
    const exited = once(flood, 'exit');
    const renamed: string[] = [];
    for (let i = 0; i < 5; i++) {
      await until(() => fs.statSync(spec.logPath).size > 100_000);
      renamed.push(`${spec.logPath}.${i}`);
      fs.renameSync(spec.logPath, `${spec.logPath}.${i}`);
      await pump.reopen('a');
      assert.ok(fs.existsSync(spec.logPath));
    }
    await exited;
    await pump.drained('a');
    assertFlood([...renamed, spec.logPath].flatMap(readRecords), 60_000);
  }).timeout(60_000);

  it('refuses to reopen the log of an output that has ended, and makes no file', async () => {
    const spec = await container('a');
    await pump.open(spec);
    await put(spec.stdout, 'bye\n');
    await put(spec.stderr, '');
    await pump.drained('a');
    fs.rmSync(spec.logPath);
    await assert.rejects(pump.reopen('a'), (error) => isKind(error, 'failedPrecondition'));
    await assert.rejects(pump.reopen('unknown'), (error) => isKind(error, 'notFound'));
    assert.equal(fs.existsSync(spec.logPath), false);
  });

  it('refuses a log that is a symlink, a FIFO or below a file, and follows a symlinked folder', async () => {
    const link = await container('link');
    fs.mkdirSync(path.dirname(link.logPath), { recursive: true });
    fs.symlinkSync(path.join(dir, 'elsewhere'), link.logPath);
    await assert.rejects(pump.open(link), (error) => isKind(error, 'failedPrecondition'));
    assert.equal(fs.existsSync(path.join(dir, 'elsewhere')), false);

    const fifo = await container('fifo');
    fs.mkdirSync(path.dirname(fifo.logPath), { recursive: true });
    execFileSync('mkfifo', [fifo.logPath]);
    await assert.rejects(pump.open(fifo), (error) => isKind(error, 'failedPrecondition'));

    fs.writeFileSync(path.join(dir, 'file'), '');
    const below = await container('below', path.join(dir, 'file', '0.log'));
    await assert.rejects(pump.open(below), (error) => isKind(error, 'failedPrecondition'));

    fs.mkdirSync(path.join(dir, 'real'));
    fs.symlinkSync(path.join(dir, 'real'), path.join(dir, 'folder'));
    const inside = await container('inside', path.join(dir, 'folder', '0.log'));
    await pump.open(inside);
    assert.ok(fs.existsSync(path.join(dir, 'real', '0.log')));
  });

  it('reads and drops the output of a container without a log', async () => {
    const spec = await container('a', '');
    await pump.open(spec);
    await put(spec.stdout, Buffer.alloc(2_000_000, 'x'));
    await put(spec.stderr, '');
    await pump.drained('a');
    assert.deepEqual(fs.readdirSync(spec.stateDir), ['io']);
  });

  it('closes with an unfinished line written and its state removed, though a writer is left', async () => {
    const spec = await container('a');
    await pump.open(spec);
    const writer = openFifoWriter(spec.stdout);
    await new Promise((resolve) => writer.write('no end', resolve));
    await pump.close('a');
    writer.destroy();
    assert.equal(streamText(readRecords(spec.logPath), 'stdout'), 'no end');
    assert.deepEqual(fs.readdirSync(spec.stateDir), ['io']);
  });

  it('never blocks a container on a full disk, counts what it drops, and goes on when there is room', async () => {
    const disk = path.join(dir, 'disk');
    fs.mkdirSync(disk);
    mount('tmpfs', disk, 'tmpfs', 0, 'size=1m');
    try {
      const dropped: DroppedRecords[] = [];
      pump.onDropped((drop) => dropped.push(drop));
      const spec = await container('a', path.join(disk, '0.log'));
      await pump.open(spec);
      const writer = openFifoWriter(spec.stdout);
      const write = (text: string): Promise<unknown> => new Promise((resolve) => writer.write(text, resolve));
      const line = `${'x'.repeat(99)}\n`;
      await write(line.repeat(40_000));
      await until(() => dropped.length > 0);
      fs.rmSync(spec.logPath);
      await pump.reopen('a');
      await write('after\n');
      writer.destroy();
      await put(spec.stderr, '');
      await pump.drained('a');
      assert.equal(dropped[0]?.reason, 'ENOSPC');
      assert.ok(dropped[0].records > 0 && dropped[0].bytes > dropped[0].records * 99);
      assert.equal(readRecords(spec.logPath).at(-1)?.content.toString(), 'after');
    } finally {
      unmount(disk);
    }
  });

  it('counts dropped records exactly and leaves only whole ones in the log', async () => {
    const disk = path.join(dir, 'disk');
    fs.mkdirSync(disk);
    mount('tmpfs', disk, 'tmpfs', 0, 'size=1m');
    try {
      let dropped = 0;
      pump.onDropped(({ records }) => (dropped += records));
      const spec = await container('a', path.join(disk, '0.log'));
      await pump.open(spec);
      await put(spec.stdout, `${'x'.repeat(99)}\n`.repeat(30_000));
      await put(spec.stderr, '');
      await pump.drained('a');
      assert.equal(readRecords(spec.logPath).length + dropped, 30_000);
    } finally {
      unmount(disk);
    }
  });

  it('goes on when the disk of the state is full', async () => {
    const disk = path.join(dir, 'disk');
    fs.mkdirSync(disk);
    mount('tmpfs', disk, 'tmpfs', 0, 'size=64k');
    try {
      const spec = { ...(await container('a')), stateDir: disk };
      await pump.open(spec);
      fs.writeFileSync(path.join(disk, 'fill'), Buffer.alloc(32 * 1024));
      await put(spec.stdout, `${'x'.repeat(99)}\n`.repeat(10_000));
      await put(spec.stderr, '');
      await pump.drained('a');
      assert.equal(readRecords(spec.logPath).length, 10_000);
    } finally {
      await pump.stop();
      unmount(disk);
    }
  });

  it('starts its thread again when it dies, and goes on with every container', async () => {
    await pump.stop();
    const marker = path.join(dir, 'die-once');
    fs.writeFileSync(marker, '');
    const url = new URL('../../support/log-worker-dying.mjs', import.meta.url);
    process.env['LOG_WORKER_DIES_ONCE'] = marker; // a thread has no arguments
    const complaints: string[] = [];
    pump = new LogPump({ ...silentLog, error: (_, message) => complaints.push(message) }, clock, { workerUrl: url });
    pump.start();
    const spec = await container('a');
    await pump.open(spec); // answered by the thread that dies next
    const shim = fs.openSync(spec.stdout, fs.constants.O_RDWR);
    fs.writeSync(shim, 'kept\n');
    await pump.reopen('a');
    fs.closeSync(shim);
    await pump.drained('a');
    assert.equal(streamText(readRecords(spec.logPath), 'stdout'), 'kept\n');
    assert.equal(complaints.length, 1);
  });

  it('leaves an unfinished line to the next daemon', async () => {
    const spec = await container('a');
    await pump.open(spec);
    const shim = fs.openSync(spec.stdout, fs.constants.O_RDWR); // as the shim, which keeps both ends
    fs.writeSync(shim, 'first\nsecond h');
    await until(() => fs.statSync(spec.logPath).size > 0);
    await pump.stop();
    assert.equal(streamText(readRecords(spec.logPath), 'stdout'), 'first\n');
    pump = new LogPump(silentLog, clock, { workerUrl: logWorkerUrl });
    pump.start();
    await pump.open(spec);
    fs.writeSync(shim, 'alf\n');
    fs.closeSync(shim);
    await pump.drained('a');
    assert.equal(streamText(readRecords(spec.logPath), 'stdout'), 'first\nsecond half\n');
  });

  it('loses no line and doubles none when it is killed again and again in a flood', async () => {
    const lines = 300_000;
    const spec = await container('a');
    const run = (...more: string[]) =>
      spawn(
        process.execPath,
        ['--import', 'tsx', 'test/support/log-pump-process.ts', JSON.stringify(spec), ...more],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      );
    const flood = spawn(process.execPath, ['test/support/flood.mjs', spec.stdout, spec.stderr, String(lines)]);
    const flooded = once(flood, 'exit');
    const size = (): number => (fs.existsSync(spec.logPath) ? fs.statSync(spec.logPath).size : 0);
    for (let kill = 0; kill < 8; kill++) {
      const victim = run();
      const before = size();
      await once(victim.stdout, 'data');
      // In the middle of it: after some progress, and at no particular instruction.
      await until(() => size() > before + 200_000 * kill || flood.exitCode !== null);
      const died = once(victim, 'exit');
      victim.kill('SIGKILL');
      await died;
      assert.equal(flood.exitCode, null, 'the flood has to outlast the kills');
    }
    const last = run('drain');
    await Promise.all([flooded, once(last, 'exit')]);
    assertFlood(readRecords(spec.logPath), lines);
  }).timeout(120_000);
});

/** Every numbered line once, and those of a stream in order. */
function assertFlood(records: ReturnType<typeof readRecords>, lines: number): void {
  const seen: number[] = [];
  for (const stream of ['stdout', 'stderr'] as const) {
    const numbers = streamText(records, stream)
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [number, filling = ''] = line.split(' ');
        const i = Number(number);
        assert.equal(filling.length, i % 997 === 0 ? 16_000 + (i % 40_000) : i % 211, `line ${i} is whole`);
        return i;
      });
    assert.deepEqual(numbers, numbers.toSorted((a, b) => a - b), `${stream} is in order`);
    for (const i of numbers) seen.push(i);
  }
  assert.deepEqual(
    seen.toSorted((a, b) => a - b),
    Array.from({ length: lines }, (_, i) => i + 1),
  );
}
