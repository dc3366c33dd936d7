import path from 'node:path';

/** Where podwright keeps what; `root` survives a reboot, `state` does not. */
export class Folders {
  readonly root: string;
  readonly state: string;

  constructor(root: string, state: string) {
    this.root = root;
    this.state = state;
  }

  /** All sandboxes' lasting folders. */
  get sandboxes(): string {
    return path.join(this.root, 'sandboxes');
  }

  /** All containers' lasting folders. */
  get containers(): string {
    return path.join(this.root, 'containers');
  }

  /** The folders that say what failed creations of containers have left. */
  get owed(): string {
    return path.join(this.root, 'owed');
  }

  /** A sandbox's lasting folder: its record, hosts, hostname, resolv.conf. */
  sandboxRoot(id: string): string {
    return path.join(this.sandboxes, id);
  }

  /** A sandbox's folder until the next reboot: its pinned namespaces and its /dev/shm. */
  sandboxState(id: string): string {
    return path.join(this.state, 'sandboxes', id);
  }

  /** Where a sandbox's namespaces are pinned. */
  namespaces(id: string): string {
    return path.join(this.sandboxState(id), 'ns');
  }

  /** Where a sandbox's own /dev/shm is mounted. */
  shm(id: string): string {
    return path.join(this.sandboxState(id), 'shm');
  }

  /** A container's lasting folder: how it ended, its image-declared volumes. */
  containerRoot(id: string): string {
    return path.join(this.containers, id);
  }

  /** A container's folder until the next reboot: its FIFOs and the log pump's journal. */
  containerState(id: string): string {
    return path.join(this.containerStates, id);
  }

  /** Where views of images are mounted for a container. */
  imageViews(id: string): string {
    return path.join(this.containerState(id), 'views');
  }

  /** All containers' folders until the next reboot. */
  get containerStates(): string {
    return path.join(this.state, 'containers');
  }

  /** The FIFO that a container's own process reads from. */
  containerStdin(id: string): string {
    return path.join(this.containerState(id), 'stdin');
  }

  /** The folders of all execs in a container. */
  execsState(containerId: string): string {
    return path.join(this.containerState(containerId), 'exec');
  }

  /** The FIFOs of one exec in a container. */
  execState(containerId: string, execId: string): string {
    return path.join(this.execsState(containerId), execId);
  }
}
