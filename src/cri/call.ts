import type { ServerUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type { CallContext, RpcName } from './handlers.ts';
import type { Calls } from './calls.ts';
import type { CallStatus } from './status.ts';
import type { ErrorKind } from '../lib/errors.ts';
import type { Log } from '../lib/log.ts';
import { abortError } from '../lib/abort.ts';
import { CodedError, kindOf, messageOf } from '../lib/errors.ts';
import { isPolled, isStreaming } from './rpc-names.ts';
import { requestIds } from './request-ids.ts';
import { codeName, toCallStatus } from './status.ts';

/** What every call runs in. */
export interface CallScope {
  readonly log: Log;
  readonly calls: Calls;
  /** Told of each call that ended. */
  readonly onEnded?: ((outcome: CallOutcome) => void) | undefined;
}

/** How a call ended, as metrics count it. */
export interface CallOutcome {
  readonly name: RpcName;
  /** Its gRPC code as Go writes it: `OK`, `NotFound`. */
  readonly code: string;
  readonly ms: number;
}

/** A call of grpc-js, as far as both adapters need it. */
export type GrpcCall = ServerUnaryCall<object, object> | ServerWritableStream<object, object>;

/** How a call ended. */
export type Outcome<T> = { readonly value: T } | { readonly failure: CallStatus };

/**
 * Runs one call: a deadline and a cancellation become the abort of one signal, and whatever is thrown, also
 * before the first await, becomes a status and one line in the log. Never rejects: grpc-js turns a rejection
 * into a dead process and a client that waits for its deadline.
 */
export async function runCall<T>(
  scope: CallScope,
  name: RpcName,
  call: GrpcCall,
  act: (context: CallContext) => Promise<T>,
): Promise<Outcome<T>> {
  const { refusal } = scope.calls;
  if (refusal !== undefined) return { failure: toCallStatus(refusal) };
  const log = scope.log.child({ rpc: name, ...requestIds(call.request) });
  const running = scope.calls.begin(isStreaming(name));
  const startedMs = performance.now();
  // grpc-js emits this for a deadline, a cancellation and a lost connection alike, and once more when the call
  // has ended well; by then nobody listens any longer.
  const onCancelled = (): void => running.abort(whyCancelled(call));
  call.once('cancelled', onCancelled);
  try {
    const value = await act({ signal: running.signal, log });
    // A stream that returns because it was aborted did not reach its end, and must not look as if it had.
    if (isStreaming(name) && running.signal.aborted) throw abortError(running.signal, name);
    const ms = since(startedMs);
    log.debug({ ms }, 'rpc done');
    scope.onEnded?.({ name, code: 'OK', ms });
    return { value };
  } catch (thrown) {
    const error = isAbort(thrown, running.signal) ? abortError(running.signal, name) : thrown;
    const ms = since(startedMs);
    logFailure(log, name, error, ms);
    const failure = toCallStatus(error);
    scope.onEnded?.({ name, code: codeName(failure.code), ms });
    return { failure };
  } finally {
    call.off('cancelled', onCancelled);
    running.end();
  }
}

function whyCancelled(call: GrpcCall): CodedError {
  const deadlineMs = Number(call.getDeadline());
  return Date.now() >= deadlineMs
    ? new CodedError('deadlineExceeded', 'the deadline of the call has passed')
    : new CodedError('canceled', 'the client gave the call up');
}

/** Whether `thrown` is only the echo of the abort, as Node's own functions throw it. */
function isAbort(thrown: unknown, signal: AbortSignal): boolean {
  if (!signal.aborted || thrown instanceof CodedError) return false;
  return thrown instanceof Error && (thrown.name === 'AbortError' || thrown.name === 'TimeoutError');
}

function logFailure(log: Log, name: RpcName, error: unknown, ms: number): void {
  const fields = { ms, kind: kindOf(error), error: messageOf(error) };
  if (!(error instanceof CodedError)) {
    // Not thrown on purpose: a bug, or an errno nobody thought of.
    log.error({ ...fields, stack: error instanceof Error ? error.stack : undefined }, 'rpc failed unexpectedly');
    return;
  }
  log[levelOf(error.kind, isPolled(name))](fields, 'rpc failed');
}

/** The level at which a refusal is worth a line: what the client asked wrongly is its affair, the rest is ours. */
export function levelOf(kind: ErrorKind, polled: boolean): 'debug' | 'info' | 'warn' | 'error' {
  switch (kind) {
    case 'canceled':
    case 'invalidArgument':
    case 'notFound':
    case 'alreadyExists':
    case 'failedPrecondition':
    case 'outOfRange':
    case 'unimplemented':
      return polled ? 'debug' : 'info';
    case 'internal':
    case 'dataLoss':
      return 'error';
    case 'unknown':
    case 'deadlineExceeded':
    case 'permissionDenied':
    case 'resourceExhausted':
    case 'aborted':
    case 'unavailable':
    case 'unauthenticated':
      return 'warn';
  }
}

function since(startedMs: number): number {
  return Math.round((performance.now() - startedMs) * 10) / 10;
}
