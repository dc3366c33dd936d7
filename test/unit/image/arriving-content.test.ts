import assert from 'node:assert/strict';
import { ArrivingContent } from '../../../src/image/arriving-content.ts';
import { CodedError, isKind } from '../../../src/lib/errors.ts';
import { FakeContent, settle } from './fakes.ts';
import type { TransferProgress } from '../../../src/image/ports.ts';

const a = 'sha256:a';

describe('content that is being fetched', () => {
  it('is waited for until containerd says that it is there', async () => {
    const { arriving, isHere } = fixture();
    arriving.arrived('sha256:b');
    assert.equal(await isHere(), false);
    arriving.arrived(a);
    assert.deepEqual([await isHere(), arriving.isNew(a)], [true, true]);
  });

  it('is not waited for where it came before anybody asked', async () => {
    const { arriving, isHere } = fixture();
    arriving.arrived(a);
    assert.equal(await isHere(), true);
  });

  it('is found by the progress where the event was missed', async () => {
    const { arriving, isHere } = fixture();
    arriving.observe(line('downloading'));
    assert.equal(await isHere(), false);
    arriving.observe(line('complete'));
    assert.deepEqual([await isHere(), arriving.isNew(a)], [true, true]);
  });

  it('is known to be old where the progress says that it was there', async () => {
    const { arriving, isHere } = fixture();
    arriving.observe(line('already exists'));
    assert.deepEqual([await isHere(), arriving.isNew(a)], [true, false]);
    arriving.observe(line('complete'));
    assert.equal(arriving.isNew(a), false);
  });

  it('keeps nobody waiting once the transfer is through', async () => {
    const { arriving, isHere } = fixture();
    const waiting = arriving.whenHere(a);
    arriving.observe({ event: 'saved', name: 'x', progress: 0n, total: 0n });
    await waiting;
    assert.equal(await isHere(), true);
  });

  it('is not waited for any longer than the signal lets', async () => {
    const { arriving } = fixture();
    const abort = new AbortController();
    const waiting = arriving.whenHere(a, abort.signal);
    abort.abort(new CodedError('canceled', 'the client left'));
    await assert.rejects(waiting, (error) => isKind(error, 'canceled'));
  });

  it('is read once it is there, and once', async () => {
    const { arriving, content } = fixture();
    const { digest } = content.put({ some: 'config' });
    const reading = [arriving.read(digest), arriving.read(digest)];
    await settle();
    assert.deepEqual(content.reads, []);
    arriving.arrived(digest);
    assert.deepEqual((await Promise.all(reading)).map(String), ['{"some":"config"}', '{"some":"config"}']);
    assert.deepEqual(content.reads, [digest]);
  });
});

function fixture() {
  const content = new FakeContent();
  const arriving = new ArrivingContent(content);
  const isHere = async (): Promise<boolean> => {
    let here = false;
    void arriving.whenHere(a).then(() => (here = true));
    await settle();
    return here;
  };
  return { content, arriving, isHere };
}

function line(event: string): TransferProgress {
  const descriptor = { mediaType: 'x', digest: a, size: 1n, annotations: {} };
  return { event, name: 'layer-sha256:a', progress: 1n, total: 2n, descriptor };
}
