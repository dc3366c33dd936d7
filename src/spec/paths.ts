import path from 'node:path';

import { invalidField } from '../lib/errors.ts';

// The kernel's limits on a path and on a name in it, bytes (limits.h).
const maxPath = 4095;
const maxName = 255;

/** invalidArgument for what is no absolute path that the kernel would take. */
export function requireAbsolute(field: string, value: string): void {
  if (!path.posix.isAbsolute(value) || value.includes('\0')) throw invalidField(field, value, 'not an absolute path');
  requireShort(field, value);
}

/** invalidArgument for a path, or a name in it, that is longer than the kernel takes; `whole` is what it becomes. */
export function requireShort(field: string, value: string, whole = value): void {
  if (Buffer.byteLength(whole) > maxPath || whole.split('/').some((name) => Buffer.byteLength(name) > maxName)) {
    throw invalidField(field, value, `a path has at most ${maxPath} bytes and a name in it ${maxName}`);
  }
}

/** invalidArgument for text that is handed on to C, where it would end in its midst. */
export function requireNoNul(field: string, value: string): void {
  if (value.includes('\0')) throw invalidField(field, value, 'it has a NUL, at which it would end');
}
