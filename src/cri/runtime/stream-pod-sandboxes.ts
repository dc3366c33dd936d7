import type { Parts } from '../../pod/parts.ts';
import { sendItems } from '../batches.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { encodedSandbox } from './list-pod-sandbox.ts';
import { sandboxFits } from './sandbox-message.ts';

/** StreamPodSandboxes: those of ListPodSandbox, part by part; one that is removed meanwhile is left out. */
export function streamPodSandboxes({ sandboxes }: Pick<Parts, 'sandboxes'>, services: CriServices): RpcHandlers['StreamPodSandboxes'] {
  return async ({ filter }, _context, send) => {
    await sendItems(
      [...sandboxes.values()],
      (sandbox) => (sandboxes.has(sandbox.id) && sandboxFits(sandbox, filter) ? encodedSandbox(services, sandbox) : undefined),
      send,
    );
  };
}
