import type { Clock } from "#time/clock.ts";

/** Runs `work` with a signal that aborts with an Error after `ms` milliseconds, or with the reason of `outer` when that does. */
export async function withinTime<T>(
  options: { readonly clock: Clock; readonly ms: number; readonly outer: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const { clock, ms, outer } = options;
  const ended = new AbortController();
  const over = new AbortController();
  const stop = (): void => ended.abort(outer.reason);
  outer.addEventListener("abort", stop, { once: true });
  if (outer.aborted) stop();
  void clock.sleep(ms, over.signal).then(
    () => ended.abort(new Error(`no answer within ${ms} ms`)),
    () => undefined,
  );
  try {
    return await work(ended.signal);
  } finally {
    outer.removeEventListener("abort", stop);
    over.abort();
  }
}
