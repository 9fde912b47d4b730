import { expect, test } from "bun:test";
import { assert, constantFrom, nat, oneof, property, string, tuple, webUrl } from "fast-check";
import { parsePath, parsePictureName, stillName } from "./request-path.ts";

const TIMELINE = "0123456789abcdef";

test("pictures have the names they are given, and no others", () => {
  expect(parsePictureName("poster.webp")).toEqual({ kind: "poster" });
  expect(parsePictureName("storyboard.vtt")).toEqual({ kind: "storyboard", form: "vtt" });
  expect(parsePictureName("storyboard.json")).toEqual({ kind: "storyboard", form: "json" });
  for (const rest of [
    "",
    "poster.webp/",
    "Poster.webp",
    "poster.webp%00",
    "storyboard",
    "storyboard.vtt/",
    "storyboard.xml",
    "still-.webp",
    `still-${TIMELINE}.webp`,
    `still-${TIMELINE}-1.webp`,
    `still-${TIMELINE}-01-0.webp`,
    `still-${TIMELINE}-1-00.webp`,
    `still-${TIMELINE}-+1-0.webp`,
    `still-${TIMELINE}-1-0.WEBP`,
    `still-${TIMELINE}-1-0.webp.webp`,
    `still-${TIMELINE}-1-0\n.webp`,
    `still-${TIMELINE}-1-0.webp\n`,
    `still-${TIMELINE}-1e3-0.webp`,
    `still-${TIMELINE}-1234567890123456-0.webp`,
    `still-${TIMELINE.toUpperCase()}-1-0.webp`,
    `still-${TIMELINE}-1-0/../poster.webp`,
    "still-webp",
  ])
    expect(parsePictureName(rest)).toBeUndefined();
});

test("each still has exactly one name", () => {
  const digits = string({ unit: constantFrom(..."0123456789abcdef"), minLength: 16, maxLength: 16 });
  const versions = tuple(digits, nat({ max: 1e15 - 1 }), nat({ max: 1e9 - 1 })).map(
    ([timeline, segment, index]) => `${timeline}-${segment}-${index}`,
  );
  assert(
    property(versions, (version) => {
      expect(parsePictureName(stillName(version))).toEqual({ kind: "still", version });
    }),
  );
});

test("whatever is asked for, a name that is taken is the name that was written", () => {
  const letters = string({ unit: constantFrom(..."still-.webp0123456789abcdef/%\n\u0000é"), maxLength: 80 });
  const near = letters.map((text) => `still-${text}.webp`);
  const mutated = tuple(nat({ max: 60 }), string({ maxLength: 2 })).map(([at, text]) => {
    const name = stillName(`${TIMELINE}-217000000-12`);
    return name.slice(0, at) + text + name.slice(at + 1);
  });
  assert(
    property(oneof(letters, near, mutated, string({ unit: "binary" })), (rest) => {
      const name = parsePictureName(rest);
      if (name?.kind === "still") expect(stillName(name.version)).toBe(rest);
      else if (name !== undefined) expect(rest).toMatch(/^(poster\.webp|storyboard\.(vtt|json))$/);
    }),
    { numRuns: 5000 },
  );
});

test("a URL of any letters is cut where its path and its query are, or refused", () => {
  assert(
    property(webUrl({ withQueryParameters: true }), string({ maxLength: 400 }), (url, text) => {
      const { pathname, search } = new URL(url);
      const target = `/live/main${pathname}`;
      const path = parsePath(`https://host${target}${search}`, 12);
      if (path === undefined) expect(target.length > 300 || search.length > 4096).toBe(true);
      else {
        expect(`/live/${path.stream}/${path.rest}`).toBe(target);
        expect(path.query === undefined ? "" : `?${path.query}`).toBe(search);
      }
      const odd = parsePath(`/live/${text}`, 0);
      if (odd !== undefined) expect(`/live/${odd.stream}`).toBe(`/live/${text}`.slice(0, 6 + odd.stream.length));
    }),
  );
});
