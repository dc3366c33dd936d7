import type { ErrorKind } from '../lib/errors.ts';
import type { LogStream } from './log-line.ts';
import type { TapEnd } from './log-tap.ts';

/** Which FIFOs a container's output comes from and where it goes. */
export interface ContainerLogSpec {
  readonly containerId: string;
  readonly stdout?: string | undefined;
  readonly stderr?: string | undefined;
  /** The CRI log file; empty: the output is read and thrown away. */
  readonly logPath: string;
  /** The container's folder on the tmpfs, for what has to survive a kill of podwright. */
  readonly stateDir: string;
}

/** What the main thread asks of the log thread. */
export type LogRequest =
  | { readonly op: 'open'; readonly seq: number; readonly spec: ContainerLogSpec }
  | { readonly op: 'reopen' | 'finish' | 'close'; readonly seq: number; readonly containerId: string }
  | { readonly op: 'tap'; readonly seq: number; readonly containerId: string; readonly tapId: number; readonly stream: LogStream; readonly fd: number }
  | { readonly op: 'untap'; readonly seq: number; readonly tapId: number }
  | { readonly op: 'stop'; readonly seq: number };

/** An error in a form that passes between threads. */
export interface FlatError {
  readonly kind: ErrorKind;
  readonly message: string;
  /** Its errno's name, where it has one. */
  readonly code: string | undefined;
}

/** Records that did not get into a log since the last such message. */
export interface DroppedRecords {
  readonly containerId: string;
  readonly records: number;
  readonly bytes: number;
  /** Why: `ENOSPC`, … */
  readonly reason: string;
}

/** What the log thread tells the main thread. */
export type LogNotice =
  | { readonly op: 'done'; readonly seq: number; readonly error?: FlatError }
  | { readonly op: 'tapEnded'; readonly tapId: number; readonly why: TapEnd }
  | { readonly op: 'drained'; readonly containerId: string }
  | { readonly op: 'dropped'; readonly dropped: DroppedRecords }
  | { readonly op: 'warning'; readonly containerId: string; readonly message: string };
