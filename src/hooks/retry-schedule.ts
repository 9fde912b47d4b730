/** Milliseconds between attempts; the last one is repeated. */
const DELAYS_MS: readonly number[] = [5_000, 30_000, 120_000, 600_000];
/** No attempt is made for a message older than this, milliseconds: an hour. It is given up. */
export const MESSAGE_AGE_MS_MAX = 3_600_000;
/** Longest wait that a hook may ask for with `Retry-After`, milliseconds. */
export const RETRY_AFTER_MS_MAX = 600_000;
/** Part of a delay that is left to chance, so that the streams of a hook that comes back do not call all at once. */
const JITTER = 0.1;

/**
 * How long to wait after so many failed attempts, milliseconds; `undefined`: give up. About 5 s, 30 s, 2 min, then every 10 min for an hour
 * since the event, and longer where the hook asked for it.
 */
export function retryDelayMs(options: {
  /** Attempts so far, at least 1. */
  readonly attempts: number;
  /** Since the event, milliseconds. */
  readonly ageMs: number;
  /** What the hook asked for. */
  readonly retryAfterMs: number | undefined;
  /** From 0 up to 1. */
  readonly random: number;
}): number | undefined {
  const { attempts, ageMs, retryAfterMs = 0, random } = options;
  const usual = DELAYS_MS[Math.min(attempts, DELAYS_MS.length) - 1] ?? 0;
  const delayMs = Math.max(usual * (1 + JITTER * random), Math.min(retryAfterMs, RETRY_AFTER_MS_MAX));
  return ageMs + delayMs > MESSAGE_AGE_MS_MAX ? undefined : delayMs;
}
