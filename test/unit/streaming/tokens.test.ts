import assert from 'node:assert/strict';
import { isKind } from '../../../src/lib/errors.ts';
import { maxTokens, tokenLifeMs, Tokens } from '../../../src/streaming/tokens.ts';

describe('tokens for streams', () => {
  let nowMs = 0;
  const make = (): Tokens<string> => new Tokens(() => nowMs);

  it('are long, different, and fit into a URL', () => {
    const tokens = make();
    const issued = Array.from({ length: 100 }, () => tokens.issue('x'));
    assert.equal(new Set(issued).size, 100);
    for (const token of issued) assert.match(token, /^[\w-]{32}$/);
  });

  it('hold until they are used', () => {
    const tokens = make();
    const token = tokens.issue('target');
    assert.equal(tokens.peek(token), 'target');
    assert.equal(tokens.peek(token), 'target');
    tokens.use(token);
    assert.equal(tokens.peek(token), undefined);
  });

  it('hold for a minute', () => {
    const tokens = make();
    const token = tokens.issue('target');
    nowMs += tokenLifeMs - 1;
    assert.equal(tokens.peek(token), 'target');
    nowMs += 1;
    assert.equal(tokens.peek(token), undefined);
    assert.equal(tokens.size, 0);
  });

  it('are refused when too many wait, until some have been used or are too old', () => {
    const tokens = make();
    const first = tokens.issue('x');
    for (let i = 1; i < maxTokens; i++) tokens.issue('x');
    const refuses = (): void => assert.throws(() => tokens.issue('x'), (error) => isKind(error, 'resourceExhausted'));
    refuses();
    tokens.use(first);
    tokens.issue('x');
    refuses();
    nowMs += tokenLifeMs;
    tokens.issue('x');
    assert.equal(tokens.size, 1);
  });
});
