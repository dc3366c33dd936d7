import { isKind, messageOf, wrapError } from '../lib/errors.ts';
import { untilAborted } from '../lib/abort.ts';
import type { Container } from '../pod/container.ts';
import { type Exec, type ExecParts, type ExecRequest, startExec } from '../pod/exec.ts';
import { drained, followSizes, OutputFlow, pumpInput } from './flow.ts';
import type { RemoteSession } from './remotecommand.ts';

/** How long output may pause after the process has ended before it counts as complete, ms: a child may keep the pipe. */
const quietMs = 2_000;

/** Runs a command in a container for a client (CRI Exec), and tells it how that ended; never rejects. */
export async function serveExec(
  parts: ExecParts,
  target: { readonly container: Container; readonly request: ExecRequest; readonly killWhenGone: boolean },
  session: RemoteSession,
): Promise<void> {
  const { container, request, killWhenGone } = target;
  const log = parts.log.child({ containerId: container.id });
  let exec: Exec;
  try {
    exec = await startExec(parts, container, { ...request, size: session.sizes.last }, session.gone);
  } catch (error) {
    log.info({ error: messageOf(error) }, 'exec could not be started');
    await session.finish({ error: wrapError(`exec in container "${container.id}"`, error) });
    return;
  }
  try {
    await follow(parts, exec, session);
  } catch (error) {
    if (session.gone.aborted) await afterClient(parts, exec, killWhenGone);
    else await session.finish({ error: wrapError(`exec in container "${container.id}"`, error) });
    log.debug({ error: messageOf(error) }, 'exec ended early');
  } finally {
    exec.release();
  }
}

async function follow(parts: ExecParts, exec: Exec, session: RemoteSession): Promise<void> {
  const outputs = [new OutputFlow(exec.stdout, session.stdout), new OutputFlow(exec.stderr, session.stderr)];
  followSizes(session.sizes, (size) => exec.resize(size));
  void exec.stdin.then((stdin) => pumpInput(session.stdin, stdin));
  const exitCode = await untilAborted(exitCodeOf(parts, exec, session.gone), session.gone, 'wait for the command');
  await untilAborted(drained(parts.clock, outputs, quietMs), session.gone, 'wait for the output');
  await session.finish({ exitCode });
}

/** The client has gone: what it ran is ended, or runs on with nobody to hear it. */
async function afterClient(parts: ExecParts, exec: Exec, kill: boolean): Promise<void> {
  if (kill) return await exec.kill();
  exec.stdout?.resume();
  exec.stderr?.resume();
  await exitCodeOf(parts, exec).catch(() => {});
}

/** The exit code, also when containerd goes away in the meantime and comes back. */
async function exitCodeOf(parts: ExecParts, exec: Exec, signal?: AbortSignal): Promise<number> {
  for (;;) {
    try {
      return await exec.exitCode();
    } catch (error) {
      if (!isKind(error, 'unavailable') || signal?.aborted) throw error;
      await parts.clock.sleep(200, signal);
      await parts.containerd.waitReady(signal);
    }
  }
}
