import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { ContainerLog, makeLogBuffers } from '../../../src/io/container-log.ts';
import type { ContainerLogSpec } from '../../../src/io/log-messages.ts';
import type { Clock } from '../../../src/lib/clock.ts';
import { mkfifo } from '../../../src/linux/libc.ts';
import { LogStage } from '../../../src/io/log-stage.ts';
import { readRecords, streamText } from '../../support/log-records.ts';

const buffers = makeLogBuffers();

/** A clock that never says the same twice, so that a record that is made again under another time shows. */
function countingClock(): Clock {
  let nowNs = 1_763_719_200_000_000_000n;
  return { nowNs: () => (nowNs += 1_000_001n), sleep: () => Promise.reject(new Error('nothing waits here')) };
}

/** A container's folders and FIFO, and a shim's hold on both ends of it. */
class World {
  readonly dir = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-log-'));
  readonly spec: ContainerLogSpec;
  readonly shim: number;
  readonly #clock = countingClock();

  constructor() {
    const fifo = path.join(this.dir, 'stdout');
    mkfifo(fifo, 0o600);
    this.spec = { containerId: 'c', stdout: fifo, logPath: path.join(this.dir, '0.log'), stateDir: this.dir };
    this.shim = fs.openSync(fifo, fs.constants.O_RDWR);
  }

  open(): ContainerLog {
    return new ContainerLog(this.spec, buffers, this.#clock, { dropped: () => {}, warning: assert.fail });
  }

  /** Writes and has it pumped. */
  put(log: ContainerLog, data: string | Buffer): void {
    fs.writeSync(this.shim, Buffer.from(data));
    for (const source of log.open) while (log.pump(source) === 'more');
  }

  log(): Buffer {
    return fs.readFileSync(this.spec.logPath);
  }

  remove(): void {
    fs.closeSync(this.shim);
    fs.rmSync(this.dir, { recursive: true });
  }
}

/** Lets go of descriptors without telling anything to the state on disk, as a kill does. */
function kill(log: ContainerLog, state: () => void): void {
  state();
  for (const source of log.open) source.close();
}

describe("a container's log after a kill", () => {
  let world: World;
  beforeEach(() => (world = new World()));
  afterEach(() => world.remove());

  it('has each byte once, wherever within the write of a batch the kill came', () => {
    const line = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
    const chunk = fc.array(line, { minLength: 1, maxLength: 20 }).map((lines) => Buffer.concat(lines.flatMap((l) => [l, Buffer.from('\n')])));
    fc.assert(
      fc.property(chunk, chunk, fc.nat(), (first, second, cut) => {
        const each = new World();
        const log = each.open();
        each.put(log, first);
        const before = each.log().length;
        each.put(log, second);
        const whole = each.log();
        // The journal was written before the batch; any part of the batch may be in the log.
        kill(log, () => fs.truncateSync(each.spec.logPath, before + (cut % (whole.length - before + 1))));
        const next = each.open();
        assert.deepEqual(each.log(), whole, 'the very same bytes, times included');
        each.put(next, 'after\n');
        assert.equal(readRecords(each.spec.logPath).at(-1)?.content.toString(), 'after');
        next.leave();
        each.remove();
      }),
      { numRuns: 50 },
    );
  });

  it('has what was taken from the FIFO and not yet looked at', () => {
    const log = world.open();
    world.put(log, 'one\ntw');
    kill(log, () => {
      const stage = new LogStage(path.join(world.dir, 'log.stdout'));
      const [source] = log.open;
      fs.writeSync(world.shim, 'o\nthree\nfo');
      stage.take(source?.fifoFd ?? -1, 1000);
      stage.close();
    });
    const next = world.open();
    assert.equal(streamText(readRecords(world.spec.logPath), 'stdout'), 'one\ntwo\nthree\n');
    world.put(next, 'ur\n');
    assert.equal(streamText(readRecords(world.spec.logPath), 'stdout'), 'one\ntwo\nthree\nfour\n');
    next.leave();
  });

  it('does not repeat a batch when the log was rotated in good order before', () => {
    const log = world.open();
    world.put(log, 'one\n');
    fs.renameSync(world.spec.logPath, `${world.spec.logPath}.1`);
    log.reopen();
    kill(log, () => {});
    world.open().leave();
    assert.equal(world.log().length, 0);
    assert.equal(readRecords(`${world.spec.logPath}.1`).length, 1);
  });

  it('does not repeat a batch when the log was emptied by somebody and time has passed', () => {
    const log = world.open();
    world.put(log, 'one\n');
    log.tick();
    kill(log, () => fs.truncateSync(world.spec.logPath));
    world.open().leave();
    assert.equal(world.log().length, 0);
  });

  it('ends with an unfinished line once, though the kill came right after its end was seen', () => {
    const log = world.open();
    world.put(log, 'no end');
    fs.closeSync(world.shim);
    for (const source of log.open) log.finish(source);
    kill(log, () => {});
    const next = world.open();
    for (const source of next.open) next.finish(source);
    assert.ok(next.ended);
    assert.equal(streamText(readRecords(world.spec.logPath), 'stdout'), 'no end');
    next.close();
    assert.deepEqual(fs.readdirSync(world.dir).toSorted(), ['0.log', 'stdout']);
    Object.assign(world, { shim: fs.openSync('/dev/null', 'r') });
  });

  it('gives the memory of its stage back while it goes on', () => {
    const log = world.open();
    for (let i = 0; i < 100; i++) world.put(log, `${'x'.repeat(99)}\n`.repeat(500));
    const stage = fs.statSync(path.join(world.dir, 'log.stdout'));
    assert.equal(stage.size, 100 * 50_000);
    assert.ok(stage.blocks * 512 < 300_000, `${stage.blocks * 512} bytes are held`);
    log.leave();
  });
});
