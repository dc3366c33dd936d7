import { parseGlob } from '../lib/glob.ts';
import type { Glob } from '../lib/glob.ts';
import { tryParseReference } from './reference.ts';

/**
 * Which images the configuration pins. A pattern without `*`, `?` and `[` is a reference in any form and means that
 * one name; a glob is held against the whole name and against the name without its tag or digest, and its `*` goes
 * across slashes: `registry.k8s.io/*` is all of that registry.
 */
export class Pins {
  readonly #names = new Set<string>();
  readonly #globs: Glob[] = [];

  constructor(patterns: readonly string[]) {
    for (const pattern of patterns) {
      if (/[*?[]/.test(pattern)) this.#globs.push(parseGlob(pattern, { acrossSlashes: true }));
      else this.#names.add(tryParseReference(pattern)?.name ?? pattern);
    }
  }

  /** Whether an image is pinned by one of the names it goes by. */
  pin(image: { readonly repoTags: readonly string[]; readonly repoDigests: readonly string[] }): boolean {
    return [...image.repoTags, ...image.repoDigests].some((name) => this.pinsName(name));
  }

  /** Whether a whole name is pinned. */
  pinsName(name: string): boolean {
    if (this.#names.has(name)) return true;
    const { repository = name } = tryParseReference(name) ?? {};
    return this.#globs.some((glob) => glob.matches(name) || glob.matches(repository));
  }
}
