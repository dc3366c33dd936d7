/**
 * JSON for CRI messages at rest. A container's env values are bytes (cri-api v0.36.2), which plain JSON
 * would turn into arrays of numbers: under the key `value`, where alone the CRI has bytes, they become
 * {"$bytes": base64}. Nowhere else, so that a label or annotation named "$bytes" stays what it is.
 */
export function toJson(value: unknown): string {
  return JSON.stringify(withoutBytes(value));
}

/** Reads what `toJson` wrote; throws a SyntaxError on anything that is not JSON. */
export function fromJson(text: string): unknown {
  return JSON.parse(text, (key, item: unknown) => {
    if (key !== 'value' || typeof item !== 'object' || item === null) return item;
    return '$bytes' in item && typeof item.$bytes === 'string' ? Buffer.from(item.$bytes, 'base64') : item;
  });
}

/**
 * The same value with its bytes spelt out; what holds none is shared, not copied. A replacer of JSON.stringify
 * would not do: it sees a Buffer only after that has become an array of numbers, one a byte.
 */
function withoutBytes(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) {
    const items = value.map(withoutBytes);
    return items.every((item, index) => item === value[index]) ? value : items;
  }
  let copy: Record<string, unknown> | undefined;
  for (const [key, item] of Object.entries(value)) {
    const spelt = key === 'value' && Buffer.isBuffer(item) ? { $bytes: item.toString('base64') } : withoutBytes(item);
    if (spelt !== item) (copy ??= { ...value })[key] = spelt;
  }
  return copy ?? value;
}
