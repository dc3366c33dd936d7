import { readdir, rm } from 'node:fs/promises';
import { isKind, messageOf } from '../lib/errors.ts';
import type { Container } from './container.ts';
import { Exec, type ExecParts } from './exec.ts';
import type { Parts } from './parts.ts';

const retryMs = 500;

/** Execs whose clients have gone, be it that they left or that podwright did: ended, or let run on as configured. */
export class AbandonedExecs {
  readonly #parts: ExecParts & Pick<Parts, 'containers'>;
  readonly #kill: boolean;
  readonly #stop = new AbortController();
  readonly #running = new Set<Promise<void>>();
  #killed = 0;

  constructor(parts: ExecParts & Pick<Parts, 'containers'>, kill: boolean) {
    this.#parts = parts;
    this.#kill = kill;
  }

  /** How many have been killed since the start. */
  get killed(): number {
    return this.#killed;
  }

  /** Takes an exec over. When it is to be killed it is dead once this resolves; else it runs on, heard by nobody. */
  async take(exec: Exec): Promise<void> {
    if (this.#kill) {
      await exec.kill();
      this.#killed += 1;
      exec.release();
      return;
    }
    exec.stdout?.resume();
    exec.stderr?.resume();
    const running = this.#untilEnd(exec).finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** Takes over what the last podwright left when it was killed. */
  async recover(): Promise<void> {
    await Promise.all([...this.#parts.containers.values()].map((container) => this.#recoverIn(container)));
  }

  /** Lets go of those that run on; the next podwright takes them over. */
  async stop(): Promise<void> {
    this.#stop.abort();
    await Promise.allSettled(this.#running);
  }

  async #recoverIn(container: Container): Promise<void> {
    const folder = this.#parts.folders.execsState(container.id);
    const execIds = await readdir(folder).catch(() => []);
    if (execIds.length === 0) return;
    if (container.state !== 'CONTAINER_RUNNING') return await rm(folder, { recursive: true, force: true });
    for (const execId of execIds) {
      try {
        const exec = new Exec(this.#parts, container, execId);
        if (await exec.adopt()) await this.take(exec);
        else exec.release();
      } catch (error) {
        const fields = { containerId: container.id, execId, error: messageOf(error) };
        this.#parts.log.warn(fields, 'what is left of an exec could not be removed');
      }
    }
  }

  async #untilEnd(exec: Exec): Promise<void> {
    const { signal } = this.#stop;
    const onStop = (): void => exec.letGo();
    signal.addEventListener('abort', onStop, { once: true });
    while (!signal.aborted) {
      try {
        await exec.exitCode();
        break;
      } catch (error) {
        if (isKind(error, 'notFound') || signal.aborted) break;
        await this.#parts.clock.sleep(retryMs, signal).catch(() => {});
      }
    }
    signal.removeEventListener('abort', onStop);
    if (!signal.aborted) exec.release();
  }
}
