import assert from 'node:assert/strict';
import { deferred } from '../../../src/lib/deferred.ts';
import { isKind } from '../../../src/lib/errors.ts';
import { Permits } from '../../../src/lib/permits.ts';

describe('permits', () => {
  const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('let no more than so many run at a time, the others in the order they came', async () => {
    const permits = new Permits(2);
    const gates = Array.from({ length: 4 }, () => deferred<void>());
    const began: number[] = [];
    const all = gates.map((gate, number) =>
      permits.run(undefined, 'act', async () => {
        began.push(number);
        await gate.promise;
      }),
    );
    await settle();
    assert.deepEqual(began, [0, 1]);
    gates[1]?.resolve();
    await settle();
    assert.deepEqual(began, [0, 1, 2]);
    for (const gate of gates) gate.resolve();
    await Promise.all(all);
    assert.deepEqual(began, [0, 1, 2, 3]);
  });

  it('go on after an act that failed, and after one that gave up waiting', async () => {
    const permits = new Permits(1);
    const gate = deferred<void>();
    const failing = permits.run(undefined, 'act', async () => {
      await gate.promise;
      throw new Error('broken');
    });
    const impatient = new AbortController();
    const given = permits.run(impatient.signal, 'wait', async () => 'never');
    const last = permits.run(undefined, 'act', async () => 'done');
    await settle();
    impatient.abort();
    await assert.rejects(given, (error) => isKind(error, 'canceled'));
    gate.resolve();
    await assert.rejects(failing, /broken/);
    assert.equal(await last, 'done');
    assert.equal(await permits.run(undefined, 'act', async () => 'again'), 'again');
  });

  it('are without number where the limit is 0', async () => {
    const permits = new Permits(0);
    const gate = deferred<void>();
    let running = 0;
    const all = Array.from({ length: 50 }, () =>
      permits.run(undefined, 'act', async () => {
        running += 1;
        await gate.promise;
      }),
    );
    await settle();
    assert.equal(running, 50);
    gate.resolve();
    await Promise.all(all);
  });
});
