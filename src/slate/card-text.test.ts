import { expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { ByteWriter } from "#bytes/writer.ts";
import { ProtocolError } from "#faults/fault.ts";
import { layOut } from "./card-layout.ts";
import { cardText } from "./card-text.ts";
import { Font, ownFont, readFont } from "./font.ts";
import { breakLines, firstLines } from "./line-breaks.ts";

const own = ownFont();

/** A font of these characters alone, each as wide as its size. */
function fontOf(characters: string): Uint8Array {
  const codes = Array.from(characters, (character) => character.codePointAt(0) ?? 0).sort((a, b) => a - b);
  const cmap = new ByteWriter().u16(0).u16(1).u16(3).u16(10).u32(12);
  cmap
    .u16(12)
    .u16(0)
    .u32(16 + 12 * codes.length)
    .u32(0)
    .u32(codes.length);
  for (const [i, code] of codes.entries())
    cmap
      .u32(code)
      .u32(code)
      .u32(i + 1);
  const tables = {
    cmap: cmap.finish(),
    head: new ByteWriter().bytes(new Uint8Array(18)).u16(1000).finish(),
    hhea: new ByteWriter().bytes(new Uint8Array(34)).u16(1).finish(),
    hmtx: new ByteWriter().u16(1000).u16(0).finish(),
  };
  const file = new ByteWriter().u32(0x10000).u16(4).bytes(new Uint8Array(6));
  let at = 12 + 16 * 4;
  for (const [name, bytes] of Object.entries(tables)) {
    file.text(name).u32(0).u32(at).u32(bytes.byteLength);
    at += bytes.byteLength;
  }
  for (const bytes of Object.values(tables)) file.bytes(bytes);
  return file.finish().slice();
}

test("our font has the letters of Europe, and widths of its letters", () => {
  for (const text of ["Füßchen naïve Œuvre ¿Qué? Łódź", "Καλημέρα", "Добрый вечер", "مرحبا", "© € – … “”"])
    for (const character of text) expect(own.has(character)).toBe(true);
  expect(own.has("日")).toBe(false);
  expect(own.widthOf("W")).toBeGreaterThan(own.widthOf("i") * 2);
  expect(own.widthOf("Wi")).toBeCloseTo(own.widthOf("W") + own.widthOf("i"), 9);
});

test("a font of the system is taken for a script that ours lacks, and only then", () => {
  const other = new Font("other.ttf", fontOf("日本語の配信です"));
  const asked: string[] = [];
  const others = (): Font[] => {
    asked.push("asked");
    return [other];
  };
  expect(cardText("日本語 の配信", others)).toMatchObject({ text: "日本語 の配信", font: { path: "other.ttf" } });
  expect(asked).toHaveLength(1);
  expect(cardText("Live now 🎉🎉", others)).toMatchObject({ text: "Live now", font: { path: own.path } });
  expect(asked).toHaveLength(1);
  expect(cardText("日本語の配信", () => [])).toBeUndefined();
  // The font that has most of it.
  expect(cardText("Saturday 日", others)).toMatchObject({ text: "Saturday", font: { path: own.path } });
  expect(other.widthOf("日本")).toBe(2);
});

test("controls and runs of spaces are one space; nothing gives nothing; length is bounded", () => {
  expect(cardText(" a\n\tb\u0000 c ", () => [])?.text).toBe("a b c");
  expect(cardText(" \n ", () => [])).toBeUndefined();
  expect(cardText("x".repeat(5000), () => [])?.text).toHaveLength(200);
  expect(cardText("%{localtime} it's 100% \\ : ; , [in]", () => [])?.text).toBe("%{localtime} it's 100% \\ : ; , [in]");
});

test("lines are no wider than allowed, about as long as each other, and lose no word", () => {
  expect(breakLines("We'll be right back", own, 100)).toEqual(["We'll be right back"]);
  expect(breakLines("We'll be right back", own, 8)).toEqual(["We'll be", "right back"]);
  fc.assert(
    fc.property(fc.string({ unit: "grapheme", maxLength: 120 }), fc.double({ min: 2, max: 40 }), (text, width) => {
      const lines = breakLines(text, own, width);
      for (const line of lines) expect(own.widthOf(line) <= width || [...line].length <= 12).toBe(true);
      expect(lines.join("").replaceAll(/\s/gu, "")).toBe(text.replaceAll(/\s/gu, ""));
    }),
    { interruptAfterTimeLimit: 2000 },
  );
  expect(firstLines(["one", "two two", "three"], 2, own, 4)).toEqual(["one", "two t…"]);
});

test("whatever is written fits any size of card", () => {
  const side = fc.integer({ min: 90, max: 2200 });
  fc.assert(
    fc.property(side, side, fc.string({ maxLength: 200 }), fc.string({ maxLength: 200 }), (width, height, a, b) => {
      const text = (raw: string): ReturnType<typeof cardText> => cardText(raw, () => []);
      const { lines, bar } = layOut({ width, height }, text(a), text(b));
      for (const { baseline, fontPixels, text: line, font } of lines) {
        expect(font.widthOf(line) * fontPixels).toBeLessThanOrEqual(width);
        // The smallest letters may need more room than there is.
        if (fontPixels <= 8) continue;
        expect(baseline - fontPixels).toBeGreaterThan(-fontPixels / 2);
        expect(baseline).toBeLessThanOrEqual(height);
      }
      expect(bar.x).toBeGreaterThanOrEqual(0);
      expect(bar.x + bar.width).toBeLessThanOrEqual(width);
    }),
    { interruptAfterTimeLimit: 3000 },
  );
});

test("what is no font is refused, whatever is in it", () => {
  const good = fontOf("abc");
  const folder = mkdtempSync(join(tmpdir(), "grandstand-font-"));
  writeFileSync(join(folder, "a.ttf"), good);
  expect(readFont(join(folder, "a.ttf")).has("a")).toBe(true);
  rmSync(folder, { recursive: true });
  const change = fc.tuple(fc.nat(good.byteLength - 1), fc.integer({ min: 0, max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { maxLength: 8 }), fc.nat(good.byteLength), (changes, length) => {
      const bytes = good.slice(0, length);
      for (const [at, value] of changes) if (at < length) bytes[at] = value;
      try {
        new Font("x", bytes).widthOf("abc");
      } catch (error) {
        expect(error).toBeInstanceOf(ProtocolError);
      }
    }),
    { interruptAfterTimeLimit: 2000 },
  );
});
