/** Waits for all, so that none is still at work when the first failure is told; answers the values. */
export async function allSettledOrThrow<T extends readonly unknown[]>(acts: {
  readonly [K in keyof T]: Promise<T[K]>;
}): Promise<T> {
  await Promise.allSettled(acts);
  return (await Promise.all(acts)) as unknown as T;
}
