import type { Parts } from '../../pod/parts.ts';
import type { Sandbox } from '../../pod/sandbox.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { sandboxFits, toPodSandbox } from './sandbox-message.ts';

/**
 * ListPodSandbox, which the kubelet asks every second and after each sync: answered from memory, and from
 * the bytes of the last answer for every sandbox that has not changed since.
 */
export function listPodSandbox(parts: Pick<Parts, 'sandboxes'>, services: CriServices): RpcHandlers['ListPodSandbox'] {
  return async (request) => {
    const pieces: Buffer[] = [];
    for (const sandbox of parts.sandboxes.values()) {
      if (sandboxFits(sandbox, request.filter)) pieces.push(encodedSandbox(services, sandbox));
    }
    return { encoded: Buffer.concat(pieces) };
  };
}

/** A sandbox as the one item of a List or Stream answer: the two have it in a field of the same number. */
export function encodedSandbox(services: CriServices, sandbox: Sandbox): Buffer {
  sandbox.listBytes ??= services.encodeResponse('ListPodSandbox', { items: [toPodSandbox(sandbox)] });
  return sandbox.listBytes;
}
