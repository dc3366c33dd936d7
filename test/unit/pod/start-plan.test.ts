import assert from 'node:assert/strict';
import { CodedError } from '../../../src/lib/errors.ts';
import { deferred } from '../../../src/lib/deferred.ts';
import { silentLog } from '../../../src/lib/log.ts';
import { Undo } from '../../../src/lib/undo.ts';
import { runPlan, type Step } from '../../../src/pod/start-plan.ts';

const undoOf = (): Undo => new Undo(silentLog);

describe('a plan of steps', () => {
  it('runs side by side what does not need each other, and the rest in order', async () => {
    const order: string[] = [];
    const slow = deferred();
    const steps: Step[] = [
      { name: 'slow', run: () => slow.promise },
      { name: 'quick', run: () => void order.push('quick') },
      { name: 'after quick', needs: ['quick'], run: () => (order.push('after quick'), slow.resolve()) },
      { name: 'last', needs: ['slow', 'after quick'], run: () => void order.push('last') },
    ];
    const times = await runPlan(steps, undoOf());
    assert.deepEqual(order, ['quick', 'after quick', 'last']);
    assert.deepEqual(Object.keys(times).toSorted(), ['after quick', 'last', 'quick', 'slow']);
  });

  it('fails with the first failure, tells the others to stop and waits for them', async () => {
    const stopped = deferred();
    let ended = false;
    const steps: Step[] = [
      {
        name: 'long',
        run: async (signal) => {
          signal.addEventListener('abort', () => stopped.resolve());
          await stopped.promise;
          ended = true;
        },
      },
      {
        name: 'failing',
        run: () => {
          throw new CodedError('unavailable', 'no such network');
        },
      },
      { name: 'never', needs: ['failing'], run: () => assert.fail('ran although what it needs had failed') },
    ];
    await assert.rejects(runPlan(steps, undoOf()), { kind: 'unavailable', message: 'no such network' });
    assert.equal(ended, true);
  });

  it('leaves the way back on the undo stack, the last step first, with the failed step among them', async () => {
    const undone: string[] = [];
    const undo = undoOf();
    const step = (name: string, needs: string[], run: () => void): Step => ({
      name,
      needs,
      run,
      undo: { what: `undo ${name}`, act: () => void undone.push(name) },
    });
    const steps = [
      step('one', [], () => {}),
      step('two', ['one'], () => {}),
      step('three', ['two'], () => {
        throw new Error('half done');
      }),
      step('four', ['three'], () => {}),
    ];
    await assert.rejects(runPlan(steps, undo), /half done/);
    assert.deepEqual(await undo.unwind(), []);
    assert.deepEqual(undone, ['three', 'two', 'one']);
  });

  it('starts nothing more once its signal aborts', async () => {
    const stop = new AbortController();
    const steps: Step[] = [
      { name: 'one', run: () => stop.abort(new CodedError('deadlineExceeded', 'too late')) },
      { name: 'two', needs: ['one'], run: () => assert.fail('ran after the abort') },
    ];
    await assert.rejects(runPlan(steps, undoOf(), stop.signal), { kind: 'deadlineExceeded' });
  });

  it('refuses a step that needs one standing behind it or nowhere', async () => {
    await assert.rejects(runPlan([{ name: 'a', needs: ['b'], run: () => {} }], undoOf()), /needs "b"/);
  });
});

describe('the undo stack', () => {
  it('goes on past a step that fails and names it', async () => {
    const undo = undoOf();
    const done: string[] = [];
    undo.push('first', () => void done.push('first'));
    undo.push('second', () => {
      throw new Error('stuck');
    });
    undo.push('third', () => void done.push('third'));
    assert.deepEqual(await undo.unwind(), ['second']);
    assert.deepEqual(done, ['third', 'first']);
  });
});
