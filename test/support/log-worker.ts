/** The log thread's program for tests: the worker's TypeScript source, translated on the way. */
export const logWorkerUrl = new URL('./log-worker.mjs', import.meta.url);
