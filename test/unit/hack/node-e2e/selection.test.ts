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

  it('puts each group as a whole into exactly one part, whatever order they come in', () => {
    const groups = Array.from({ length: 20 }, (_, i) => `group ${String.fromCharCode(97 + i)}`);
    const specs = groups.flatMap((group) => [1, 2].map((number) => ({ group, name: `${group} spec ${number}` })));
    const parts = ['1/3', '2/3', '3/3'].map((part) => choosePart(specs.toReversed(), part));
    assert.deepEqual(parts.flat().sort(), specs.map(({ name }) => name));
    assert.deepEqual(parts.map((part) => part.length), [14, 14, 12]);
    for (const part of parts) assert.ok(part.every((name) => part.includes(name.replace(/.$/, '1'))));
  });

  for (const part of ['0/3', '4/3', '3', 'a/b', '']) {
    it(`refuses "${part}" as a part`, () => assert.throws(() => choosePart([{ group: 'a', name: 'a b' }], part), /no part of the suite/));
  }
});
