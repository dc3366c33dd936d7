import assert from 'node:assert/strict';

/** Waits for a condition to come true, looking every few milliseconds; fails with what was waited for. */
export async function until(what: string, condition: () => boolean | Promise<boolean>, deadlineMs = 5_000): Promise<void> {
  const deadline = Date.now() + deadlineMs;
  while (!(await condition())) {
    assert.ok(Date.now() < deadline, `waited ${deadlineMs / 1000} s in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
