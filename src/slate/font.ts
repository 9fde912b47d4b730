import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { ByteReader } from "#bytes/reader.ts";
import { ProtocolError } from "#faults/fault.ts";

/** The typeface of cards: Latin, Greek, Cyrillic, Armenian, Georgian, Arabic and more. */
const OWN_FONT: string = fileURLToPath(new URL("./fonts/DejaVuSans-Bold.ttf", import.meta.url));
/** Tables of a font at most. */
const TABLES_MAX = 128;
/** Groups of characters of a font at most. */
const GROUPS_MAX = 65_536;
/** The mark of a collection of fonts: `ttcf`. */
const COLLECTION = 0x74746366;

/** How a font maps characters to glyphs: from `first` to `last`, glyphs counted on from `glyph`. */
interface Group {
  readonly first: number;
  readonly last: number;
  /** Glyph of a character. */
  readonly glyphOf: (character: number) => number;
}

/**
 * What has to be known of a TrueType or OpenType font to break lines: which characters it has, and how wide they are (ISO/IEC 14496-22 `cmap`,
 * `hmtx`). Of a collection the first font counts.
 */
export class Font {
  readonly path: string;
  readonly #groups: readonly Group[];
  readonly #advances: readonly number[];
  readonly #unitsPerEm: number;
  readonly #glyphs = new Map<string, number>();

  /** @throws ProtocolError `BYTES_INVALID`, `BYTES_TRUNCATED` when it is no font. */
  constructor(path: string, bytes: Uint8Array) {
    this.path = path;
    const tables = readTables(bytes);
    const table = (name: string): ByteReader => {
      const found = tables.get(name);
      if (found === undefined) throw new ProtocolError("BYTES_INVALID", `a font without ${name}`);
      return new ByteReader(found);
    };
    const head = table("head");
    head.skip(18);
    this.#unitsPerEm = Math.max(1, head.u16());
    const hhea = table("hhea");
    hhea.skip(34);
    const count = hhea.u16();
    const hmtx = table("hmtx");
    this.#advances = Array.from({ length: count }, () => {
      const advance = hmtx.u16();
      hmtx.skip(2);
      return advance;
    });
    this.#groups = readGroups(tables.get("cmap") ?? new Uint8Array(0));
  }

  /** Whether it has a glyph for a character; for what is not seen it needs none. */
  has(character: string): boolean {
    return /^[\p{White_Space}\p{Cf}\p{Mn}\p{Variation_Selector}]/u.test(character) || this.#glyphOf(character) > 0;
  }

  /** Width of a text in shares of the font's size. */
  widthOf(text: string): number {
    let units = 0;
    for (const character of text) {
      const glyph = this.#glyphOf(character);
      units += /\p{Mn}/u.test(character) ? 0 : (this.#advances[glyph] ?? this.#advances.at(-1) ?? 0);
    }
    return units / this.#unitsPerEm;
  }

  #glyphOf(character: string): number {
    const known = this.#glyphs.get(character);
    if (known !== undefined) return known;
    const code = character.codePointAt(0) ?? 0;
    const glyph = this.#groups.find(({ first, last }) => code >= first && code <= last)?.glyphOf(code) ?? 0;
    this.#glyphs.set(character, glyph);
    return glyph;
  }
}

/** Tables of a font by their names. */
function readTables(bytes: Uint8Array): Map<string, Uint8Array> {
  const reader = new ByteReader(bytes);
  if (reader.u32() === COLLECTION) {
    reader.skip(8);
    const first = reader.u32();
    reader.position = 0;
    reader.skip(first + 4);
  }
  const count = reader.u16();
  if (count > TABLES_MAX) throw new ProtocolError("BYTES_INVALID", `a font of ${count} tables`);
  reader.skip(6);
  const tables = new Map<string, Uint8Array>();
  for (let i = 0; i < count; i++) {
    const name = reader.text(4);
    reader.skip(4);
    const at = reader.u32();
    tables.set(name, bytes.subarray(at, at + reader.u32()));
  }
  return tables;
}

/** The groups of the best of a font's tables of Unicode: one of format 12 or of format 4. */
function readGroups(cmap: Uint8Array): Group[] {
  const reader = new ByteReader(cmap);
  reader.skip(2);
  const count = reader.u16();
  let best: { readonly format: number; readonly table: Uint8Array } | undefined;
  for (let i = 0; i < Math.min(count, TABLES_MAX); i++) {
    const platform = reader.u16();
    reader.skip(2);
    const table = cmap.subarray(reader.u32());
    const format = new ByteReader(table).u16();
    const isUnicode = platform === 0 || platform === 3;
    if (isUnicode && (format === 12 || (format === 4 && best === undefined))) best = { format, table };
  }
  if (best === undefined) throw new ProtocolError("BYTES_INVALID", "a font without characters of Unicode");
  return best.format === 12 ? readFormat12(best.table) : readFormat4(best.table);
}

function readFormat12(table: Uint8Array): Group[] {
  const reader = new ByteReader(table);
  reader.skip(12);
  const count = reader.u32();
  if (count > GROUPS_MAX) throw new ProtocolError("BYTES_INVALID", `a font of ${count} groups of characters`);
  return Array.from({ length: count }, () => {
    const [first, last, glyph] = [reader.u32(), reader.u32(), reader.u32()];
    return { first, last, glyphOf: (character) => glyph + character - first };
  });
}

function readFormat4(table: Uint8Array): Group[] {
  const view = new DataView(table.buffer, table.byteOffset, table.byteLength);
  const word = (at: number): number => (at + 2 <= view.byteLength ? view.getUint16(at) : 0);
  const doubled = word(6);
  return Array.from({ length: doubled >> 1 }, (_, i) => {
    const last = word(14 + 2 * i);
    const first = word(16 + doubled + 2 * i);
    const delta = word(16 + 2 * doubled + 2 * i);
    const rangeAt = 16 + 3 * doubled + 2 * i;
    const range = word(rangeAt);
    const glyphOf = (character: number): number => {
      if (range === 0) return (character + delta) & 0xffff;
      const glyph = word(rangeAt + range + 2 * (character - first));
      return glyph === 0 ? 0 : (glyph + delta) & 0xffff;
    };
    return { first, last, glyphOf };
  });
}

/** Reads a font's file. @throws ProtocolError when it is no font. */
export function readFont(path: string): Font {
  return new Font(path, readFileSync(path));
}

/** The font that comes with us. */
export function ownFont(): Font {
  return readFont(OWN_FONT);
}
