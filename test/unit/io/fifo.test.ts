import assert from 'node:assert/strict';
import { once } from 'node:events';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFifos, openFifoReader, openFifoWriter, readCapped, removeFifos } from '../../../src/io/fifo.ts';

describe('fifos', () => {
  let dir = '';
  beforeEach(() => (dir = fs.mkdtempSync(path.join(os.tmpdir(), 'podwright-fifo-'))));
  afterEach(() => fs.rmSync(dir, { recursive: true }));

  async function put(fifo: string, data: Buffer): Promise<void> {
    const writer = openFifoWriter(fifo);
    await new Promise((resolve) => writer.write(data, resolve));
    writer.destroy();
    await once(writer, 'close');
  }

  it('are made for the wanted streams only, in place of what a crash left', async () => {
    const io = path.join(dir, 'io');
    const first = makeFifos(io, { stdout: true });
    const again = makeFifos(io, { stdin: true, stdout: true, stderr: false });
    assert.deepEqual(first, { stdout: path.join(io, 'stdout') });
    assert.deepEqual(Object.keys(again), ['stdin', 'stdout']);
    assert.ok(fs.statSync(path.join(io, 'stdin')).isFIFO());
    assert.equal(fs.statSync(path.join(io, 'stdout')).mode & 0o777, 0o600);
  });

  it('are removed with their folder, and never with what somebody else put there', () => {
    const [io, kept] = [path.join(dir, 'io'), path.join(dir, 'kept')];
    makeFifos(io, { stdin: true, stdout: true, stderr: true });
    makeFifos(kept, { stdout: true });
    fs.writeFileSync(path.join(kept, 'record'), '');
    for (const folder of [io, kept, path.join(dir, 'none')]) removeFifos(folder);
    assert.deepEqual(fs.readdirSync(dir), ['kept']);
    assert.deepEqual(fs.readdirSync(kept), ['record']);
  });

  it('are read to their end, with no end before the first writer', async () => {
    const { stdout = '' } = makeFifos(dir, { stdout: true });
    const output = readCapped(openFifoReader(stdout), 1000);
    await put(stdout, Buffer.from('hello'));
    await output.done;
    assert.equal(output.bytes().toString(), 'hello');
    assert.equal(output.truncated, false);
  });

  it('are drained beyond the limit, so that the writer never blocks', async () => {
    const { stdout = '' } = makeFifos(dir, { stdout: true });
    const output = readCapped(openFifoReader(stdout), 1000);
    await put(stdout, Buffer.alloc(1_000_000, 'x'));
    await output.done;
    assert.deepEqual(output.bytes(), Buffer.alloc(1000, 'x'));
    assert.equal(output.truncated, true);
  });

  it('are full to the byte without being cut', async () => {
    const { stdout = '' } = makeFifos(dir, { stdout: true });
    const output = readCapped(openFifoReader(stdout), 1000);
    await put(stdout, Buffer.alloc(1000, 'x'));
    await output.done;
    assert.equal(output.truncated, false);
  });

  it('are left when told to, though a child keeps them open', async () => {
    const { stdout = '' } = makeFifos(dir, { stdout: true });
    const output = readCapped(openFifoReader(stdout), 1000);
    const child = openFifoWriter(stdout);
    await new Promise((resolve) => child.write('partly', resolve));
    output.stop();
    await output.done;
    child.destroy();
  });

  it('end for a reader of stdin when the writer is destroyed', async () => {
    const { stdin = '' } = makeFifos(dir, { stdin: true });
    const reader = openFifoReader(stdin);
    const writer = openFifoWriter(stdin);
    writer.write('input');
    const [chunk] = (await once(reader, 'data')) as [Buffer];
    assert.equal(chunk.toString(), 'input');
    const ended = once(reader, 'end');
    writer.destroy();
    await ended;
  });
});
