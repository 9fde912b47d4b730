import { expect, test } from "bun:test";
import { retryDelayMs } from "./retry-delay.ts";
import { withoutKey } from "./without-key.ts";

test("a server's words lose the key, in whole, in part and as in a URL", () => {
  expect(withoutKey("stream abcd-efgh-1234 is not known", "abcd-efgh-1234")).toBe("stream <key> is not known");
  const key = "live_1234567?token=s3cret%value&x=1";
  expect(withoutKey("no live_1234567 with s3cret%value here: x=1", key)).toBe("no <key> with <key> here: x=1");
  expect(withoutKey(`GET /live_1234567%3Ftoken%3Ds3cret%25value%26x%3D1`, key)).not.toContain("s3cret");
  expect(withoutKey("nothing of it", "")).toBe("nothing of it");
});

test("pauses grow from a second to half a minute, and never two targets in step", () => {
  const shortest = Array.from({ length: 8 }, (_, i) => retryDelayMs(i + 1, 0));
  const longest = Array.from({ length: 8 }, (_, i) => retryDelayMs(i + 1, 1));
  expect(shortest.map(Math.round)).toEqual([1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]);
  expect(longest.map(Math.round)).toEqual([1500, 3000, 6000, 12_000, 24_000, 30_000, 30_000, 30_000]);
});
