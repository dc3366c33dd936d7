import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { containerFits, toContainer } from './container-message.ts';

/** ListContainers: from memory, and from kept bytes for every container that has not changed since. */
export function listContainers(parts: Parts, services: CriServices): RpcHandlers['ListContainers'] {
  return async (request) => {
    const pieces: Buffer[] = [];
    for (const container of parts.containers.values()) {
      if (!containerFits(container, request.filter)) continue;
      container.listBytes ??= services.encodeResponse('ListContainers', { containers: [toContainer(container)] });
      pieces.push(container.listBytes);
    }
    return { encoded: Buffer.concat(pieces) };
  };
}
