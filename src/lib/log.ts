/**
 * What podwright's parts need of a logger; pino's satisfies it. Only `main.ts` and `app.ts` know pino.
 * Fields first, then a message in lower case; ids go in fields (`podSandboxId`, `containerId`), secrets nowhere.
 */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
  child(fields: Record<string, unknown>): Log;
}

/** A logger that drops everything, for tests and for tools that have nothing to say. */
export const silentLog: Log = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  child: () => silentLog,
};
