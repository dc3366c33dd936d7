import assert from 'node:assert/strict';

import { parseSignal, stopSignalNumber, toCriSignal } from '../../../src/spec/signals.ts';
import { Signal } from '../../../src/types/cri/runtime/v1/Signal.ts';
import { invalid } from './fixtures.ts';

describe('signals', () => {
  const table: [string, number][] = [
    ['SIGTERM', 15],
    ['TERM', 15],
    ['sigquit', 3],
    ['15', 15],
    ['64', 64],
    ['SIGRTMIN', 34],
    ['RTMIN+3', 37],
    ['SIGRTMINPLUS15', 49],
    ['SIGRTMAX-2', 62],
    ['SIGRTMAXMINUS14', 50],
    ['SIGCLD', 17],
    ['SIGPOLL', 29],
  ];
  for (const [text, number] of table) {
    it(`reads ${text} as ${number}`, () => {
      assert.equal(parseSignal('stop_signal', text), number);
    });
  }

  for (const text of ['', '0', '65', 'SIGFOO', 'SIGRTMIN+31', 'SIGRTMAX+1', 'SIGRTMIN-1', '-9', '9 9']) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.throws(() => parseSignal('stop_signal', text), invalid('stop_signal', JSON.stringify(text)));
    });
  }

  it('stop a container by its config, else by its image, else with SIGTERM', () => {
    assert.equal(stopSignalNumber('SIGNAL_SIGUSR1', 'SIGQUIT'), 10);
    assert.equal(stopSignalNumber('SIGUSR1', 'SIGQUIT'), 10);
    assert.equal(stopSignalNumber('SIGNAL_RUNTIME_DEFAULT', 'SIGQUIT'), 3);
    assert.equal(stopSignalNumber('RUNTIME_DEFAULT', ''), 15);
  });

  it('have a number for every name of the CRI, and the same signal’s name back', () => {
    for (const name of Object.values(Signal)) {
      const number = stopSignalNumber(name, '');
      assert.equal(stopSignalNumber(toCriSignal(number), ''), number, name);
    }
  });

  it('are reported as the runtime’s default where the CRI has no word', () => {
    assert.equal(toCriSignal(33), 'SIGNAL_RUNTIME_DEFAULT');
    assert.equal(toCriSignal(15), 'SIGNAL_SIGTERM');
    assert.equal(toCriSignal(50), 'SIGNAL_SIGRTMAXMINUS14');
  });
});
