import assert from 'node:assert/strict';
import { CpuRates } from '../../../src/pod/cpu-rates.ts';

const second = 1_000_000_000n;

describe('a CPU rate', () => {
  const of = {};
  let rates: CpuRates;
  beforeEach(() => {
    rates = new CpuRates();
  });
  const look = (atSeconds: bigint, usageNs: bigint, sinceSeconds = 1000n): bigint | undefined =>
    rates.take(of, { atNs: atSeconds * second, usageNs }, sinceSeconds * second);

  it('is what was used between two looks over the time between them', () => {
    look(2000n, 50n * second);
    assert.equal(look(2010n, 55n * second), second / 2n);
  });

  it('is the one since the start at the first look at what started within a minute', () => {
    assert.equal(look(1010n, 20n * second), 2n * second);
  });

  it('is unknown at the first look at what has run for long', () => {
    assert.equal(look(2000n, 20n * second), undefined);
  });

  it('stays the last one where two looks follow closely', () => {
    look(2000n, 0n);
    look(2010n, 10n * second);
    assert.equal(rates.take(of, { atNs: 2010n * second + 1n, usageNs: 11n * second }, 0n), second);
  });

  it('begins anew when the counter did', () => {
    look(2000n, 50n * second);
    assert.equal(look(2010n, second), undefined);
    assert.equal(look(2020n, 11n * second), second);
  });
});
