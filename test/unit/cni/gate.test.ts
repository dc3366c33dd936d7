import assert from 'node:assert/strict';
import fc from 'fast-check';
import { Gate } from '../../../src/cni/gate.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { isKind } from '../../../src/lib/errors.ts';

describe('the gate between GC and the rest', () => {
  it('lets shared acts run beside each other', async () => {
    const gate = new Gate();
    const first = deferred();
    const running = gate.shared(() => first.promise);
    await gate.shared(async () => {});
    first.resolve();
    await running;
  });

  it('holds a shared act back while an exclusive one runs, and not while it waits', async () => {
    const gate = new Gate();
    const [slow, begun, alone] = [deferred(), deferred(), deferred()];
    const done: string[] = [];
    const shared = gate.shared(() => slow.promise);
    const exclusive = gate.exclusive(async () => {
      done.push('exclusive');
      begun.resolve();
      await alone.promise;
    });
    await gate.shared(async () => void done.push('beside'));
    slow.resolve();
    await Promise.all([shared, begun.promise]);
    const later = gate.shared(async () => void done.push('after'));
    alone.resolve();
    await Promise.all([exclusive, later]);
    assert.deepEqual(done, ['beside', 'exclusive', 'after']);
  });

  it('opens again after an act that fails', async () => {
    const gate = new Gate();
    await assert.rejects(gate.exclusive(() => Promise.reject(new Error('no'))));
    await assert.rejects(gate.shared(() => Promise.reject(new Error('no'))));
    assert.equal(await gate.exclusive(async () => 1), 1);
  });

  it('lets an exclusive act give up waiting', async () => {
    const gate = new Gate();
    const slow = deferred();
    const running = gate.shared(() => slow.promise);
    const caller = new AbortController();
    const waiting = gate.exclusive(async () => assert.fail('ran'), caller.signal);
    caller.abort();
    await assert.rejects(waiting, (error) => isKind(error, 'canceled'));
    slow.resolve();
    await running;
    assert.equal(await gate.exclusive(async () => 1), 1);
  });

  it('never lets an exclusive act run beside another, whatever the order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.boolean(), { maxLength: 20 }), fc.scheduler(), async (kinds, scheduler) => {
        const gate = new Gate();
        let [shared, exclusive] = [0, 0];
        const acts = kinds.map((alone) =>
          alone
            ? gate.exclusive(async () => {
                exclusive++;
                assert.deepEqual([shared, exclusive], [0, 1]);
                await scheduler.schedule(Promise.resolve());
                exclusive--;
              })
            : gate.shared(async () => {
                shared++;
                assert.equal(exclusive, 0);
                await scheduler.schedule(Promise.resolve());
                shared--;
              }),
        );
        await scheduler.waitFor(Promise.all(acts));
        assert.deepEqual([shared, exclusive], [0, 0]);
      }),
      { numRuns: 50 },
    );
  });
});
