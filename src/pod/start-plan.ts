import { CodedError, messageOf } from '../lib/errors.ts';
import type { Undo } from '../lib/undo.ts';

/**
 * One step of a plan. `needs` names the steps that must have ended well before it begins; steps that do not
 * need each other run side by side. The order of a Pod's start is this data and nothing else.
 */
export interface Step {
  readonly name: string;
  readonly needs?: readonly string[];
  readonly run: (signal: AbortSignal) => Promise<void> | void;
  /** How to take the step back; also called for a step that failed or was cut off half-way. */
  readonly undo?: { readonly what: string; readonly act: () => Promise<void> | void };
}

/** How long each step took and when it began, ms since the plan's start. */
export type StepTimes = Record<string, { readonly startMs: number; readonly tookMs: number }>;

/**
 * Runs a plan: every step as soon as what it needs is done. When one fails the others are told to stop, are
 * waited for, and the plan rejects with the first failure; the undo stack then holds the way back, in the
 * reverse of the order in which the steps began.
 */
export async function runPlan(steps: readonly Step[], undo: Undo, signal?: AbortSignal): Promise<StepTimes> {
  checkPlan(steps);
  const startedAt = performance.now();
  const times: StepTimes = {};
  const stop = new AbortController();
  const stopFromOutside = (): void => stop.abort(signal?.reason);
  if (signal?.aborted) stopFromOutside();
  signal?.addEventListener('abort', stopFromOutside, { once: true });
  let failure: { readonly error: unknown } | undefined;
  const done = new Map<string, Promise<boolean>>();

  const runStep = async (step: Step): Promise<boolean> => {
    const needed = await Promise.all((step.needs ?? []).map(async (name) => await done.get(name)));
    if (!needed.every((ended) => ended === true) || stop.signal.aborted) return false;
    const startMs = performance.now() - startedAt;
    if (step.undo !== undefined) undo.push(step.undo.what, step.undo.act);
    try {
      await step.run(stop.signal);
      times[step.name] = { startMs, tookMs: performance.now() - startedAt - startMs };
      return true;
    } catch (error) {
      failure ??= { error };
      stop.abort(new CodedError('canceled', `step "${step.name}" failed: ${messageOf(error)}`));
      return false;
    }
  };

  for (const step of steps) done.set(step.name, runStep(step));
  const outcomes = await Promise.all(done.values());
  signal?.removeEventListener('abort', stopFromOutside);
  if (failure !== undefined) throw failure.error;
  if (outcomes.includes(false)) throw stop.signal.reason;
  return times;
}

/** A plan may only need steps that stand before it in the list: so it has no cycle and no unknown name. */
function checkPlan(steps: readonly Step[]): void {
  const seen = new Set<string>();
  for (const step of steps) {
    for (const name of step.needs ?? []) {
      if (!seen.has(name)) throw new Error(`step "${step.name}" needs "${name}", which does not stand before it`);
    }
    seen.add(step.name);
  }
}
