import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { sandboxFits, toPodSandbox } from './sandbox-message.ts';

/**
 * ListPodSandbox, which the kubelet asks every second and after each sync: answered from memory, and from
 * the bytes of the last answer for every sandbox that has not changed since.
 */
export function listPodSandbox(parts: Parts, services: CriServices): RpcHandlers['ListPodSandbox'] {
  return async (request) => {
    const pieces: Buffer[] = [];
    for (const sandbox of parts.sandboxes.values()) {
      if (!sandboxFits(sandbox, request.filter)) continue;
      sandbox.listBytes ??= services.encodeResponse('ListPodSandbox', { items: [toPodSandbox(sandbox)] });
      pieces.push(sandbox.listBytes);
    }
    return { encoded: Buffer.concat(pieces) };
  };
}
