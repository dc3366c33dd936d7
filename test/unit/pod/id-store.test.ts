import assert from 'node:assert/strict';
import { IdStore } from '../../../src/pod/id-store.ts';

const storeOf = (...ids: string[]): IdStore<{ readonly id: string }> => {
  const store = new IdStore<{ readonly id: string }>('container');
  for (const id of ids) store.add({ id });
  return store;
};

describe('finding by id', () => {
  it('takes a whole id or a prefix that fits one', () => {
    const store = storeOf('abc1', 'abd2');
    assert.equal(store.get('abc1').id, 'abc1');
    assert.equal(store.get('abd').id, 'abd2');
  });

  it('prefers the whole id to what it is a prefix of', () => {
    assert.equal(storeOf('ab', 'abc').get('ab').id, 'ab');
  });

  it('refuses a prefix that fits two and lists both', () => {
    assert.throws(() => storeOf('abc1', 'abd2').find('ab'), { kind: 'invalidArgument', message: /abc1, abd2/ });
  });

  it('finds nothing by the empty string, not even the only one there is', () => {
    assert.equal(storeOf('abc1').find(''), undefined);
    assert.throws(() => storeOf('abc1').get(''), { kind: 'notFound' });
  });
});

describe('counting what was removed', () => {
  it('counts what was there, once', () => {
    const store = storeOf('one', 'two');
    for (const id of ['one', 'one', 'three']) store.delete(id);
    assert.equal(store.removals, 1);
  });
});
