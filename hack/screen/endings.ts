import type { NodeFacts } from '../../test/support/node/facts.ts';
import { findRemains, lookedFor, ownFolders } from '../../test/support/node/remains.ts';
import { removeNode } from '../../test/support/node/remove.ts';
import type { Screen } from './screen.ts';

const exitCodes = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 } as const;

/** A node that goes with its process removes itself on the way out; this tells the person who waits. */
export function tellOfSignals(screen: Screen): void {
  for (const [signal, code] of Object.entries(exitCodes)) {
    process.once(signal, () => {
      screen.text('\nInterrupted: taking all down, please wait.');
      // After the listener that removes the node, which is there by now.
      process.once('exit', () => {
        const left = ownFolders();
        screen.text(left.length > 0 ? `Something is left, see ${left.join(', ')}.` : 'Nothing is left.');
      });
      process.exit(code);
    });
  }
}

/** Takes down all that was kept of a kind, `demo` for instance; returns the exit code. */
export async function takeDownAll(kind: string, kept: readonly NodeFacts[], screen: Screen): Promise<number> {
  if (kept.length === 0) screen.text(`No ${kind} is running.`);
  // Half a removal helps nobody, and it takes a second or two.
  for (const signal of Object.keys(exitCodes)) process.on(signal, () => screen.text('nearly done'));
  let code = 0;
  for (const facts of kept) {
    screen.begin(`taking down the ${kind} in ${facts.root}`);
    await removeNode(facts);
    screen.done();
    code = Math.max(code, judge(await findRemains(facts), screen));
  }
  return code;
}

/** Says what is left, or that nothing is; returns the exit code. */
export function judge(left: readonly string[], screen: Screen): number {
  if (left.length === 0) screen.text(`${screen.paint('green', 'Nothing is left:')} no ${lookedFor}.`);
  else screen.text(`${screen.paint('red', 'Left behind:')}\n${left.join('\n')}`);
  return left.length === 0 ? 0 : 1;
}
