// Runs the log thread from its TypeScript source: tsx translates for the main thread only.
import { register } from 'tsx/esm/api';

register();
await import('../../src/io/log-worker.ts');
