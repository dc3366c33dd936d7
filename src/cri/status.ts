import type { ErrorKind } from '../lib/errors.ts';
import { status } from '@grpc/grpc-js';
import { CodedError, messageOf } from '../lib/errors.ts';

const statusOfKind: Readonly<Record<ErrorKind, status>> = {
  canceled: status.CANCELLED,
  unknown: status.UNKNOWN,
  invalidArgument: status.INVALID_ARGUMENT,
  deadlineExceeded: status.DEADLINE_EXCEEDED,
  notFound: status.NOT_FOUND,
  alreadyExists: status.ALREADY_EXISTS,
  permissionDenied: status.PERMISSION_DENIED,
  resourceExhausted: status.RESOURCE_EXHAUSTED,
  failedPrecondition: status.FAILED_PRECONDITION,
  aborted: status.ABORTED,
  outOfRange: status.OUT_OF_RANGE,
  unimplemented: status.UNIMPLEMENTED,
  internal: status.INTERNAL,
  unavailable: status.UNAVAILABLE,
  dataLoss: status.DATA_LOSS,
  unauthenticated: status.UNAUTHENTICATED,
};

/** The gRPC status a failed call ends with. */
export interface CallStatus {
  readonly code: status;
  readonly details: string;
}

/**
 * Any thrown value as a status: a CodedError as its kind, everything else as INTERNAL with its message, since
 * a thrown plain error is a bug or an unforeseen errno and whoever reads `kubectl describe` has only this.
 */
export function toCallStatus(error: unknown): CallStatus {
  if (error instanceof CodedError) return { code: statusOfKind[error.kind], details: toDetails(error.message) };
  return { code: status.INTERNAL, details: toDetails(`internal error: ${messageOf(error)}`) };
}

/** A code's name as Go and its metrics write it: `OK`, `NotFound`, `Canceled`. */
export function codeName(code: status): string {
  if (code === status.OK) return 'OK';
  if (code === status.CANCELLED) return 'Canceled';
  return status[code].toLowerCase().replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

// The status travels in the HTTP/2 trailers, percent-encoded; clients refuse header lists that are much longer.
const maxEncodedLength = 8000;

/** Makes text fit for a status: whole characters only, and less than 8 KiB once percent-encoded. */
export function toDetails(text: string): string {
  // A lone half of a surrogate pair makes encodeURI throw in the midst of grpc-js; UTF-8 has no such thing.
  const wellFormed = Buffer.from(text, 'utf8').toString('utf8');
  let kept = wellFormed;
  for (let length = kept.length; encodedLength(kept) > maxEncodedLength; length = Math.floor(length * 0.8)) {
    kept = cutMiddle(wellFormed, length);
  }
  return kept;
}

// A message begins with what was tried and ends with the cause, so the middle is what can be missed.
function cutMiddle(text: string, length: number): string {
  const head = text.slice(0, Math.ceil(length * 0.6));
  const tail = text.slice(text.length - Math.floor(length * 0.4));
  return Buffer.from(`${head} … ${tail}`, 'utf8').toString('utf8');
}

function encodedLength(text: string): number {
  return encodeURI(text).length;
}
