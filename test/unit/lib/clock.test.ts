import assert from 'node:assert/strict';
import { systemClock } from '../../../src/lib/clock.ts';

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
