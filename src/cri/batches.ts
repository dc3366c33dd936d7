import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Encoded } from './handlers.ts';

// Small enough that a call takes no more memory for a list of any length than for a short one (50 to 90 KiB, be it 100
// containers or 1,000: hack/bench/streamed-lists.ts) and that a message is one frame of HTTP/2, large enough that gRPC's
// own work for each message (some 50 µs) does not show. What podwright keeps of each Pod and container beside its record,
// its bytes in lists, some 1 kB, is not the call's: the first List or Stream makes it, and it stays for the next.
const mostItems = 100;
const mostBytes = 16_000;

/**
 * Answers a Stream RPC: each item once, in messages of at least one item, and none at all for no items. `encode`
 * gives an item's wire form as the only one of a message (see `CriServices.encodeResponse`), or undefined for one
 * to be left out; it is asked only when the item's turn has come. Other calls have their turn after each message.
 */
export async function sendItems<T>(
  items: readonly T[],
  encode: (item: T) => Buffer | undefined | Promise<Buffer | undefined>,
  send: (message: Encoded) => Promise<void>,
): Promise<void> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  const flush = async (): Promise<void> => {
    if (pieces.length === 0) return;
    const encoded = Buffer.concat(pieces);
    pieces = [];
    bytes = 0;
    await send({ encoded });
    await nextTurn();
  };
  for (const item of items) {
    const piece = await encode(item);
    if (piece === undefined) continue;
    if (bytes + piece.length > mostBytes) await flush();
    pieces.push(piece);
    bytes += piece.length;
    if (pieces.length >= mostItems) await flush();
  }
  await flush();
}
