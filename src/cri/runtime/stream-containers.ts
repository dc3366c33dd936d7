import type { Parts } from '../../pod/parts.ts';
import { sendItems } from '../batches.ts';
import type { RpcHandlers } from '../handlers.ts';
import type { CriServices } from '../service.ts';
import { containerFits } from './container-message.ts';
import { encodedContainer } from './list-containers.ts';

/** StreamContainers: those of ListContainers, part by part; one that is removed meanwhile is left out. */
export function streamContainers({ containers }: Pick<Parts, 'containers'>, services: CriServices): RpcHandlers['StreamContainers'] {
  return async ({ filter }, _context, send) => {
    await sendItems(
      [...containers.values()],
      (container) =>
        containers.has(container.id) && containerFits(container, filter) ? encodedContainer(services, container) : undefined,
      send,
    );
  };
}
