import { spawnSync } from 'node:child_process';
import path from 'node:path';
import type { NodeFacts } from './facts.ts';

const projectRoot = path.join(import.meta.dirname, '../../..');
const endingSignals = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/**
 * Has a node removed when this process ends without having done so, by itself or by a signal. What kills
 * it at once is left to the next one's sweep. Returns how to call it off.
 */
export function removeOnExit(facts: NodeFacts): () => void {
  // A process on its way out can no longer wait for a promise, but it can for another process.
  const onExit = (): void => {
    // In a session of its own: a second Ctrl-C must not end the removal that the first one began.
    const sweep = [process.execPath, '--import', 'tsx', path.join(projectRoot, 'hack/node/sweep.ts'), facts.root];
    spawnSync('setsid', ['--wait', ...sweep], {
      cwd: projectRoot,
      stdio: ['ignore', 'ignore', 'inherit'],
    });
  };
  const onSignal = (signal: keyof typeof endingSignals): void => process.exit(endingSignals[signal]);
  const signals = Object.keys(endingSignals) as (keyof typeof endingSignals)[];

  process.once('exit', onExit);
  for (const signal of signals) process.once(signal, onSignal);
  return () => {
    process.off('exit', onExit);
    for (const signal of signals) process.off(signal, onSignal);
  };
}
