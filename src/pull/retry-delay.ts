/** Shortest pause before a source is tried again, milliseconds. */
export const RETRY_MS_MIN = 1000;
/** Longest pause, milliseconds. */
export const RETRY_MS_MAX = 30_000;

/** Pause before attempt `attempt` (from 1): up to 1, 2, 4 … 30 s, of which `random` (0 to 1) takes up to a quarter, but never less than 1 s. */
export function retryDelayMs(attempt: number, random: number): number {
  const longestMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * 2 ** Math.min(16, Math.max(0, attempt - 1)));
  return Math.max(RETRY_MS_MIN, longestMs * (1 - random / 4));
}
