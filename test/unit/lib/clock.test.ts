import assert from 'node:assert/strict';
import { isWithin, systemClock } from '../../../src/lib/clock.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { ManualClock } from '../../support/manual-clock.ts';

describe('the real clock', () => {
  it('tells two moments apart however close they are', () => {
    const clock = systemClock();
    const moments = Array.from({ length: 1000 }, () => clock.nowNs());
    assert.equal(new Set(moments).size, moments.length);
    assert.deepEqual(moments.toSorted((a, b) => (a < b ? -1 : 1)), moments);
  });

  it('sleeps longer than one of Node’s timers can: a grace period of a year is no mistake', async () => {
    const clock = systemClock();
    const morning = new AbortController();
    const yearMs = 365 * 24 * 3600 * 1000;
    const asleep = clock.sleep(yearMs, morning.signal);
    const first = await Promise.race([asleep.then(() => 'woken'), clock.sleep(5).then(() => 'asleep')]);
    assert.equal(first, 'asleep');
    morning.abort(new Error('morning'));
    await assert.rejects(asleep, /morning/);
  });

  it('does not begin to sleep when it is told to stop already', async () => {
    await assert.rejects(systemClock().sleep(1000, AbortSignal.abort(new Error('stop'))), /stop/);
  });
});

describe('what is waited for within a time', () => {
  it('is told when it comes, and the clock is let go', async () => {
    const clock = new ManualClock();
    const came = deferred<void>();
    const within = isWithin(clock, 100, came.promise);
    came.resolve();
    assert.equal(await within, true);
    assert.equal(clock.sleeping, 0);
  });

  it('is told when it does not', async () => {
    const clock = new ManualClock();
    const within = isWithin(clock, 100, new Promise(() => {}));
    clock.advance(99);
    assert.equal(clock.sleeping, 1);
    clock.advance(1);
    assert.equal(await within, false);
  });

  it('fails as it does, and the clock is let go', async () => {
    const clock = new ManualClock();
    await assert.rejects(isWithin(clock, 100, Promise.reject(new Error('broken'))), /broken/);
    assert.equal(clock.sleeping, 0);
  });
});
