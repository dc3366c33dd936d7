import { EventEmitter } from 'node:events';

/** What happened to a sandbox or a container, in the words of CRI's ContainerEventType. */
export interface PodEvent {
  readonly type: 'CONTAINER_CREATED_EVENT' | 'CONTAINER_STARTED_EVENT' | 'CONTAINER_STOPPED_EVENT' | 'CONTAINER_DELETED_EVENT';
  /** The container's id, or the sandbox's own. */
  readonly id: string;
  readonly sandboxId: string;
  readonly atNs: bigint;
}

/** Tells whoever listens; a listener that throws hurts nobody else. */
export class PodEvents {
  readonly #emitter = new EventEmitter();

  constructor() {
    this.#emitter.setMaxListeners(0);
  }

  emit(event: PodEvent): void {
    this.#emitter.emit('event', event);
  }

  /** Returns how to stop listening. */
  listen(listener: (event: PodEvent) => void): () => void {
    this.#emitter.on('event', listener);
    return () => this.#emitter.off('event', listener);
  }
}
