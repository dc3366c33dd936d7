import { CodedError, messageOf, wrapError } from '../lib/errors.ts';
import { untilAborted } from '../lib/abort.ts';
import { type Attachment, type AttachParts, attachTo } from '../pod/attach.ts';
import type { Container } from '../pod/container.ts';
import type { TappedPort } from '../pod/ports.ts';
import { followSizes, OutputFlow, pumpInput } from './flow.ts';
import type { Pacer } from './pacer.ts';
import type { RemoteSession } from './remotecommand.ts';

/** Joins a client with a container's own process (CRI Attach) until either ends; never rejects. */
export async function serveAttach(
  parts: AttachParts,
  target: { readonly container: Container; readonly stopping: AbortSignal; readonly pacer: Pacer },
  session: RemoteSession,
): Promise<void> {
  const { container } = target;
  const { stdin, stdout, stderr } = session;
  let attachment: Attachment | undefined;
  try {
    const wanted = { stdin: stdin !== undefined, stdout: stdout !== undefined, stderr: stderr !== undefined };
    attachment = await attachTo(parts, container, wanted);
    await follow(target, attachment, session);
    await session.finish({ exitCode: 0 });
  } catch (error) {
    parts.log.debug({ containerId: container.id, error: messageOf(error) }, 'attach ended early');
    attachment?.detach();
    await session.finish({ error: wrapError(`attach to container "${container.id}"`, error) });
  } finally {
    attachment?.detach();
  }
}

/** Carries everything until the container has ended; fails when it is the client or podwright that ends. */
async function follow(
  { container, stopping, pacer }: { readonly container: Container; readonly stopping: AbortSignal; readonly pacer: Pacer },
  attachment: Attachment,
  session: RemoteSession,
): Promise<void> {
  const { stdin, stdout, stderr } = attachment;
  pumpInput(session.stdin, stdin);
  if (container.record.config.tty) followSizes(session.sizes, (size) => attachment.resize(size));
  const outputs: Promise<void>[] = [];
  if (stdout !== undefined) outputs.push(carry(stdout, session.stdout, pacer));
  if (stderr !== undefined) outputs.push(carry(stderr, session.stderr, pacer));
  // Without any output it is the container's end that counts; with one, that its last byte has come.
  const done: Promise<unknown> = outputs.length === 0 ? container.exited : Promise.all(outputs);
  await untilAborted(done, AbortSignal.any([session.gone, stopping]), 'wait for its end');
}

/** Carries an output to its end; fails when the client was too slow for it. */
async function carry(output: TappedPort, sink: RemoteSession['stdout'], pacer: Pacer): Promise<void> {
  await new OutputFlow(output.source, sink, pacer).done;
  if ((await output.ended) === 'behind') {
    throw new CodedError('resourceExhausted', 'the client took the output too slowly, and some of it is lost to it; it is in the log');
  }
}
