import type { Container } from '../../pod/container.ts';
import type { Parts } from '../../pod/parts.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { containerFits, toContainer } from './container-message.ts';

/** ListContainers: from memory, and from kept bytes for every container that has not changed since. */
export function listContainers(parts: Pick<Parts, 'containers'>, services: CriServices): RpcHandlers['ListContainers'] {
  return async (request) => {
    const pieces: Buffer[] = [];
    for (const container of parts.containers.values()) {
      if (containerFits(container, request.filter)) pieces.push(encodedContainer(services, container));
    }
    return { encoded: Buffer.concat(pieces) };
  };
}

/** A container as the one item of a List or Stream answer: the two have it in a field of the same number. */
export function encodedContainer(services: CriServices, container: Container): Buffer {
  container.listBytes ??= services.encodeResponse('ListContainers', { containers: [toContainer(container)] });
  return container.listBytes;
}
