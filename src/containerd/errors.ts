import { status } from '@grpc/grpc-js';
import { CodedError } from '../lib/errors.ts';
import type { ErrorKind } from '../lib/errors.ts';
import { abortError } from '../lib/abort.ts';

/** The one table from gRPC's status codes to podwright's kinds; the way back is in the CRI server. */
const KINDS: ReadonlyMap<number, ErrorKind> = new Map([
  [status.CANCELLED, 'canceled'],
  [status.UNKNOWN, 'unknown'],
  [status.INVALID_ARGUMENT, 'invalidArgument'],
  [status.DEADLINE_EXCEEDED, 'deadlineExceeded'],
  [status.NOT_FOUND, 'notFound'],
  [status.ALREADY_EXISTS, 'alreadyExists'],
  [status.PERMISSION_DENIED, 'permissionDenied'],
  [status.RESOURCE_EXHAUSTED, 'resourceExhausted'],
  [status.FAILED_PRECONDITION, 'failedPrecondition'],
  [status.ABORTED, 'aborted'],
  [status.OUT_OF_RANGE, 'outOfRange'],
  [status.UNIMPLEMENTED, 'unimplemented'],
  [status.INTERNAL, 'internal'],
  [status.UNAVAILABLE, 'unavailable'],
  [status.DATA_LOSS, 'dataLoss'],
  [status.UNAUTHENTICATED, 'unauthenticated'],
]);

// What a deadline loses on its way to containerd, which is told the time left in whole milliseconds.
const clockSlackMs = 10;

/** How containerd hands on, as UNKNOWN, that a shim ended with a call under way. Another try may find another shim. */
const shimEnded = /\bttrpc: closed\b/;

/** How it hands on, as UNKNOWN, that a shim had not answered when the time was up. */
const shimTooLate = /\bcontext deadline exceeded\b/;

/** The kind that stands for a gRPC status code; `unknown` for a code that gRPC does not know. */
export function kindOfStatus(code: number): ErrorKind {
  return KINDS.get(code) ?? 'unknown';
}

/**
 * The CodedError for what a call to containerd failed with. A call that its own signal cancelled
 * carries the signal's reason, and one whose `deadline` (ms since the epoch) has come says so, so that a
 * deadline stays a deadline and is not taken for a cancellation. A shim that ended meanwhile is `aborted`.
 */
export function toCodedError(what: string, error: unknown, signal?: AbortSignal, deadline?: number): CodedError {
  if (!isStatus(error)) {
    if (error instanceof CodedError) return error;
    return new CodedError('internal', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
      cause: error,
    });
  }
  if (error.code === status.CANCELLED && signal?.aborted) return abortError(signal, what);
  if (deadline !== undefined && Date.now() >= deadline - clockSlackMs && isEcho(error)) {
    return new CodedError('deadlineExceeded', `${what}: containerd did not answer in time`, { cause: error });
  }
  const kind = kindOfStatus(error.code);
  return new CodedError(kind === 'unknown' && shimEnded.test(error.details ?? '') ? 'aborted' : kind, `${what}: ${detailsOf(error)}`, { cause: error });
}

/** Whether this may be how containerd says that a deadline came: it knows of it too, and may notice it first. */
function isEcho(error: Status): boolean {
  return error.code === status.CANCELLED || (error.code === status.UNKNOWN && shimTooLate.test(error.details ?? ''));
}

/**
 * grpc-js words a missing connection as `No connection established. Last error: Error: CAUSE. Resolution note: …`,
 * of which only the cause says anything to a person.
 */
export function transportReason(details: string): string {
  const cause = /Last error: (.*?)(?:\. Resolution note:.*|\.?)$/s.exec(details)?.[1];
  return (cause ?? details).replace(/^Error: /, '').trim() || 'no reason given';
}

/** Why containerd could not be reached, out of what `toCodedError` made of a failed call. */
export function reasonOf(error: unknown): string {
  const cause: unknown = error instanceof Error ? error.cause : undefined;
  if (isStatus(cause)) return transportReason(cause.details ?? '');
  return error instanceof Error ? error.message : String(error);
}

function detailsOf(error: Status): string {
  const details = error.details ?? '';
  if (error.code === status.UNAVAILABLE) return `containerd cannot be reached: ${transportReason(details)}`;
  return details || `containerd answered ${status[error.code] ?? error.code} without a reason`;
}

interface Status {
  readonly code: number;
  readonly details?: string;
}

function isStatus(error: unknown): error is Status {
  return typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'number';
}
