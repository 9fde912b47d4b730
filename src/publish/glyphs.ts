/** Columns of a glyph. */
export const GLYPH_WIDTH = 5;
/** Rows of a glyph. */
export const GLYPH_HEIGHT = 7;
/** Columns from one glyph to the next. */
export const GLYPH_ADVANCE = 6;

/** Rows of each glyph from the top; the five low bits are the columns, leftmost first. */
const GLYPHS: Readonly<Record<string, readonly number[]>> = {
  "0": [0b01110, 0b10001, 0b10011, 0b10101, 0b11001, 0b10001, 0b01110],
  "1": [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
  "2": [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
  "3": [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
  "4": [0b00010, 0b00110, 0b01010, 0b10010, 0b11111, 0b00010, 0b00010],
  "5": [0b11111, 0b10000, 0b11110, 0b00001, 0b00001, 0b10001, 0b01110],
  "6": [0b00110, 0b01000, 0b10000, 0b11110, 0b10001, 0b10001, 0b01110],
  "7": [0b11111, 0b00001, 0b00010, 0b00100, 0b01000, 0b01000, 0b01000],
  "8": [0b01110, 0b10001, 0b10001, 0b01110, 0b10001, 0b10001, 0b01110],
  "9": [0b01110, 0b10001, 0b10001, 0b01111, 0b00001, 0b00010, 0b01100],
  ":": [0b00000, 0b00100, 0b00100, 0b00000, 0b00100, 0b00100, 0b00000],
  ".": [0b00000, 0b00000, 0b00000, 0b00000, 0b00000, 0b01100, 0b01100],
  "#": [0b01010, 0b01010, 0b11111, 0b01010, 0b11111, 0b01010, 0b01010],
};

/** Where and how {@link drawText} writes. */
export interface TextPlace {
  readonly left: number;
  readonly top: number;
  /** Luma samples for each dot of a glyph. */
  readonly scale: number;
  readonly value: number;
}

/** Width of a text in luma samples. */
export function textWidth(text: string, scale: number): number {
  return (text.length * GLYPH_ADVANCE - 1) * scale;
}

/** Draws digits, `:`, `.` and `#` into a luma plane; other characters are blank. The text must lie inside the plane. */
export function drawText(luma: Uint8Array, stride: number, text: string, place: TextPlace): void {
  for (let i = 0; i < text.length; i++) {
    const glyph = GLYPHS[text[i] ?? ""];
    if (glyph === undefined) continue;
    const glyphLeft = place.left + i * GLYPH_ADVANCE * place.scale;
    for (let row = 0; row < GLYPH_HEIGHT; row++) {
      const bits = glyph[row] ?? 0;
      for (let column = 0; column < GLYPH_WIDTH; column++) {
        if (((bits >> (GLYPH_WIDTH - 1 - column)) & 1) === 0) continue;
        const left = glyphLeft + column * place.scale;
        const top = place.top + row * place.scale;
        for (let y = top; y < top + place.scale; y++)
          luma.fill(place.value, y * stride + left, y * stride + left + place.scale);
      }
    }
  }
}
