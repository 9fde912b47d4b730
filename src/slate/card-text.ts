import type { Font } from "./font.ts";
import { ownFont } from "./font.ts";
import { systemFonts } from "./system-fonts.ts";

/** Characters of each text on a card at most; the rest is left out. */
const CARD_CHARACTERS_MAX = 200;
/** A text is left out when less than this share of its characters can be shown. */
const SHOWN_SHARE_MIN = 0.6;

/** A text with the font that has its characters. */
export interface CardText {
  readonly text: string;
  readonly font: Font;
}

/**
 * A text as a card shows it: on one line, without what cannot be shown, in our own font or, where that lacks its script, in one of the system's.
 * `undefined` when there is nothing to show, or no font for most of it.
 */
export function cardText(text: string, others: () => Iterable<Font> = systemFonts): CardText | undefined {
  const plain = text
    .normalize("NFC")
    .replaceAll(/[\p{Cc}\p{White_Space}]+/gu, " ")
    .trim();
  const characters = [...plain].slice(0, CARD_CHARACTERS_MAX);
  // Little pictures are no reason to look for another font.
  const written = characters.filter((character) => !/\p{Extended_Pictographic}/u.test(character));
  const missingIn = (font: Font): number => written.filter((character) => !font.has(character)).length;
  let font = ownFont();
  let missing = missingIn(font);
  if (missing > 0) {
    for (const other of others()) {
      const count = missingIn(other);
      if (count < missing) [font, missing] = [other, count];
      if (missing === 0) break;
    }
  }
  const shown = characters.filter((character) => font.has(character));
  const kept = shown.join("").replaceAll(/ {2,}/g, " ").trim();
  return /\S/.test(kept) && shown.length >= SHOWN_SHARE_MIN * characters.length ? { text: kept, font } : undefined;
}
