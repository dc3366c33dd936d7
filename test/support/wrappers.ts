import { mkdir, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';

/**
 * Programs that stand before real ones and fail on demand. What one is to do instead of its work lies in a file
 * beside it and is a shell script, in which `$real` is the real program.
 */
export class Wrappers {
  readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Puts a program before a real one. Returns its path. */
  async wrap(name: string, real: string): Promise<string> {
    await mkdir(this.folder, { recursive: true });
    const file = path.join(this.folder, name);
    const script = ['#!/bin/sh', `real='${real}'`, `[ -e '${file}.instead' ] && . '${file}.instead'`, 'exec "$real" "$@"'];
    await writeFile(file, `${script.join('\n')}\n`, { mode: 0o755 });
    return file;
  }

  /** What the program does from now on, before or instead of the real one. */
  async instead(name: string, script: string): Promise<void> {
    await writeFile(path.join(this.folder, `${name}.instead`), `${script}\n`);
  }

  /** Lets the program work again. */
  async restore(name: string): Promise<void> {
    await rm(path.join(this.folder, `${name}.instead`), { force: true });
  }
}
