/**
 * JSON for CRI messages at rest. A container's env values are bytes (cri-api v0.36.2), which plain JSON
 * would turn into arrays of numbers: under the key `value`, where alone the CRI has bytes, they become
 * {"$bytes": base64}. Nowhere else, so that a label or annotation named "$bytes" stays what it is.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(value, (key, item: unknown) =>
    key === 'value' && isBufferJson(item) ? { $bytes: Buffer.from(item.data).toString('base64') } : item,
  );
}

/** Reads what `toJson` wrote; throws a SyntaxError on anything that is not JSON. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (key, item: unknown) => {
    if (key !== 'value' || typeof item !== 'object' || item === null) return item;
    return '$bytes' in item && typeof item.$bytes === 'string' ? Buffer.from(item.$bytes, 'base64') : item;
  });
}

/** What Buffer's own toJSON leaves for the replacer to see. */
function isBufferJson(item: unknown): item is { readonly data: readonly number[] } {
  return (
    typeof item === 'object' &&
    item !== null &&
    'type' in item &&
    item.type === 'Buffer' &&
    'data' in item &&
    Array.isArray(item.data)
  );
}
