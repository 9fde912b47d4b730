/** Shortest pause before a target is tried again, in milliseconds. */
export const RETRY_MS_MIN = 1_000;
/** Longest pause, in milliseconds. */
const RETRY_MS_MAX = 30_000;
/** The shortest pause may be so much longer. */
const JITTER = 1.5;

/** Pause before attempt `attempt` (from 1): doubling from 1 to 1.5 s up to 20 to 30 s, which it is by `random` (0 to 1), so that many do not come at once. */
export function retryDelayMs(attempt: number, random: number): number {
  const longestMs = Math.min(RETRY_MS_MAX, RETRY_MS_MIN * JITTER * 2 ** Math.min(16, attempt - 1));
  return (longestMs / JITTER) * (1 + (JITTER - 1) * random);
}
