/** First pause before a connection is tried again, in milliseconds. */
export const RETRY_MS_MIN = 500;
/** Longest pause, in milliseconds. */
export const RETRY_MS_MAX = 10_000;

/** Pause before attempt `attempt` (from 1): doubling, capped, and 25 % longer or shorter by `random` (0 to 1), so that many do not come at once. */
export function retryDelayMs(attempt: number, random: number): number {
  const delayMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(16, attempt - 1));
  return delayMs * (0.75 + 0.5 * random);
}
