import { throwIfAborted } from '../lib/abort.ts';
import { allSettledOrThrow } from '../lib/all-settled.ts';
import { isWithin } from '../lib/clock.ts';
import { isKind, messageOf, wrapError } from '../lib/errors.ts';
import { passedAnnotations } from '../spec/annotations.ts';
import { layOverBase } from '../spec/base-spec.ts';
import { buildPauseSpec, type PauseSpecInput } from '../spec/pause-spec.ts';
import { seccompFile } from '../spec/seccomp.ts';
import { guestSysctls } from '../spec/sysctls.ts';
import { discardPause, killAndWait } from './discard.ts';
import { readProfile } from './container-spec.ts';
import { jsonAny, specTypeUrl } from './anys.ts';
import { cgroupsPathOf } from './cgroups.ts';
import { pauseExtension, pauseExtensionName, sandboxExtension, sandboxExtensionName, sandboxLabels } from './cri-labels.ts';
import { checkLabels, labelledRoot } from './labels.ts';
import { sandboxLease } from './leases.ts';
import type { OciSpec } from '../spec/oci.ts';
import type { Parts } from './parts.ts';
import { idMapLabels, prepareRoot } from './prepare-root.ts';
import type { ImageFacts } from './ports.ts';
import { hostnameOf } from './sandbox-files.ts';
import { livesByPause, type Sandbox } from './sandbox.ts';

type PauseParts = Pick<
  Parts,
  'log' | 'clock' | 'containerd' | 'images' | 'sandboxImage' | 'runtimes' | 'host' | 'kernel' | 'namespace'
>;

/** The pause container of one sandbox, from the moment somebody wants it. */
interface Pause {
  readonly stop: AbortController;
  /** Ends when the pause container runs, or with why it does not; replaced when it is made again. */
  running: Promise<number>;
  /** The first process's id, 0 while there is none. */
  pid: number;
  /** Resolves when nothing tends this pause container any more. */
  tended: Promise<void>;
}

/** Milliseconds between attempts to make a pause container again: doubled up to the second number. */
const againAfterMs = { first: 100, most: 10_000 };
/** How many pause containers in the making are many. */
const many = 3;
/** How long a container's start waits for its pause container amid many, ms. */
const mostWaitMs = 1_000;
/** How long a container that is to share its PID namespace waits for it, ms. */
const mostPidWaitMs = 30_000;

/**
 * Keeps every ready sandbox's pause container alive.
 *
 * The sandbox is its pinned namespaces; the pause container is one more member that joins them. It is what
 * cAdvisor takes for the Pod's network, what keeps the Pod's cgroup in existence, and PID 1 where the Pod
 * shares its process namespace. So nothing on the way of a container waits for it, unless PID is shared; it
 * is made again when it dies; and where PID is shared its death is the sandbox's. With a runtime of which it is the
 * Pod's machine all is as where PID is shared.
 */
export class PauseKeeper {
  readonly #parts: PauseParts;
  readonly #pauses = new Map<string, Pause>();
  readonly #onLost: (sandboxId: string) => void;
  /** How many are being made. */
  #making = 0;

  /** @param onLost told when a sandbox lost the pause container that it lives by */
  constructor(parts: PauseParts, onLost: (sandboxId: string) => void) {
    this.#parts = parts;
    this.#onLost = onLost;
  }

  /**
   * Begins to keep a pause container for the sandbox and resolves to its process id when it first runs.
   * With `pid` it takes over one that runs already (after a restart of the daemon).
   */
  async keep(sandbox: Sandbox, pid = 0): Promise<number> {
    const known = this.#pauses.get(sandbox.id);
    if (known !== undefined) return await known.running;
    const stop = new AbortController();
    const running = pid === 0 ? this.#make(sandbox, stop.signal) : Promise.resolve(pid);
    const pause: Pause = { stop, running, pid, tended: Promise.resolve() };
    this.#pauses.set(sandbox.id, pause);
    pause.tended = this.#tend(sandbox, pause);
    return await running;
  }

  /**
   * Throws what making the pause container would throw because of the request, so that RunPodSandbox fails
   * with it: the making itself may go on after the answer.
   */
  async check(sandbox: Sandbox): Promise<void> {
    const { images, runtimes, sandboxImage } = this.#parts;
    const { snapshotter } = runtimes.of(sandbox.record.runtimeHandler);
    await this.#spec(sandbox, await images.ensure(sandboxImage, snapshotter));
  }

