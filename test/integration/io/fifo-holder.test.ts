import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { FifoHolder } from '../../../src/io/fifo-holder.ts';
import { makeFifos } from '../../../src/io/fifo.ts';
import { endHolder, findHolders } from '../../../src/io/holder-process.ts';
import { LogPump } from '../../../src/io/log-pump.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { errnoOf } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { mkfifo } from '../../../src/linux/libc.ts';
import { eventually } from '../../support/eventually.ts';
import { readRecords, streamText } from '../../support/log-records.ts';
import { logWorkerUrl } from '../../support/log-worker.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** Writes as a container does that ends at once: nobody has the FIFO open afterwards but who holds it. */
function writeAndEnd(fifo: string, text: string): void {
  const fd = fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  fs.writeSync(fd, text);
  fs.closeSync(fd);
}

/** What a FIFO has, without waiting for a writer; its end is seen behind it. */
function contentOf(fifo: string): string {
  const fd = fs.openSync(fifo, fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  try {
    return fs.readFileSync(fd, 'utf8');
  } finally {
    fs.closeSync(fd);
  }
}

/** A FIFO that nobody reads cannot be opened to write. */
function isHeld(fifo: string): boolean {
  try {
    fs.closeSync(fs.openSync(fifo, fs.constants.O_WRONLY | fs.constants.O_NONBLOCK));
    return true;
  } catch (error) {
    assert.equal(errnoOf(error), 'ENXIO');
    return false;
  }
}

describe('the FIFO holder', () => {
  let dir = '';
  let clock: ManualClock;
  let holder: FifoHolder;

  beforeEach(() => {
    dir = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-fifos-'));
    clock = new ManualClock();
    holder = new FifoHolder(silentLog, clock, dir);
  });

  afterEach(async () => {
    holder.stop();
    for (const pid of await findHolders(dir)) endHolder(pid);
    fs.rmSync(dir, { recursive: true });
  });

  function fifo(name: string): string {
    const file = path.join(dir, name);
    mkfifo(file, 0o600);
    return file;
  }

  /** Lets the time pass after which it tidies up, and that come to pass. */
  async function tidied(): Promise<void> {
    clock.advance(1000);
    await new Promise(setImmediate);
  }

  async function holders(): Promise<number[]> {
    return await findHolders(dir);
  }

  it('keeps what was written by a process that ended before anybody read', async () => {
    const file = fifo('a');
    holder.hold('a', [file]);
    writeAndEnd(file, 'last words\n');
    assert.equal((await holders()).length, 1);
    assert.equal(contentOf(file), 'last words\n');
  });

  it('holds all FIFOs in one process, and none when it ends with the last of them', async () => {
    const files = ['a', 'b', 'c'].map(fifo);
    for (const file of files) holder.hold(path.basename(file), [file]);
    assert.equal((await holders()).length, 1);
    holder.release('b');
    assert.deepEqual(files.map(isHeld), [true, true, true]);
    await tidied();
    await eventually('b is let go', () => !isHeld(files[1] ?? ''));
    assert.deepEqual(files.map(isHeld), [true, false, true]);
    writeAndEnd(files[0] ?? '', 'kept ');
    for (const id of ['a', 'c']) holder.release(id);
    holder.release('unknown');
    await tidied();
    await eventually('there is no process', async () => (await holders()).length === 0);
    holder.hold('b', [files[1] ?? '']);
    assert.ok(isHeld(files[1] ?? ''));
  });

  it('leaves a process when podwright stops only where something is held', async () => {
    const file = fifo('a');
    holder.hold('a', [file]);
    holder.stop();
    assert.ok(isHeld(file));
    const idle = new FifoHolder(silentLog, clock, dir);
    await idle.takeOver();
    idle.hold('a', [file]);
    idle.release('a');
    idle.stop();
    await eventually('there is no process', async () => (await holders()).length === 0);
  });

  it('keeps what a FIFO has while another process takes its place', async () => {
    const [a = '', b = ''] = ['a', 'b'].map(fifo);
    holder.hold('a', [a]);
    holder.hold('b', [b]);
    const before = await holders();
    writeAndEnd(a, 'kept');
    holder.release('b');
    await tidied();
    await eventually('the old one has ended', async () => {
      const now = await holders();
      return now.length === 1 && now[0] !== before[0];
    });
    assert.equal(contentOf(a), 'kept');
  });

  it('holds more than fits into a queue, some of them gone already', async () => {
    const files = Array.from({ length: 600 }, (_, i) => fifo(String(i)));
    for (const file of files) holder.hold(file, [file, path.join(dir, 'gone')]);
    assert.ok(files.every(isHeld));
    await eventually('there is one process', async () => (await holders()).length === 1);
    assert.ok(files.every(isHeld));
  });

  it('starts again when its process is killed', async () => {
    const file = fifo('a');
    holder.hold('a', [file]);
    for (const pid of await holders()) endHolder(pid);
    await eventually('it is noticed', () => clock.sleeping > 0);
    assert.equal(isHeld(file), false);
    await tidied();
    assert.ok(isHeld(file));
  });

  it("ends what a former podwright left, once told to, and no other podwright's", async () => {
    const other = new FifoHolder(silentLog, clock, path.join(dir, 'other'));
    const [a = '', b = ''] = ['a', 'b'].map(fifo);
    other.hold('b', [b]);
    holder.hold('a', [a]);
    holder.stop();
    holder = new FifoHolder(silentLog, clock, dir);
    writeAndEnd(a, 'kept');
    holder.hold('a', [a]);
    assert.equal((await holders()).length, 2);
    await holder.takeOver();
    await eventually('there is one', async () => (await holders()).length === 1);
    assert.equal(contentOf(a), 'kept');
    assert.ok(isHeld(a) && isHeld(b));
    for (const pid of await findHolders(path.join(dir, 'other'))) endHolder(pid);
  });

  it('says once that it cannot, where there is no shell', () => {
    const complaints: string[] = [];
    const { PATH } = process.env;
    process.env['PATH'] = '/nowhere';
    try {
      holder = new FifoHolder({ ...silentLog, warn: (_, message) => complaints.push(message) }, clock, dir);
      for (const name of ['a', 'b']) holder.hold(name, [fifo(name)]);
    } finally {
      process.env['PATH'] = PATH;
    }
    assert.equal(complaints.length, 1);
  });

  it('saves the last output of a container that ends while podwright is dead', async () => {
    const stateDir = path.join(dir, 'state');
    const fifos = makeFifos(stateDir, { stdout: true, stderr: true });
    const spec = { containerId: 'a', stdout: fifos.stdout ?? '', stderr: fifos.stderr ?? '', logPath: path.join(dir, '0.log'), stateDir };
    const podwright = spawn(
      process.execPath,
      ['--import', 'tsx', 'test/support/log-pump-process.ts', JSON.stringify(spec), 'hold', dir],
      { stdio: ['ignore', 'pipe', 'inherit'] },
    );
    await once(podwright.stdout, 'data');
    // As the shim, it has both ends.
    const shim = fs.openSync(spec.stdout, fs.constants.O_RDWR);
    fs.writeSync(shim, 'first\nsecond h');
    await eventually('the log has a line', () => fs.existsSync(spec.logPath) && fs.statSync(spec.logPath).size > 0);
    podwright.kill('SIGKILL');
    await once(podwright, 'exit');
    fs.writeSync(shim, 'alf\nthird\n');
    writeAndEnd(spec.stderr, 'oops\n');
    fs.closeSync(shim);

    const pump = new LogPump(silentLog, systemClock(), { holder, workerUrl: logWorkerUrl });
    pump.start();
    await pump.open(spec);
    await holder.takeOver();
    await pump.drained('a');
    await pump.close('a');
    await pump.stop();
    const records = readRecords(spec.logPath);
    assert.equal(streamText(records, 'stdout'), 'first\nsecond half\nthird\n');
    assert.equal(streamText(records, 'stderr'), 'oops\n');
    await tidied();
    await eventually('there is no process', async () => (await holders()).length === 0);
  });
});
