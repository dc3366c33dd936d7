import { constants } from 'node:os';

import { invalidField } from '../lib/errors.ts';
import { Signal, type Signal__Output } from '../types/cri/runtime/v1/Signal.ts';

const sigterm = 15;
// glibc keeps the first two of the kernel's 32 to 64 to itself, and names the rest from 34; so do all runtimes.
const sigrtmin = 34;
const sigrtmax = 64;
const aliases: Readonly<Record<string, number>> = { SIGCLD: constants.signals.SIGCHLD };

/**
 * The kernel's number of the signal that stops a container: the CRI's stop_signal, else the image's STOPSIGNAL,
 * else SIGTERM. The CRI's enum numbers are its own; its names tell (SIGNAL_SIGTERM is 23 there and 15 here).
 */
export function stopSignalNumber(stopSignal: string, imageStopSignal: string): number {
  const name = String(stopSignal).replace(/^SIGNAL_/u, '');
  if (name !== 'RUNTIME_DEFAULT' && name !== '') return parseSignal('config.stop_signal', name);
  return imageStopSignal === '' ? sigterm : parseSignal("the image's STOPSIGNAL", imageStopSignal);
}

/**
 * A signal's number from `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`, `SIGRTMAX-2` or the CRI's `SIGRTMINPLUS3`, in
 * either case. invalidArgument for anything else, naming `field`.
 */
export function parseSignal(field: string, text: string): number {
  const upper = text.trim().toUpperCase().replace('PLUS', '+').replace('MINUS', '-');
  if (/^\d+$/u.test(upper)) return inRange(field, text, Number(upper));
  const name = upper.startsWith('SIG') ? upper : `SIG${upper}`;
  const realtime = /^SIG(RTMIN|RTMAX)(?:([+-])(\d+))?$/u.exec(name);
  if (realtime !== null) {
    const [, base, sign = '+', offset = '0'] = realtime;
    const from = base === 'RTMIN' ? sigrtmin : sigrtmax;
    const number = sign === '+' ? from + Number(offset) : from - Number(offset);
    if (number < sigrtmin) throw unknownSignal(field, text);
    return inRange(field, text, number);
  }
  const number = (constants.signals as Readonly<Record<string, number>>)[name] ?? aliases[name];
  if (number === undefined) throw unknownSignal(field, text);
  return number;
}

/** A signal number as ContainerStatus.stop_signal reports it; RUNTIME_DEFAULT where the CRI has no word for it. */
export function toCriSignal(number: number): Signal__Output {
  const name = signalName(number);
  const found = Object.values(Signal).find((value) => value === `SIGNAL_${name}`);
  return found ?? 'SIGNAL_RUNTIME_DEFAULT';
}

/** The CRI counts real-time signals up to RTMIN+15 from below, the rest from RTMAX downwards. */
function signalName(number: number): string | undefined {
  if (number < sigrtmin) return Object.entries(constants.signals).find(([, value]) => value === number)?.[0];
  if (number === sigrtmin) return 'SIGRTMIN';
  if (number === sigrtmax) return 'SIGRTMAX';
  return number - sigrtmin <= 15 ? `SIGRTMINPLUS${number - sigrtmin}` : `SIGRTMAXMINUS${sigrtmax - number}`;
}

function inRange(field: string, text: string, number: number): number {
  if (number < 1 || number > sigrtmax) throw unknownSignal(field, text);
  return number;
}

function unknownSignal(field: string, text: string): Error {
  return invalidField(field, text, 'no such signal');
}
