import assert from 'node:assert/strict';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { ConfWatcher } from '../../../src/cni/conf-watcher.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { ManualClock } from '../../support/manual-clock.ts';

const pollMs = 10_000;
const settleMs = 50;

describe('the watch over the network configuration', () => {
  let parent = '';
  let folder = '';
  let clock: ManualClock;
  let watcher: ConfWatcher;
  let changes: number;

  beforeEach(async () => {
    parent = await mkdtemp(path.join(tmpdir(), 'podwright-watch-'));
    folder = path.join(parent, 'net.d');
    await mkdir(folder);
    clock = new ManualClock();
    watcher = new ConfWatcher({ confDir: folder, log: silentLog, clock, pollMs, settleMs });
    changes = 0;
    watcher.onChange(() => changes++);
  });

  afterEach(async () => {
    await watcher.stop();
    await rm(parent, { recursive: true });
  });

  const put = async (name: string, file = '10-net.conflist') => {
    await writeFile(path.join(folder, file), JSON.stringify({ name, cniVersion: '1.0.0', plugins: [{ type: 'bridge' }] }));
  };

  /** Turns the event loop until `met`, with the time going on by `stepMs` each turn. */
  const until = async (met: () => boolean, stepMs: number) => {
    while (!met()) {
      clock.advance(stepMs);
      await turn();
    }
  };
  /** Waits for inotify alone: time goes on, but never as far as the next look. */
  const untilNoticed = async (name: string | undefined) => {
    let leftMs = pollMs - 2 * settleMs;
    while (watcher.current?.name !== name) {
      if (clock.sleeping > 1 && leftMs > 0) {
        clock.advance(settleMs);
        leftMs -= settleMs;
      }
      await turn();
    }
  };
  /** Lets the next look come, without an event. */
  const untilLooked = (name: string | undefined) => until(() => watcher.current?.name === name, pollMs);

  it('has the network once started', async () => {
    await put('net');
    await watcher.start();
    assert.equal(watcher.current?.name, 'net');
    assert.equal(watcher.whyNone, undefined);
    assert.equal(changes, 1);
  });

  it('says why there is none', async () => {
    await watcher.start();
    assert.equal(watcher.whyNone, `no network configuration (*.conflist, *.conf, *.json) in ${folder}`);
    await assert.rejects(watcher.network(), (error) => isKind(error, 'failedPrecondition') && /no network configuration/.test(String(error)));
  });

  it('finds one that was written just now for whoever asks for it', async () => {
    await watcher.start();
    await put('net');
    assert.equal((await watcher.network()).name, 'net');
  });

  it('notices a file that is written, changed, put before another and deleted', async () => {
    await watcher.start();
    await put('net');
    await untilNoticed('net');
    await put('changed');
    await untilNoticed('changed');
    await put('first', '00-first.conflist');
    await untilNoticed('first');
    await rm(path.join(folder, '00-first.conflist'));
    await untilNoticed('changed');
  });

  it('finds a folder that did not exist at the start', async () => {
    await rm(folder, { recursive: true });
    await watcher.start();
    await mkdir(folder);
    await put('net');
    await untilLooked('net');
    await put('changed');
    await untilNoticed('changed');
  });

  it('finds a folder that was deleted and made again', async () => {
    await put('net');
    await watcher.start();
    await rm(folder, { recursive: true });
    await untilLooked(undefined);
    await mkdir(folder);
    await put('again');
    await untilLooked('again');
  });

  it('finds another folder in its place', async () => {
    await put('net');
    await watcher.start();
    await rename(folder, path.join(parent, 'old'));
    await mkdir(folder);
    await put('new');
    await untilLooked('new');
    await put('newer');
    await untilNoticed('newer');
  });

  it('tells of changes, and not of looks that found none', async () => {
    await put('net');
    await watcher.start();
    await watcher.refresh();
    await put('net');
    await watcher.refresh();
    assert.equal(changes, 1);
    await put('other');
    await watcher.refresh();
    assert.equal(changes, 2);
  });

  it('stops at once, whatever it waits for', async () => {
    await watcher.start();
    await watcher.stop();
    assert.equal(clock.sleeping, 0);
  });
});
