import { messageOf } from '../lib/errors.ts';
import { Undo } from '../lib/undo.ts';
import { viewNames } from './image-views.ts';
import type { Parts } from './parts.ts';
import { removeTraces } from './remove-container.ts';
import type { Sandbox } from './sandbox.ts';

/** What is known of a container whose creation failed and could not be taken back: enough to do so after a restart. */
export interface OwedRecord {
  readonly version: 1;
  readonly sandboxId: string;
  readonly snapshotter: string;
}

type OwedParts = Pick<Parts, 'log' | 'folders' | 'kernel' | 'containerd' | 'containerRecords' | 'owedRecords'>;

/**
 * Remembers what a failed creation has left until it is taken back. It is written down here and not before, so that
 * a creation that succeeds has nothing to write; and without a word a restart would find a created container.
 */
export async function owe(parts: OwedParts & Pick<Parts, 'runtimes'>, sandbox: Sandbox, id: string): Promise<void> {
  const { snapshotter } = parts.runtimes.of(sandbox.record.runtimeHandler);
  const owed: OwedRecord = { version: 1, sandboxId: sandbox.id, snapshotter };
  sandbox.owed.push(takingBack(parts, id, owed));
  try {
    await parts.owedRecords.write(id, owed);
  } catch (error) {
    parts.log.warn({ containerId: id, error: messageOf(error) }, 'what a failed creation has left could not be written down');
  }
}

/**
 * Takes back what a creation of this id was found to owe when podwright started, or lets its sandbox owe it on, where
 * that is left. False where nothing is known of it.
 */
export async function recoverOwed(parts: OwedParts & Pick<Parts, 'sandboxes'>, id: string): Promise<boolean> {
  const owed = await parts.owedRecords.read(id);
  if (owed === undefined) {
    await parts.owedRecords.remove(id);
    return false;
  }
  const undo = takingBack(parts, id, owed);
  const left = await undo.unwind();
  if (left.length > 0) parts.sandboxes.find(owed.sandboxId)?.owed.push(undo);
  else parts.log.info({ containerId: id }, 'what a failed creation had left is taken back');
  return true;
}

function takingBack(parts: OwedParts, id: string, { snapshotter }: OwedRecord): Undo {
  const undo = new Undo(parts.log.child({ containerId: id }));
  undo.push('take back all that it had made', async () => {
    await removeTraces(parts, { id, snapshotter }, await viewNames(parts, id));
    await parts.owedRecords.remove(id);
  });
  return undo;
}
