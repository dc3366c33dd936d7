import assert from 'node:assert/strict';
import { type ApparmorHost, DefaultApparmor } from '../../../src/app/apparmor.ts';
import { recordingLog } from '../../support/cri-client.ts';
import { ManualClock } from '../../support/manual-clock.ts';

/** A node's AppArmor whose parser can be made to fail or to wait. */
class FakeHost implements ApparmorHost {
  readonly names = new Set(['mine']);
  readonly texts: string[] = [];
  fault: string | undefined;
  gate: Promise<void> | undefined;

  async loaded(): Promise<string[]> {
    return [...this.names];
  }

  async daemons(): Promise<string[]> {
    return ['podwright-of-a-snap'];
  }

  async hasFile(): Promise<boolean> {
    return false;
  }

  async load(text: string, signal: AbortSignal): Promise<void> {
    this.texts.push(text);
    const stopped = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(new Error('stopped'))));
    await Promise.race([this.gate, stopped]);
    if (this.fault !== undefined) throw new Error(this.fault);
    this.names.add('podwright-default');
  }
}

describe('the default AppArmor profile of a node', () => {
  let host: FakeHost;
  let clock: ManualClock;
  let log: ReturnType<typeof recordingLog>;
  let apparmor: DefaultApparmor;
  const warnings = (): unknown[] => log.lines.filter(({ level }) => level === 'warn').map(({ fields }) => (fields as { error: string }).error);

  beforeEach(() => {
    host = new FakeHost();
    clock = new ManualClock();
    log = recordingLog();
    apparmor = new DefaultApparmor(host, clock, log.log);
  });

  it('is loaded at each start, also over an older one, with the labels of those who end containers', async () => {
    host.names.add('podwright-default');
    apparmor.start();
    await apparmor.stop();
    assert.equal(host.texts.length, 1);
    assert.match(host.texts[0] ?? '', /peer="podwright-of-a-snap"/);
  });

  it('is waited for by the containers that are created meanwhile, and loaded once', async () => {
    let open = (): void => {};
    host.gate = new Promise((resolve) => (open = resolve));
    apparmor.start();
    const asked = Promise.all([apparmor.profiles(), apparmor.profiles()]);
    open();
    assert.deepEqual(await asked, [['mine', 'podwright-default'], ['mine', 'podwright-default']]);
    assert.equal(host.texts.length, 1);
  });

  it('is waited for by nobody while an older one is there', async () => {
    host.names.add('podwright-default');
    host.gate = new Promise(() => {});
    apparmor.start();
    assert.deepEqual(await apparmor.profiles(), ['mine', 'podwright-default']);
    await apparmor.stop();
    assert.deepEqual(warnings(), []);
  });

  it('is loaded again when it was removed', async () => {
    await apparmor.profiles();
    host.names.delete('podwright-default');
    assert.deepEqual(await apparmor.profiles(), ['mine', 'podwright-default']);
    assert.equal(host.texts.length, 2);
  });

  it('fails nothing where it cannot be loaded, and is tried again after a minute', async () => {
    host.fault = 'there is no apparmor_parser';
    assert.deepEqual(await apparmor.profiles(), ['mine']);
    assert.deepEqual(await apparmor.profiles(), ['mine']);
    assert.equal(host.texts.length, 1);
    clock.advance(60_000);
    assert.deepEqual(await apparmor.profiles(), ['mine']);
    assert.deepEqual(warnings(), ['there is no apparmor_parser']);
    host.fault = undefined;
    clock.advance(60_000);
    assert.deepEqual(await apparmor.profiles(), ['mine', 'podwright-default']);
    assert.equal(host.texts.length, 3);
  });
});
