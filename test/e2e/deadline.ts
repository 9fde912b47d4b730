/** Awaits `promise`, or fails after `ms` saying what was awaited. */
export async function within<T>(ms: number, what: string, promise: Promise<T>): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms in vain for ${what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const POLL_MS = 50;

/** Asks `probe` again and again until it gives a value, or fails after `ms`. Errors of the probe count as "not yet". */
export async function eventually<T>(
  ms: number,
  what: string,
  probe: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const endMs = performance.now() + ms;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined) return value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > endMs) {
      throw new Error(`waited ${ms} ms in vain for ${what}${last instanceof Error ? `: ${last.message}` : ""}`);
    }
    await new Promise((wake) => setTimeout(wake, POLL_MS));
  }
}
