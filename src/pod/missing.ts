import { isKind } from '../lib/errors.ts';

/** Waits for an act whose aim is that something is gone: that it was not there is as good. */
export async function missingIsFine(act: Promise<unknown>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!isKind(error, 'notFound')) throw error;
  }
}
