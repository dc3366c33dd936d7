import { CodedError, invalidField } from '../../lib/errors.ts';
import type { Container } from '../../pod/container.ts';
import type { Sandbox } from '../../pod/sandbox.ts';

/** Which streams a client asks for. */
export interface AskedStreams {
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdout: boolean;
  readonly stderr: boolean;
}

/** The streaming server, as the RPCs need it: each call gives the URL at which the client is served, once. */
export interface Streams {
  exec(container: Container, command: readonly string[], streams: AskedStreams): Promise<string>;
  attach(container: Container, streams: AskedStreams): Promise<string>;
  /** `ports` are for clients that cannot name one with each connection. */
  portForward(sandbox: Sandbox, ports: readonly number[]): Promise<string>;
}

/** INVALID_ARGUMENT for an empty id, as the streaming server of all other runtimes answers; one that is unknown is NOT_FOUND. */
export function requireId(field: string, id: string): void {
  if (id === '') throw invalidField(field, id, 'an id is needed');
}

/** INVALID_ARGUMENT for streams that cannot be had together, or none at all. */
export function checkStreams({ tty, stdin, stdout, stderr }: AskedStreams): void {
  if (tty && stderr) throw new CodedError('invalidArgument', 'stderr is true: with a tty there is none of its own, all is stdout');
  if (!stdin && !stdout && !stderr) throw new CodedError('invalidArgument', 'stdin, stdout and stderr are false: one of them is needed');
}

/** FAILED_PRECONDITION unless the container runs. */
export function mustRun(container: Container, what: string): void {
  if (container.state === 'CONTAINER_RUNNING') return;
  throw new CodedError('failedPrecondition', `${what} container "${container.id}": it is ${container.state}, not running`);
}
