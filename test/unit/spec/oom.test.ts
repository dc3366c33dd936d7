import assert from 'node:assert/strict';

import { clampOomScoreAdj } from '../../../src/spec/oom.ts';
import { invalid } from './fixtures.ts';

describe('an OOM score', () => {
  const table: [number, number, boolean, number][] = [
    [-998, 0, true, -998],
    [-998, 0, false, 0],
    [-998, -500, false, -500],
    [1000, 0, false, 1000],
    [2, 2, false, 2],
  ];
  for (const [wanted, ownOomScoreAdj, canLowerOomScore, expected] of table) {
    it(`of ${wanted} is ${expected} for a daemon at ${ownOomScoreAdj} that ${canLowerOomScore ? 'may' : 'may not'} go lower`, () => {
      assert.equal(clampOomScoreAdj(wanted, { ownOomScoreAdj, canLowerOomScore }), expected);
    });
  }

  it('outside of the kernel’s range is refused', () => {
    for (const wanted of [-1001, 1001, Number.NaN]) {
      assert.throws(() => clampOomScoreAdj(wanted, { ownOomScoreAdj: 0, canLowerOomScore: true }), invalid('oom_score_adj'));
    }
  });
});
