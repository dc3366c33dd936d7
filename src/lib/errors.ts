import { inspect } from 'node:util';

/**
 * The kinds of failure podwright knows. They are containerd's error kinds, which are gRPC's status
 * codes under other names, so that an error keeps its kind on its way from containerd to the kubelet.
 */
export type ErrorKind =
  | 'canceled'
  | 'unknown'
  | 'invalidArgument'
  | 'deadlineExceeded'
  | 'notFound'
  | 'alreadyExists'
  | 'permissionDenied'
  | 'resourceExhausted'
  | 'failedPrecondition'
  | 'aborted'
  | 'outOfRange'
  | 'unimplemented'
  | 'internal'
  | 'unavailable'
  | 'dataLoss'
  | 'unauthenticated';

/** The words by which the kubelet knows errors that no gRPC status stands for (cri-api pkg/errors). */
export type ErrorReason = 'RegistryUnavailable' | 'SignatureValidationFailed' | 'RROUnsupported' | 'ImageVolumeMountFailed';

/**
 * The only error podwright throws on purpose. Match on `kind`, never on the message.
 * A message is lower case, says what was tried and on which id, and ends with the cause. A `reason` stands
 * before it, however often the error is wrapped: the kubelet looks at the message's beginning.
 */
export class CodedError extends Error {
  readonly kind: ErrorKind;
  readonly reason: ErrorReason | undefined;

  constructor(kind: ErrorKind, message: string, options?: { cause?: unknown; reason?: ErrorReason | undefined }) {
    super(options?.reason === undefined ? message : `${options.reason}: ${message}`, options);
    this.name = 'CodedError';
    this.kind = kind;
    this.reason = options?.reason;
  }
}

/**
 * The kind of any thrown value: its own where it is a CodedError, `resourceExhausted` for a full disk, `internal` for
 * everything else.
 */
export function kindOf(error: unknown): ErrorKind {
  if (error instanceof CodedError) return error.kind;
  return ['ENOSPC', 'EDQUOT'].includes(errnoOf(error) ?? '') ? 'resourceExhausted' : 'internal';
}

/** Whether `error` is a CodedError of one of the given kinds. */
export function isKind(error: unknown, ...kinds: ErrorKind[]): boolean {
  return error instanceof CodedError && kinds.includes(error.kind);
}

/** The message of any thrown value. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message;
  // String() throws for an object without a prototype, and this is called where nothing may be thrown.
  return typeof error === 'string' ? error : inspect(error);
}

/** Wraps `error` with what was being tried, keeping its kind and reason: `start task "abc": shim exited`. */
export function wrapError(what: string, error: unknown): CodedError {
  const reason = error instanceof CodedError ? error.reason : undefined;
  const message = reason === undefined ? messageOf(error) : messageOf(error).slice(reason.length + 2);
  return new CodedError(kindOf(error), `${what}: ${message}`, { cause: error, reason });
}

/** The errno name (`ENOENT`) of an error thrown by Node or by `linux/libc.ts`, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** An INVALID_ARGUMENT that names the field and the value it had. */
export function invalidField(field: string, value: unknown, why: string): CodedError {
  return new CodedError('invalidArgument', `${field} is ${JSON.stringify(value)}: ${why}`);
}
