import { strict as assert } from 'node:assert';
import type { NotRun } from '../../../../hack/critest/not-run.ts';
import { judge, parseReport, type Spec } from '../../../../hack/critest/report.ts';

const spec = (name: string, state: string, message = ''): Spec => ({ name, state, message, attempts: 1, group: name.split(' ').slice(0, -1).join(' ') });
const listed = (name: string): NotRun => ({ spec: name, reason: 'why', isOurChoice: true });
const whole = { listPath: 'list.md', isWhole: true };

describe("ginkgo's report", () => {
  it('has a full name and a state for each spec, and not what is set up around them', () => {
    const json = JSON.stringify([
      {
        SpecReports: [
          { ContainerHierarchyTexts: null, LeafNodeType: 'BeforeSuite', LeafNodeText: '', State: 'passed' },
          { ContainerHierarchyTexts: ['[k8s.io] A', '', 'b'], LeafNodeType: 'It', LeafNodeText: 'c', State: 'passed' },
          { ContainerHierarchyTexts: ['A'], LeafNodeType: 'It', LeafNodeText: 'd', State: 'skipped', Failure: { Message: 'no d' } },
          { ContainerHierarchyTexts: null, LeafNodeType: 'It', LeafNodeText: 'e', State: 'failed' },
        ],
      },
    ]);
    assert.deepEqual(parseReport(json), [spec('[k8s.io] A b c', 'passed'), spec('A d', 'skipped', 'no d'), spec('e', 'failed')]);
  });
});

describe('the judgement of a run', () => {
  it('finds nothing where all passed but what is listed', () => {
    assert.deepEqual(judge([spec('a', 'passed'), spec('b', 'skipped'), spec('c', 'pending')], [listed('b'), listed('c')], whole), []);
  });

  it('finds nothing where one that is listed ran and passed, as on a machine that has more', () => {
    assert.deepEqual(judge([spec('a', 'passed')], [listed('a')], whole), []);
  });

  for (const state of ['failed', 'panicked', 'timedout', 'interrupted', 'aborted']) {
    it(`finds a spec that ${state}, listed or not`, () => {
      assert.deepEqual(judge([spec('a', state), spec('b', state)], [listed('b')], whole), [`${state}: a`, `${state}: b`]);
    });
  }

  it('finds one more that did not run, with its own reason', () => {
    assert.deepEqual(judge([spec('a', 'skipped', 'no such kernel')], [], whole), [
      'did not run and is not in list.md: a (no such kernel)',
    ]);
  });

  it('finds one on the list that does not exist', () => {
    assert.deepEqual(judge([spec('a', 'passed')], [listed('gone')], whole), ['is in list.md and critest has no such spec: gone']);
  });

  it('finds that specs are missing of which nothing is on the list', () => {
    assert.deepEqual(judge([spec('a', 'passed')], [], { ...whole, count: 2 }), ['critest has 1 specs, and list.md speaks of 2']);
    assert.deepEqual(judge([spec('a', 'passed'), spec('b', 'passed')], [], { ...whole, count: 2 }), []);
    assert.deepEqual(judge([spec('a', 'passed'), spec('b', 'passed')], [], { ...whole, count: 1 }), []);
  });

  it('finds that none ran of those that were asked for', () => {
    assert.deepEqual(judge([spec('a', 'skipped')], [], { ...whole, isWhole: false }), ['no spec ran']);
  });

  it('speaks only of what ran where part of the specs was asked for', () => {
    const specs = [spec('a', 'failed'), spec('b', 'skipped')];
    assert.deepEqual(judge(specs, [listed('gone')], { ...whole, isWhole: false }), ['failed: a']);
  });
});
