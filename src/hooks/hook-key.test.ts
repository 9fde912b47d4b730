import { expect, test } from "bun:test";
import { array, assert, constantFrom, property } from "fast-check";
import { hookKeys, renamedKeys } from "./hook-key.ts";

const URLS = ["https://a.example/x?token=secret-a", "https://b.example/", "https://c.example/", "https://d.example/"];
const urls = array(constantFrom(...URLS), { maxLength: 6 });
const [A, B, C, D] = URLS.map((url) => hookKeys([url])[0] ?? "") as [string, string, string, string];

test("the keys of hooks differ, and tell nothing of their addresses", () => {
  assert(
    property(urls, (list) => {
      const keys = hookKeys(list);
      expect(new Set(keys).size).toBe(list.length);
      for (const key of keys) expect(key).toMatch(/^[0-9a-f]{32}(-\d)?$/);
    }),
  );
});

test.each([
  ["nothing changed", [A, B], [A, B], []],
  ["an address was changed", [A, B], [A, D], [[B, D]]],
  ["the first hook was removed", [A, B, C], [B, C], []],
  ["the last hook was removed", [A, B], [A], []],
  ["hooks changed places", [A, B], [B, A], []],
  ["a hook was put before others", [A, B], [D, A, B], []],
  [
    "every address was changed",
    [A, B],
    [C, D],
    [
      [A, C],
      [B, D],
    ],
  ],
] as const)("%s", (_, before, now, renamed) => {
  expect([...renamedKeys(before, now)]).toEqual(renamed.map(([from, to]) => [from, to]));
});

test("a new name is given once, to a hook that had none, and never to one that is still there", () => {
  assert(
    property(urls, urls, (first, second) => {
      const [before, now] = [hookKeys(first), hookKeys(second)];
      const renamed = renamedKeys(before, now);
      expect(new Set(renamed.values()).size).toBe(renamed.size);
      for (const [from, to] of renamed) {
        expect([before.includes(from), now.includes(from), before.includes(to), now.includes(to)]).toEqual([
          true,
          false,
          false,
          true,
        ]);
      }
    }),
  );
});
