import assert from 'node:assert/strict';
import { PassThrough, Readable } from 'node:stream';
import { Pacer } from '../../../src/streaming/pacer.ts';

/** Counts how often it was resumed, and asks for more each time until it has had enough. */
class Eager extends Readable {
  turns = 0;
  readonly #pacer: Pacer;
  readonly #enough: number;

  constructor(pacer: Pacer, enough: number) {
    super();
    this.#pacer = pacer;
    this.#enough = enough;
  }

  override resume(): this {
    this.turns++;
    if (this.turns < this.#enough) this.#pacer.resume(this);
    return this;
  }
}

describe('the pacer of streams', () => {
  const turn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

  it('lets some readers go on in each turn of the event loop, in the order they asked', async () => {
    const pacer = new Pacer();
    const readers = Array.from({ length: 20 }, () => new Eager(pacer, 3));
    for (const reader of readers) pacer.resume(reader);
    const counts: string[] = [];
    for (let i = 0; i < 5; i++) {
      await turn();
      counts.push(readers.map((reader) => reader.turns).join(''));
    }
    assert.deepEqual(counts, [
      '11111111000000000000',
      '11111111111111110000',
      '22221111111111111111',
      '22222222222211111111',
      '22222222222222222222',
    ]);
  });

  it('lets a reader that is alone go on some times in its turn', async () => {
    const pacer = new Pacer();
    const reader = new PassThrough();
    pacer.resume(reader);
    for (let turns = 0; turns < 3; turns++) {
      await turn();
      const answers = Array.from({ length: 10 }, () => pacer.goesOn(reader));
      assert.deepEqual(answers, [...Array(7).fill(true), false, false, false]);
      pacer.resume(reader);
    }
  });

  it('lets nobody go on while others wait or had the same turn', async () => {
    const pacer = new Pacer();
    const [one, two] = [new PassThrough(), new PassThrough()];
    assert.equal(pacer.goesOn(one), false);
    pacer.resume(one);
    await turn();
    pacer.resume(two);
    assert.equal(pacer.goesOn(one), false);
    pacer.resume(one);
    await turn();
    assert.equal(pacer.goesOn(one), false);
    assert.equal(pacer.goesOn(two), false);
  });

  it('pauses between the turns of many while its thread has to wait for a processor', async () => {
    let [waitedMs, step] = [0, 3];
    const pauses: number[] = [];
    const later = (act: () => void, ms: number): void => {
      pauses.push(ms);
      setImmediate(act);
    };
    const pacer = new Pacer(() => (waitedMs += step), later);
    const readers = Array.from({ length: 20 }, () => new Eager(pacer, 100));
    for (const reader of readers) pacer.resume(reader);
    for (let i = 0; i < 10; i++) await turn();
    assert.deepEqual(pauses.slice(0, 7), [1.5, 3, 4, 4, 4, 4, 4]);
    step = 0;
    for (let i = 0; i < 20; i++) await turn();
    assert.ok((pauses.at(-1) ?? 0) < 1, 'it pauses less and less');
    const before = pauses.length;
    for (let i = 0; i < 10; i++) await turn();
    assert.equal(pauses.length, before, 'and in the end no more');
    assert.ok(readers.every((reader) => reader.turns > 10));
  });

  it('never pauses where one turn has room for all', async () => {
    let waitedMs = 0;
    const pacer = new Pacer(
      () => (waitedMs += 100),
      () => assert.fail('a pause'),
    );
    const readers = Array.from({ length: 8 }, () => new Eager(pacer, 100));
    for (const reader of readers) pacer.resume(reader);
    for (let i = 0; i < 5; i++) await turn();
    assert.deepEqual(
      readers.map((reader) => reader.turns > 0),
      readers.map(() => true),
    );
  });
});
