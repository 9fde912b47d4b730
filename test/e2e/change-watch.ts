import { systemClock } from "#time/system-clock.ts";
import { eventually } from "./deadline.ts";
import type { Platform } from "./platform.ts";

/** How often the playlist is asked for, milliseconds. */
const EVERY_MS = 25;

/** When a playlist first showed each of its discontinuities: the slate comes with one, and so does the picture after it. */
export interface ChangeWatch extends AsyncDisposable {
  /** Waits until there were `count` in all; when the last of them came, milliseconds of the monotonic clock. */
  until(count: number, ms: number): Promise<number>;
}

/** Watches stream `main` from now on. */
export function watchChanges(platform: Platform): ChangeWatch {
  const seenMs: number[] = [];
  const over = new AbortController();
  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      const answer = await fetch(`${platform.http}/live/main/source/index.m3u8`, { signal: over.signal });
      const text = await answer.text();
      const before = Number(/#EXT-X-DISCONTINUITY-SEQUENCE:(\d+)/.exec(text)?.[1] ?? 0);
      const count = before + text.split("\n").filter((line) => line === "#EXT-X-DISCONTINUITY").length;
      while (answer.ok && seenMs.length < count) seenMs.push(performance.now());
      await systemClock.sleep(EVERY_MS, over.signal);
    }
  };
  const done = run().catch((error: unknown) => {
    if (!over.signal.aborted) throw error;
  });
  return {
    until: (count, ms) => eventually(ms, `discontinuity ${count}`, () => Promise.resolve(seenMs[count - 1])),
    [Symbol.asyncDispose]: async () => {
      over.abort();
      await done;
    },
  };
}
