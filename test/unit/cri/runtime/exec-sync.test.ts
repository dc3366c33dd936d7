import assert from 'node:assert/strict';
import fc from 'fast-check';
import { fitOutput } from '../../../../src/cri/runtime/exec-sync.ts';

describe('the output of ExecSync', () => {
  const lengths = (out: number, err: number, room: number): number[] => {
    const { stdout, stderr } = fitOutput(Buffer.alloc(out), Buffer.alloc(err), room);
    return [stdout.length, stderr.length];
  };

  it('is whole where it fits into one message', () => {
    assert.deepEqual(lengths(6, 4, 10), [6, 4]);
    assert.deepEqual(lengths(0, 10, 10), [0, 10]);
  });

  it('is cut where it is the longer one', () => {
    assert.deepEqual(lengths(20, 0, 10), [10, 0]);
    assert.deepEqual(lengths(2, 20, 10), [2, 8]);
    assert.deepEqual(lengths(20, 20, 10), [5, 5]);
  });

  it('always fits, and loses nothing while there is room', () => {
    const size = fc.nat({ max: 40 });
    fc.assert(
      fc.property(size, size, size, (out, err, room) => {
        const [stdout = 0, stderr = 0] = lengths(out, err, room);
        assert.ok(stdout <= out && stderr <= err && stdout + stderr === Math.min(out + err, room));
      }),
    );
  });
});
