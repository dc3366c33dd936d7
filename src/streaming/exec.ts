import { messageOf, wrapError } from '../lib/errors.ts';
import { untilAborted } from '../lib/abort.ts';
import type { AbandonedExecs } from '../pod/abandoned-execs.ts';
import type { Container } from '../pod/container.ts';
import { type Exec, type ExecParts, type ExecRequest, startExec } from '../pod/exec.ts';
import { onceReachable } from '../pod/once-reachable.ts';
import { drained, followSizes, OutputFlow, pumpInput } from './flow.ts';
import type { Pacer } from './pacer.ts';
import type { RemoteSession } from './remotecommand.ts';

/** How long output may pause after the process has ended before it counts as complete, ms: a child may keep the pipe. */
const quietMs = 2_000;

/** Runs a command in a container for a client (CRI Exec), and tells it how that ended; never rejects. */
export async function serveExec(
  parts: ExecParts,
  target: { readonly container: Container; readonly request: ExecRequest; readonly abandoned: AbandonedExecs; readonly stopping: AbortSignal; readonly pacer: Pacer },
  session: RemoteSession,
): Promise<void> {
  const { container, request, abandoned, stopping, pacer } = target;
  const log = parts.log.child({ containerId: container.id });
  let exec: Exec;
  try {
    exec = await startExec(parts, container, { ...request, inPlace: true, size: session.sizes.last }, session.gone);
  } catch (error) {
    log.info({ error: messageOf(error) }, 'exec could not be started');
    await session.finish({ error: wrapError(`exec in container "${container.id}"`, error) });
    return;
  }
  try {
    await follow(parts, exec, session, { stopping, pacer });
    exec.release();
  } catch (error) {
    log.debug({ error: messageOf(error) }, 'exec ended early');
    if (session.gone.aborted || stopping.aborted) await abandoned.take(exec);
    else exec.release();
    await session.finish({ error: wrapError(`exec in container "${container.id}"`, error) });
  }
}

async function follow(
  parts: ExecParts,
  exec: Exec,
  session: RemoteSession,
  { stopping, pacer }: { readonly stopping: AbortSignal; readonly pacer: Pacer },
): Promise<void> {
  const over = AbortSignal.any([session.gone, stopping]);
  const outputs = [new OutputFlow(exec.stdout, session.stdout, pacer), new OutputFlow(exec.stderr, session.stderr, pacer)];
  followSizes(session.sizes, (size) => exec.resize(size));
  void exec.stdin.then((stdin) => pumpInput(session.stdin, stdin));
  const exitCode = await untilAborted(onceReachable(parts, over, () => exec.exitCode()), over, 'wait for the command');
  await untilAborted(drained(parts.clock, outputs, quietMs), over, 'wait for the output');
  await session.finish({ exitCode });
}