  /** The process id of the sandbox's pause container, 0 while there is none. */
  pid(sandboxId: string): number {
    return this.#pauses.get(sandboxId)?.pid ?? 0;
  }

  /**
   * The same for a container that cannot be without: waits for a pause container that is being made. Rejects with why
   * it could not be.
   */
  async pidWhenMade(sandboxId: string): Promise<number> {
    const pause = this.#pauses.get(sandboxId);
    if (pause !== undefined && pause.pid === 0) await isWithin(this.#parts.clock, mostPidWaitMs, pause.running);
    return pause?.pid ?? 0;
  }

  /**
   * Waits for the pause container where so many are in the making that the processors are what a start waits for. A
   * container that is created beside it has containerd start a shim that ends at once, as the Pod has one: nobody
   * minds on a processor that is free, and 10 to 15 ms of one that is not. Never fails, and never waits for long.
   */
  async settledAmidMany(sandboxId: string): Promise<void> {
    const pause = this.#pauses.get(sandboxId);
    if (pause === undefined || pause.pid !== 0 || this.#making < many) return;
    await isWithin(this.#parts.clock, mostWaitMs, pause.running).catch(() => {});
  }

  /**
   * Ends the pause container, one that is still being made too, and removes all of it from containerd.
   * Idempotent, and right for one that an earlier daemon made.
   */
  async end(sandbox: Sandbox): Promise<void> {
    const pause = this.#pauses.get(sandbox.id);
    const runs = (pause?.pid ?? 0) !== 0;
    pause?.stop.abort();
    await pause?.tended;
    this.#pauses.delete(sandbox.id);
    if (runs) await killAndWait(this.#parts.containerd, sandbox.id);
    await this.#remove(sandbox, runs ? 'ended' : 'unknown');
  }

  /** Stops watching all of them and leaves them running: the daemon ends, the Pods do not. */
  async letGo(): Promise<void> {
    const pauses = [...this.#pauses.values()];
    for (const pause of pauses) pause.stop.abort();
    this.#pauses.clear();
    await Promise.all(pauses.map((pause) => pause.tended));
  }

  /** Waits for the pause container's end and makes it again, until told to stop. */
  async #tend(sandbox: Sandbox, pause: Pause): Promise<void> {
    const { log, clock } = this.#parts;
    const { signal } = pause.stop;
    const needed = livesByPause(sandbox, this.#parts.runtimes.of(sandbox.record.runtimeHandler));
    let pauseMs = againAfterMs.first;
    for (;;) {
      try {
        pause.pid = await pause.running;
        pauseMs = againAfterMs.first;
        await this.#ended(sandbox.id, signal);
        pause.pid = 0;
        if (signal.aborted) return;
        if (needed) {
          log.warn({ podSandboxId: sandbox.id }, 'the pause container, without which there is no Pod, is gone');
          this.#onLost(sandbox.id);
          return;
        }
        log.warn({ podSandboxId: sandbox.id }, 'the pause container ended and is made again');
      } catch (error) {
        if (signal.aborted || needed) return;
        log.warn({ podSandboxId: sandbox.id, error: messageOf(error) }, 'the pause container could not be made');
      }
      try {
        await clock.sleep(pauseMs, signal);
      } catch {
        return;
      }
      pauseMs = Math.min(pauseMs * 2, againAfterMs.most);
      pause.running = this.#remove(sandbox).then(() => this.#make(sandbox, signal));
      pause.running.catch(() => {});
    }
  }

  /** Resolves when the pause task has ended, is gone, or the signal aborts; outlasts containerd's restarts. */
  async #ended(id: string, signal: AbortSignal): Promise<void> {
    const { containerd } = this.#parts;
    while (!signal.aborted) {
      try {
        await containerd.tasks.wait(id, undefined, { signal, timeoutMs: 0 });
        return;
      } catch (error) {
        if (isKind(error, 'notFound') || signal.aborted) return;
        await containerd.waitReady(signal).catch(() => {});
        await this.#parts.clock.sleep(againAfterMs.first, signal).catch(() => {});
      }
    }
  }

  /**
   * Makes and starts the pause container. Resolves to the id of its process. The signal ends it between two steps
   * and never in one: a creation that is cut off in containerd goes on in runc for a while, and leaves a cgroup
   * behind whoever removes the rest.
   */
  async #make(sandbox: Sandbox, signal: AbortSignal): Promise<number> {
    this.#making += 1;
    try {
      return await this.#create(sandbox, signal);
    } finally {
      this.#making -= 1;
    }
  }

  async #create(sandbox: Sandbox, signal: AbortSignal): Promise<number> {
    const { containerd, runtimes, images, sandboxImage } = this.#parts;
    const { id } = sandbox;
    const runtime = runtimes.of(sandbox.record.runtimeHandler);
    const image = await images.ensure(sandboxImage, runtime.snapshotter, signal);
    const call = { lease: sandboxLease(id) };
    const spec = await this.#spec(sandbox, image);
    try {
      const record = containerd.containers.create(
        {
          id,
          labels: sandboxLabels(sandbox.config),
          image: sandboxImage,
          runtime: { name: runtime.type, ...(runtime.options && { options: runtime.options }) },
          spec: jsonAny(specTypeUrl, spec),
          snapshotter: runtime.snapshotter,
          snapshotKey: id,
          extensions: { [sandboxExtensionName]: sandboxExtension(sandbox), [pauseExtensionName]: pauseExtension() },
          sandboxId: '',
        },
        call,
      );
      const snapshot = prepareRoot(
        this.#parts,
        { key: id, image, snapshotter: runtime.snapshotter, labels: idMapLabels(spec.linux) },
        call,
      );
      const [rootfs] = await allSettledOrThrow([snapshot, record]);
      throwIfAborted(signal, 'create its task');
      const { pid } = await containerd.tasks.create(
        {
          containerId: id,
          rootfs: labelledRoot(rootfs, spec.linux.mountLabel),
          stdin: '',
          stdout: '',
          stderr: '',
          terminal: false,
          ...(runtime.options && { options: runtime.options }),
        },
        call,
      );
      await containerd.tasks.start(id, undefined, call);
      // With this record containerd puts later containers into this task's shim and skips the start of another
      // (10 to 15 ms). It trusts the record: one that is there before the task or after it makes them fail.
      await containerd.sandboxes.create({ sandboxId: id, runtime: { name: runtime.type }, sandboxer: 'shim' }, call);
      return pid;
    } catch (error) {
      throw wrapError(`make the pause container of pod sandbox "${id}"`, error);
    }
  }

  async #spec(sandbox: Sandbox, image: ImageFacts): Promise<OciSpec> {
    const { runtimes, sandboxImage, host, kernel, namespace } = this.#parts;
    const runtime = runtimes.of(sandbox.record.runtimeHandler);
    const seccompProfile = await readProfile(seccompFile(sandbox.config.linux?.securityContext ?? null));
    const spec = buildPauseSpec({
      id: sandbox.id,
      config: sandbox.config,
      namespaces: sandbox.record.namespaces,
      cgroupsPath: cgroupsPathOf(sandbox.id, sandbox, runtime, namespace),
      image: image.config,
      imageName: sandboxImage,
      host,
      passedAnnotations: passedAnnotations(sandbox.config.annotations, runtime.podAnnotations),
      ...(runtime.pauseIsPod && { guest: guestOf(sandbox, kernel) }),
      ...(seccompProfile !== undefined && { seccompProfile }),
      ...(sandbox.record.selinuxLevel !== undefined && { selinuxLevel: sandbox.record.selinuxLevel }),
    });
    await checkLabels(kernel, spec);
    return layOverBase(runtime.baseSpec, spec);
  }

  #remove(sandbox: Sandbox, task: 'ended' | 'unknown' = 'unknown'): Promise<void> {
    const { snapshotter } = this.#parts.runtimes.of(sandbox.record.runtimeHandler);
    return discardPause(this.#parts.containerd, sandbox.id, snapshotter, task);
  }
}

function guestOf(sandbox: Sandbox, kernel: PauseParts['kernel']): NonNullable<PauseSpecInput['guest']> {
  const name = sandbox.hostNetwork ? {} : { hostname: hostnameOf(sandbox, kernel) };
  return { ...name, sysctls: guestSysctls(sandbox.config) };
}
