import type { CardText } from "./card-text.ts";
import type { Font } from "./font.ts";
import { breakLines, firstLines } from "./line-breaks.ts";
import type { Size } from "./picture-format.ts";

/** Share of the width that words may take. */
const WIDTH_SHARE = 0.84;
/** Share of the height that everything may take. */
const HEIGHT_SHARE = 0.8;
/** The words' size, of the width and of the height: the smaller one counts. */
const SIZE_OF_WIDTH = 0.125;
const SIZE_OF_HEIGHT = 0.13;
/** The title's size, of the words'. */
const TITLE_SIZE = 0.52;
/** From line to line, of the size. */
const LINE_ADVANCE = 1.22;
/** Height of a capital letter, of the size. */
const CAP_HEIGHT = 0.73;
/** Lines of the words at most; the letters become smaller before the last one is cut. */
const WORDS_LINES_MAX = 5;
/** Lines of the title at most; what is left out ends with an ellipsis. */
const TITLE_LINES_MAX = 2;
/** Smallest letters, pixels. */
const LETTER_PIXELS_MIN = 7;
/** Each try is so much smaller than the one before. */
const SHRINK = 0.92;

/** A line of text on a card. */
export interface CardLine {
  readonly text: string;
  /** Size of its font, pixels. */
  readonly fontPixels: number;
  /** Where its letters stand, pixels from the top. */
  readonly baseline: number;
  /** The less important one of the two kinds. */
  readonly isQuiet: boolean;
  readonly font: Font;
}

/** Where everything is on a card, pixels. */
export interface CardLayout {
  readonly lines: readonly CardLine[];
  /** A short bar in the accent's colour. */
  readonly bar: { readonly x: number; readonly y: number; readonly width: number; readonly height: number };
}

interface Sized {
  readonly fontPixels: number;
  readonly lines: readonly string[];
  readonly isWhole: boolean;
}

function sized(text: CardText | undefined, fontPixels: number, width: number, linesMax: number): Sized {
  if (text === undefined) return { fontPixels, lines: [], isWhole: true };
  const inSizes = width / fontPixels;
  const all = breakLines(text.text, text.font, inSizes);
  return { fontPixels, lines: firstLines(all, linesMax, text.font, inSizes), isWhole: all.length <= linesMax };
}

/** Lays out a card of that size: the title above, the words large below, a bar between them and the rest; the letters as large as fits. */
export function layOut(size: Size, title: CardText | undefined, words: CardText | undefined): CardLayout {
  const width = size.width * WIDTH_SHARE;
  const heightMax = size.height * HEIGHT_SHARE;
  let fontPixels = Math.max(LETTER_PIXELS_MIN, Math.min(size.width * SIZE_OF_WIDTH, size.height * SIZE_OF_HEIGHT));
  for (;;) {
    const titleSized = sized(title, Math.max(LETTER_PIXELS_MIN, fontPixels * TITLE_SIZE), width, TITLE_LINES_MAX);
    const wordsSized = sized(words, fontPixels, width, WORDS_LINES_MAX);
    const gap = fontPixels * 0.62;
    const heights = [titleSized, wordsSized].map(({ fontPixels: each, lines }) =>
      lines.length === 0 ? 0 : each * (CAP_HEIGHT + (lines.length - 1) * LINE_ADVANCE),
    );
    const [titleHeight = 0, wordsHeight = 0] = heights;
    const barHeight = Math.max(1, Math.round(fontPixels * 0.085));
    const height = titleHeight + (titleHeight > 0 && wordsHeight > 0 ? gap : 0) + wordsHeight + gap + barHeight;
    const isSmallest = fontPixels * SHRINK < LETTER_PIXELS_MIN;
    if ((height > heightMax || !wordsSized.isWhole) && !isSmallest) {
      fontPixels *= SHRINK;
      continue;
    }
    const top = (size.height - height) / 2;
    const wordsTop = top + titleHeight + (titleHeight > 0 && wordsHeight > 0 ? gap : 0);
    const barWidth = Math.round(fontPixels * 1.1);
    return {
      lines: [...placed(titleSized, top, title?.font, true), ...placed(wordsSized, wordsTop, words?.font, false)],
      bar: {
        x: Math.round((size.width - barWidth) / 2),
        y: Math.round(wordsTop + wordsHeight + gap),
        width: barWidth,
        height: barHeight,
      },
    };
  }
}

function placed({ lines, fontPixels }: Sized, top: number, font: Font | undefined, isQuiet: boolean): CardLine[] {
  if (font === undefined) return [];
  return lines.map((text, i) => ({
    text,
    fontPixels: Math.round(fontPixels),
    baseline: Math.round(top + fontPixels * (CAP_HEIGHT + i * LINE_ADVANCE)),
    isQuiet,
    font,
  }));
}
