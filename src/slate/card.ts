import type { Frame } from "node-av/lib";
import type { SlateRequest } from "#media/slate.ts";
import { CARD_CHARACTERS_MAX, type CardLayout, type CardText, layOut } from "./card-layout.ts";
import { type Font, ownFont } from "./font.ts";
import { type Coverage, drawLines } from "./lettering.ts";
import type { Size } from "./picture-format.ts";
import { PIXEL_BYTES, type Pixels, pixelsOf, rgbPicture, toRgb } from "./rgb-picture.ts";

/** Colours as blue, green, red. */
type Colour = readonly [number, number, number];
/** Those of the pages' dark rooms: ground, a lighter one, text, accent. */
const GROUND: Colour = [13, 15, 12];
const RAISED: Colour = [41, 46, 40];
const INK: Colour = [242, 244, 241];
const ACCENT: Colour = [114, 216, 64];
/** What is left of a background's light. */
const BACKGROUND_SHARE = 0.38;
/** Size of the picture that a background is blurred in: its longer side, pixels. */
const BLURRED_SIDE = 96;
/** How far it is blurred there, pixels to either side, and how often: three times a box is nearly a bell. */
const BLUR_RADIUS = 2;
const BLUR_PASSES = 3;

/** Draws a card. `background` is a decoded picture, which stays the caller's. The receiver frees the card. */
export function drawCard(request: Pick<SlateRequest, "title" | "words">, size: Size, background?: Frame): Frame {
  const picture = background === undefined ? rgbPicture(size) : blurred(background, size);
  const pixels = pixelsOf(picture);
  if (background === undefined) paintGround(pixels);
  else darken(pixels);
  const font = ownFont();
  const layout = layOut(size, textOf(request.title, font), textOf(request.words, font));
  drawLines(size, layout.lines, (coverage) => cover(pixels, coverage));
  if (layout.lines.length > 0) paintBar(pixels, layout);
  return picture;
}

function textOf(text: string, font: Font): CardText | undefined {
  const plain = text
    .normalize("NFC")
    .replaceAll(/[\p{Cc}\p{White_Space}]+/gu, " ")
    .trim();
  const kept = [...plain].slice(0, CARD_CHARACTERS_MAX).join("");
  return kept === "" ? undefined : { text: kept, font };
}

/** A dark room with a little light from above; grain of less than one step hides the steps of the shade. */
function paintGround({ bytes, strideBytes, width, height }: Pixels): void {
  const shades = new Float32Array(width);
  let seed = 1;
  for (let y = 0; y < height; y++) {
    const fromTop = (y / height - 0.18) * 1.25;
    for (let x = 0; x < width; x++) {
      const aside = (x / width - 0.5) * 1.3;
      shades[x] = Math.max(0, 1 - Math.sqrt(aside * aside + fromTop * fromTop));
    }
    for (let x = 0; x < width; x++) {
      const shade = (shades[x] ?? 0) ** 1.6;
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      const grain = (seed >>> 16) / 65_536;
      const at = y * strideBytes + x * PIXEL_BYTES;
      for (let i = 0; i < 3; i++) {
        const ground = GROUND[i] ?? 0;
        bytes[at + i] = ground + ((RAISED[i] ?? 0) - ground) * shade + grain;
      }
      bytes[at + 3] = 255;
    }
  }
}

/** A picture in so few pixels that blurring costs nothing, blurred, and in its full size again, cut to fill the card. */
function blurred(background: Frame, size: Size): Frame {
  const scale = BLURRED_SIDE / Math.max(size.width, size.height);
  const side = (pixels: number): number => Math.max(4, Math.round(pixels * scale));
  const small = toRgb(background, { width: side(size.width), height: side(size.height) });
  try {
    const pixels = pixelsOf(small);
    for (let i = 0; i < BLUR_PASSES; i++) {
      blurLines(pixels, pixels.width, pixels.height, PIXEL_BYTES, pixels.strideBytes);
      blurLines(pixels, pixels.height, pixels.width, pixels.strideBytes, PIXEL_BYTES);
    }
    return toRgb(small, size);
  } finally {
    small.free();
  }
}

/** Averages each pixel of `count` lines of `length` pixels with its neighbours in the line. */
function blurLines({ bytes }: Pixels, length: number, count: number, stepBytes: number, lineBytes: number): void {
  const line = new Uint8Array(length);
  for (let number = 0; number < count; number++) {
    for (let channel = 0; channel < 3; channel++) {
      const start = number * lineBytes + channel;
      for (let i = 0; i < length; i++) line[i] = bytes[start + i * stepBytes] ?? 0;
      for (let i = 0; i < length; i++) {
        let sum = 0;
        for (let d = -BLUR_RADIUS; d <= BLUR_RADIUS; d++) sum += line[Math.min(length - 1, Math.max(0, i + d))] ?? 0;
        bytes[start + i * stepBytes] = Math.round(sum / (2 * BLUR_RADIUS + 1));
      }
    }
  }
}

function darken({ bytes, strideBytes, width, height }: Pixels): void {
  for (let y = 0; y < height; y++) {
    for (let at = y * strideBytes; at < y * strideBytes + width * PIXEL_BYTES; at += PIXEL_BYTES)
      for (let i = 0; i < 3; i++) bytes[at + i] = (bytes[at + i] ?? 0) * BACKGROUND_SHARE + (GROUND[i] ?? 0) * 0.4;
  }
}

function cover({ bytes, strideBytes }: Pixels, coverage: Coverage): void {
  for (let y = 0; y < coverage.height; y++) {
    for (let x = 0; x < coverage.width; x++) {
      const share = (coverage.bytes[y * coverage.strideBytes + x] ?? 0) / 255;
      if (share === 0) continue;
      const at = y * strideBytes + x * PIXEL_BYTES;
      for (let i = 0; i < 3; i++) bytes[at + i] = (bytes[at + i] ?? 0) * (1 - share) + (INK[i] ?? 0) * share;
    }
  }
}

function paintBar({ bytes, strideBytes }: Pixels, { bar }: CardLayout): void {
  if (bar === undefined) return;
  for (let y = bar.y; y < bar.y + bar.height; y++)
    for (let x = bar.x; x < bar.x + bar.width; x++) bytes.set(ACCENT, y * strideBytes + x * PIXEL_BYTES);
}
