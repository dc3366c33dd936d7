import assert from 'node:assert/strict';
import { once } from 'node:events';
import { LogTap, LogTaps } from '../../../src/io/log-tap.ts';
import { TappedOutput } from '../../../src/io/tapped-output.ts';

describe('a tap of a container output', () => {
  const outputs: TappedOutput[] = [];

  function tapped(): { readonly output: TappedOutput; readonly tap: LogTap } {
    const output = new TappedOutput(() => tap.end('gone'));
    outputs.push(output);
    const tap = new LogTap(output.fd, (why) => output.markEnded(why));
    return { output, tap };
  }

  async function all(output: TappedOutput): Promise<Buffer> {
    const chunks: Buffer[] = [];
    output.source.on('data', (chunk) => chunks.push(chunk));
    await once(output.source, 'close');
    return Buffer.concat(chunks);
  }

  afterEach(() => {
    for (const output of outputs.splice(0)) output.stop();
  });

  it('hands on what comes, to its end', async () => {
    const { output, tap } = tapped();
    const read = all(output);
    assert.equal(tap.give(Buffer.from('one ')), true);
    assert.equal(tap.give(Buffer.from('two')), true);
    tap.end('ended');
    assert.equal((await read).toString(), 'one two');
    assert.equal(await output.ended, 'ended');
  });

  it('is cut when its reader takes too little, and what fits is still handed on', async () => {
    const { output, tap } = tapped();
    const piece = Buffer.alloc(100_000, 'x');
    let given = 0;
    while (tap.give(piece)) given += piece.length;
    assert.ok(given >= 900_000 && given <= 1_200_000, `${given} bytes found room`);
    assert.equal(await output.ended, 'behind');
    assert.equal(tap.give(piece), false);
    const read = await all(output);
    assert.ok(read.length >= given);
  });

  it('ends when its reader has gone', async () => {
    const { output, tap } = tapped();
    output.source.destroy();
    await once(output.source, 'close');
    assert.equal(tap.give(Buffer.from('x')), false);
    assert.equal(await output.ended, 'gone');
  });

  it('ends when its reader says so, though nothing comes', async () => {
    const { output, tap } = tapped();
    output.stop();
    output.stop();
    assert.equal(tap.isOpen, false);
    assert.equal(await output.ended, 'gone');
  });

  it('is one of many, of which none holds up another', async () => {
    const [slow, quick] = [tapped(), tapped()];
    const taps = new LogTaps();
    taps.add(slow.tap);
    taps.add(quick.tap);
    const read = all(quick.output);
    for (let i = 0; i < 30; i++) {
      taps.give(Buffer.alloc(100_000, 'x'));
      await new Promise((resolve) => setImmediate(resolve));
    }
    taps.end();
    assert.equal((await read).length, 3_000_000);
    assert.equal(await slow.output.ended, 'behind');
    assert.equal(await quick.output.ended, 'ended');
  });
});
