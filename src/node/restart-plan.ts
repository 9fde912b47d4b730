/** Crashes in a row that were close together. */
export interface RestartHistory {
  readonly crashes: number;
}

/** The next crash of a process that lived this long counts as the first, milliseconds. */
const RECOVERED_MS = 2000;
/** Crashes close together that are answered at once. */
const IMMEDIATE_CRASHES = 5;
/** First pause, milliseconds; doubled at each further crash. */
const PAUSE_MS = 100;
/** Longest pause between a crash and the next start, milliseconds. */
const PAUSE_MS_MAX = 10_000;

/** When to start again after a crash of a process that lived `aliveMs`: at once, but later and later when it crashes every few moments. */
export function nextRestart(
  history: RestartHistory,
  aliveMs: number,
): { readonly history: RestartHistory; readonly delayMs: number } {
  const crashes = aliveMs >= RECOVERED_MS ? 1 : history.crashes + 1;
  const extra = crashes - IMMEDIATE_CRASHES;
  const delayMs = extra <= 0 ? 0 : Math.min(PAUSE_MS_MAX, PAUSE_MS * 2 ** (extra - 1));
  return { history: { crashes }, delayMs };
}
