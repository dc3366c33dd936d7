import { strict as assert } from 'node:assert';
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { judgeSuite, parseExpectations } from '../../../../hack/node-e2e/expectations.ts';
import type { Spec } from '../../../../hack/critest/report.ts';

const markdown = `
# Conformance

## Left out
- \`a spec of another suite\`

## Kubernetes' node suite

Words about it.

### A kernel without something

It has it not, and
that is that.

| spec | podwright | containerd |
|---|---|---|
| \`needs [it]\` | fails | fails |
| \`wants it\` | passes | fails |

### A machine without something

It skips itself.

| spec | podwright | containerd |
|---|---|---|
| \`asks for it\` | skips | skips |

## Something else
`;

function judge(specs: readonly Pick<Spec, 'name' | 'state'>[], runtime: 'podwright' | 'containerd' = 'podwright'): string[] {
  return judgeSuite({
    specs: specs.map((spec) => ({ attempts: 1, message: '', group: '', ...spec })),
    chosen: specs.map(({ name }) => name),
    all: ['needs [it]', 'wants it', 'asks for it', 'runs'],
    expectations: parseExpectations(markdown),
    runtime,
    listPath: 'LIST',
  });
}

describe("what is expected of the node suite's specs", () => {
  it('is read out of the tables of its section', () => {
    assert.deepEqual(parseExpectations(markdown), [
      { spec: 'needs [it]', reason: 'It has it not, and that is that.', endings: { podwright: 'fails', containerd: 'fails' } },
      { spec: 'wants it', reason: 'It has it not, and that is that.', endings: { podwright: 'passes', containerd: 'fails' } },
      { spec: 'asks for it', reason: 'It skips itself.', endings: { podwright: 'skips', containerd: 'skips' } },
    ]);
  });

  it('cannot be a word that nobody knows', () => {
    assert.throws(() => parseExpectations(markdown.replace('fails | fails', 'fails | maybe')), /not "maybe"/);
    assert.throws(() => parseExpectations(markdown.replace('fails | fails |', 'fails |')), /no row of a spec/);
  });

  it('has a reason', () => {
    assert.throws(() => parseExpectations(markdown.replace('It skips itself.', '')), /without a reason/);
  });

  it('is never worse on podwright than on containerd', async () => {
    const list = await readFile(path.join(import.meta.dirname, '../../../../docs/conformance.md'), 'utf8');
    const worse = parseExpectations(list).filter(({ endings }) => endings.containerd === 'passes' && endings.podwright !== 'passes');
    assert.deepEqual(worse, []);
  });

  it('is met by specs that pass, and by those that end as they are listed', () => {
    assert.deepEqual(judge([{ name: 'runs', state: 'passed' }, { name: 'needs [it]', state: 'failed' }, { name: 'asks for it', state: 'skipped' }]), []);
    assert.deepEqual(judge([{ name: 'wants it', state: 'failed' }], 'containerd'), []);
  });

  it('is not met by a spec that ends in another way', () => {
    assert.deepEqual(judge([{ name: 'runs', state: 'timedout' }]), ['fails and passes in LIST: runs']);
    assert.deepEqual(judge([{ name: 'runs', state: 'skipped' }]), ['skips and passes in LIST: runs']);
    assert.deepEqual(judge([{ name: 'needs [it]', state: 'passed' }]), ['passes and fails in LIST: needs [it]']);
    assert.deepEqual(judge([{ name: 'wants it', state: 'failed' }]), ['fails and passes in LIST: wants it']);
  });

  it('is not met by a spec that did not run, nor by a list that names what is not there', () => {
    const run = { specs: [], expectations: parseExpectations(markdown), runtime: 'podwright', listPath: 'LIST' } as const;
    const all = ['needs [it]', 'wants it', 'runs'];
    assert.deepEqual(judgeSuite({ ...run, chosen: ['runs'], all }), [
      'did not run: runs',
      'is in LIST and the suite has no such spec: asks for it',
    ]);
  });
});
