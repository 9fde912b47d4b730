import type { Font } from "./font.ts";

/** Ends a text that does not fit. */
const ELLIPSIS = "…";

const graphemes = new Intl.Segmenter("und", { granularity: "grapheme" });
const words = new Intl.Segmenter("und", { granularity: "word" });

/** A text in pieces that lines may be broken between; spaces belong to the piece before them. */
function piecesOf(text: string, font: Font, width: number): string[] {
  const pieces: string[] = [];
  for (const word of text.split(/(?<=\s)/u)) {
    const parts = font.widthOf(word.trimEnd()) <= width ? [word] : segmentsOf(words, word);
    for (const part of parts) {
      // A word wider than a line is broken anywhere.
      if (font.widthOf(part.trimEnd()) <= width) pieces.push(part);
      else pieces.push(...segmentsOf(graphemes, part));
    }
  }
  return pieces;
}

function segmentsOf(segmenter: Intl.Segmenter, text: string): string[] {
  return Array.from(segmenter.segment(text), ({ segment }) => segment);
}

function fill(pieces: readonly string[], font: Font, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const piece of pieces) {
    if (line !== "" && font.widthOf((line + piece).trimEnd()) > width) {
      lines.push(line.trim());
      line = "";
    }
    line += piece;
  }
  if (line.trim() !== "") lines.push(line.trim());
  return lines;
}

/** Breaks a text into as few lines as can be, none wider than `width` (in shares of the font's size) and all about as long. */
export function breakLines(text: string, font: Font, width: number): string[] {
  const pieces = piecesOf(text, font, width);
  let lines = fill(pieces, font, width);
  const { length } = lines;
  if (length < 2) return lines;
  // As narrow as the same number of lines allows.
  let [low, high] = [width / 2, width];
  for (let i = 0; i < 8; i++) {
    const middle = (low + high) / 2;
    const tried = fill(pieces, font, middle);
    const fits = tried.length === length && tried.every((line) => font.widthOf(line) <= width);
    if (fits) [high, lines] = [middle, tried];
    else low = middle;
  }
  return lines;
}

/** Keeps the first lines; the last one that is kept ends with an ellipsis when others are left out. */
export function firstLines(lines: readonly string[], count: number, font: Font, width: number): string[] {
  if (lines.length <= count) return [...lines];
  const kept = lines.slice(0, count);
  const last = segmentsOf(graphemes, kept.pop() ?? "");
  while (last.length > 0 && font.widthOf(last.join("") + ELLIPSIS) > width) last.pop();
  return [...kept, last.join("").trimEnd() + ELLIPSIS];
}
