import type { Clock } from '../lib/clock.ts';
import { messageOf } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { HolderProcess, endHolder, findHolders } from './holder-process.ts';

/** How long what was released stays held, ms: many releases cost one process, and none where a container comes back. */
const tidyMs = 1000;

/**
 * Keeps what containers write while no podwright lives to read it. A FIFO loses its content with its last holder:
 * the shim, which goes when the container ends. So one small process holds a reading end of all of them. It holds
 * a container's from before the shim opens them, and a new process has everything before the old one ends, so
 * that no FIFO is ever unheld.
 */
export class FifoHolder {
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #stateDir: string;
  /** The FIFOs to be held, by container. */
  readonly #wanted = new Map<string, readonly string[]>();
  #process: HolderProcess | undefined;
  #renewing = false;
  #stopped = false;
  #complained = false;

  constructor(log: Log, clock: Clock, stateDir: string) {
    this.#log = log;
    this.#clock = clock;
    this.#stateDir = stateDir;
  }

  /** Holds a container's FIFOs from now on. Never fails: without a holder podwright only loses what this is for. */
  hold(containerId: string, fifos: readonly string[]): void {
    this.#wanted.set(containerId, fifos);
    this.#attempt(() => {
      if (this.#process?.hold(fifos) !== true) this.#renew();
    });
  }

  /** Lets a container's FIFOs go, soon. */
  release(containerId: string): void {
    if (this.#wanted.delete(containerId)) this.#renewLater();
  }

  /**
   * Ends the holders that former podwrights left; for when all that is still wanted is held by this one. It finds
   * them among the machine's processes: a file that names them could be out of date.
   */
  async takeOver(): Promise<void> {
    try {
      const found = await findHolders(this.#stateDir);
      for (const pid of found) if (pid !== this.#process?.pid) endHolder(pid);
    } catch (error) {
      this.#complain(error);
    }
  }

  /**
   * Changes nothing any more: what is held stays so for the next podwright, as containers may end before it comes.
   * Where nothing is to be held, no process stays either.
   */
  stop(): void {
    this.#stopped = true;
    if (this.#wanted.size === 0) this.#attempt(() => this.#renew());
  }

  #renewLater(): void {
    if (this.#renewing) return;
    this.#renewing = true;
    void this.#clock.sleep(tidyMs).then(() => {
      this.#renewing = false;
      if (!this.#stopped) this.#attempt(() => this.#renew());
    });
  }

  /** Puts a process that holds what is wanted, and nothing else, in place of the one there is. */
  #renew(): void {
    const old = this.#process;
    const fifos = [...this.#wanted.values()].flat();
    this.#process = fifos.length === 0 ? undefined : this.#start(fifos);
    old?.end();
  }

  #start(fifos: readonly string[]): HolderProcess {
    const started = HolderProcess.start(this.#stateDir, () => {
      if (this.#process === started) this.#process = undefined;
      this.#renewLater();
    });
    try {
      if (!started.hold(fifos)) throw new Error('it ended at once');
      return started;
    } catch (error) {
      started.end();
      throw error;
    }
  }

  #attempt(act: () => void): void {
    try {
      act();
      this.#complained = false;
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    if (this.#complained) return;
    this.#complained = true;
    this.#log.warn({ error: messageOf(error) }, 'the last output of containers that end while podwright is dead would be lost');
  }
}
