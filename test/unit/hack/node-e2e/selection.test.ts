import { strict as assert } from 'node:assert';
import { choosePart, isOurs } from '../../../../hack/node-e2e/selection.ts';

describe("the choice of the node suite's specs", () => {
  it('takes those of NodeConformance that can run beside others', () => {
    const names = [
      '[sig-node] Pods should run [NodeConformance] [Conformance]',
      '[sig-node] Pods should run [Conformance]',
      '[sig-node] Pods should run [Serial] [NodeConformance]',
      '[sig-node] Pods should run [NodeConformance] [Slow]',
      '[sig-node] Pods should run [NodeConformance] [Flaky]',
    ];
    assert.deepEqual(names.filter(isOurs), names.slice(0, 1));
  });

  it('puts each spec into exactly one part, whatever order they come in', () => {
    const names = Array.from({ length: 20 }, (_, i) => `spec ${String.fromCharCode(97 + i)}`);
    const parts = ['1/3', '2/3', '3/3'].map((part) => choosePart(names.toReversed(), part));
    assert.deepEqual(parts.flat().sort(), names);
    assert.deepEqual(parts.map((part) => part.length), [7, 7, 6]);
  });

  for (const part of ['0/3', '4/3', '3', 'a/b', '']) {
    it(`refuses "${part}" as a part`, () => assert.throws(() => choosePart(['a'], part), /no part of the suite/));
  }
});
