import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import { parseNotRun, parseSpecCount } from '../../../../hack/critest/not-run.ts';

describe('the list of specs that do not run', () => {
  it('has the reason of its heading for each spec', () => {
    const list = parseNotRun('# Title\n\n## Left out\n\nAbout it.\n\n### A\n\nOne\nreason.\n\n- `a [b] c`\n- `d`\n\n### B\n\nAnother.\n\n- `e`\n');
    assert.deepEqual(list, [
      { spec: 'a [b] c', reason: 'One reason.', isOurChoice: true },
      { spec: 'd', reason: 'One reason.', isOurChoice: true },
      { spec: 'e', reason: 'Another.', isOurChoice: true },
    ]);
  });

  it('tells what we leave out from what skips itself', () => {
    const list = parseNotRun('## Left out\n### A\nWhy.\n- `a`\n## Skipped by critest itself\n### B\nWhy.\n- `b`\n');
    assert.deepEqual(list.map(({ spec, isOurChoice }) => [spec, isOurChoice]), [['a', true], ['b', false]]);
  });

  it('takes nothing from other sections', () => {
    assert.deepEqual(parseNotRun('- `a`\n## Another\nText.\n- `b`\n## Left out\n### A\nText.\n## More\n- `c`\n'), []);
  });

  it('is refused when a spec has no reason', () => {
    assert.throws(() => parseNotRun('## Left out\n### A\nWhy.\n- `a`\n### B\n- `b`\n'), /"b".*without a reason/);
  });

  it('goes with the number of all specs', () => {
    assert.equal(parseSpecCount('# Title\n\ncritest has 12 specs, of which\n'), 12);
    assert.throws(() => parseSpecCount('# Title\n'), /how many specs/);
  });

  it('is what docs/conformance.md has, each spec once', async () => {
    const text = await readFile('docs/conformance.md', 'utf8');
    const list = parseNotRun(text).map(({ spec }) => spec);
    assert.ok(parseSpecCount(text) > 100);
    assert.ok(list.length <= 15, 'one more that does not run is one less that is kept: this is to be seen');
    assert.notEqual(list.length, 0);
    assert.deepEqual(list, [...new Set(list)]);
    assert.ok(list.every((spec) => spec.startsWith('[k8s.io] ')), list.join('\n'));
  });
});
