import { spawn } from 'node:child_process';
import { closeSync, constants, openSync } from 'node:fs';
import { errnoOf } from '../lib/errors.ts';
import { close, maxDescriptorsPerMessage, sendDescriptors, socketPair } from '../linux/libc.ts';
import { processArguments, processIds } from '../linux/procfs.ts';

// A shell that waits for a line that never comes. The rest is for people and for `findHolders`, to tell whose it is.
const script = 'read -r _';
const title = 'podwright-fifos';

/**
 * A process that keeps descriptors open and does nothing else, and lives on when podwright is killed:
 *
 *     podwright --sendmsg(SCM_RIGHTS)--> [ queue of a unix socket, never received from ]
 *                                            both ends: file descriptors 0 and 3 of `sh -c 'read -r _'`
 *
 * What is in a socket's queue is open as long as the socket is. So descriptors are handed over at any time in one
 * system call, some 8 us (2025-11), without a new process, and without the old one's taking part.
 */
export class HolderProcess {
  readonly pid: number;
  readonly #socketFd: number;
  #over = false;

  private constructor(pid: number, socketFd: number) {
    this.pid = pid;
    this.#socketFd = socketFd;
  }

  /**
   * Starts one, which holds nothing yet; about a millisecond. `onEnd` is called when it ends without being told to.
   * Throws where there is no shell or no more processes may be made.
   */
  static start(stateDir: string, onEnd: () => void): HolderProcess {
    const [socketFd, queueFd] = socketPair();
    try {
      // The sending end as its standard input: nothing ever comes there, and nobody can close it from outside.
      const child = spawn('sh', ['-c', script, title, stateDir], {
        stdio: [socketFd, 'ignore', 'ignore', queueFd],
        detached: true, // out of reach of whatever signals podwright's session
        cwd: '/',
        env: { PATH: process.env['PATH'] ?? '' },
      });
      child.once('error', () => {}); // told by the missing pid
      if (child.pid === undefined) throw new Error('there is no "sh" on the PATH, or no more processes may be made');
      const holder = new HolderProcess(child.pid, socketFd);
      child.once('exit', () => {
        if (!holder.#over) onEnd();
        holder.#letGo();
      });
      child.unref();
      return holder;
    } catch (error) {
      close(socketFd);
      throw error;
    } finally {
      close(queueFd);
    }
  }

  /**
   * Has it hold the reading ends of FIFOs; those that are gone are left out. Says whether it has them all: no, when
   * its queue is full (after some 270 calls) or it has ended.
   */
  hold(fifos: readonly string[]): boolean {
    for (let at = 0; at < fifos.length; at += maxDescriptorsPerMessage) {
      const fds = openReaders(fifos.slice(at, at + maxDescriptorsPerMessage));
      try {
        if (this.#over) return false;
        if (fds.length > 0) sendDescriptors(this.#socketFd, fds);
      } catch (error) {
        if (['EAGAIN', 'EPIPE'].includes(errnoOf(error) ?? '')) return false;
        throw error;
      } finally {
        for (const fd of fds) closeSync(fd);
      }
    }
    return true;
  }

  /** Ends it; what it alone held is gone. */
  end(): void {
    if (this.#over) return;
    this.#letGo();
    endHolder(this.pid);
  }

  #letGo(): void {
    if (!this.#over) close(this.#socketFd);
    this.#over = true;
  }
}

/** The process ids of holders of the given state folder, also those that a killed podwright left. */
export async function findHolders(stateDir: string): Promise<number[]> {
  const found: number[] = [];
  for (const pid of await processIds()) {
    const [, ...rest] = (await processArguments(pid)) ?? [];
    if (rest.length === 4 && rest[1] === script && rest[2] === title && rest[3] === stateDir) found.push(pid);
  }
  return found;
}

/** Ends a holder; it is fine when it has ended already. */
export function endHolder(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

/** A reader keeps what is in the FIFO, and is no writer: its end is seen as before. */
function openReaders(fifos: readonly string[]): number[] {
  return fifos.flatMap((fifo) => {
    try {
      return [openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)];
    } catch (error) {
      if (errnoOf(error) === 'ENOENT') return [];
      throw error;
    }
  });
}
