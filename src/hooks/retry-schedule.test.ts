import { describe, expect, test } from "bun:test";
import { MESSAGE_AGE_MS_MAX, RETRY_AFTER_MS_MAX, retryDelayMs } from "./retry-schedule.ts";

const NEW = { ageMs: 0, retryAfterMs: undefined, random: 0 };

describe("attempts", () => {
  test("come after 5 s, 30 s, 2 min and every 10 min, for an hour", () => {
    const atSeconds: number[] = [];
    let ageMs = 0;
    for (let attempts = 1; ; attempts++) {
      const delayMs = retryDelayMs({ ...NEW, attempts, ageMs });
      if (delayMs === undefined) break;
      ageMs += delayMs;
      atSeconds.push(ageMs / 1000);
    }
    expect(atSeconds).toEqual([5, 35, 155, 755, 1355, 1955, 2555, 3155]);
  });

  test("of many streams do not come all at once", () => {
    expect(retryDelayMs({ ...NEW, attempts: 1, random: 0.5 })).toBe(5250);
    expect(retryDelayMs({ ...NEW, attempts: 9, random: 0.999 }) ?? 0).toBeWithin(600_000, 660_000);
  });

  test("come later where the hook asks for it, within limits, and never sooner", () => {
    expect(retryDelayMs({ ...NEW, attempts: 1, retryAfterMs: 20_000 })).toBe(20_000);
    expect(retryDelayMs({ ...NEW, attempts: 1, retryAfterMs: 1000 })).toBe(5000);
    expect(retryDelayMs({ ...NEW, attempts: 1, retryAfterMs: 1e12 })).toBe(RETRY_AFTER_MS_MAX);
  });

  test("end with the hour, however few they were", () => {
    expect(retryDelayMs({ ...NEW, attempts: 1, ageMs: MESSAGE_AGE_MS_MAX - 5000 })).toBe(5000);
    expect(retryDelayMs({ ...NEW, attempts: 1, ageMs: MESSAGE_AGE_MS_MAX - 4999 })).toBeUndefined();
  });
});
