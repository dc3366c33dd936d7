import type { ImageSource } from './oci.ts';

/** What recipes are made from: programs of this machine and of this folder. */
export interface Ingredients {
  readonly busybox: Buffer;
  readonly applets: readonly string[];
  readonly pause: Buffer;
  /** `web PORT [PID-FILE [WORDS...]]` */
  readonly web: Buffer;
  readonly effectiveUid: Buffer;
}

/** A recipe, and every name that the image made by it goes under. */
export interface CatalogueEntry {
  readonly names: readonly string[];
  make(ingredients: Ingredients): ImageSource;
}
