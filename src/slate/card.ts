import type { Frame } from "node-av/lib";
import type { SlateRequest } from "#media/slate.ts";
import { type CardLayout, layOut } from "./card-layout.ts";
import { cardText } from "./card-text.ts";
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
/** Steps of the ground's shade, and the square of the distance at which it ends. */
const SHADES = 4096;
const LIGHT_REACH = 1;
/** What is left of a background's light. */
const BACKGROUND_SHARE = 0.32;
/** What is left of the difference between its colours and grey. */
const COLOUR_SHARE = 0.7;
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
  const layout = layOut(size, cardText(request.title), cardText(request.words));
  drawLines(size, layout.lines, (coverage) => cover(pixels, coverage));
  if (layout.lines.length > 0) paintBar(pixels, layout);
  return picture;
}

/** A dark room with a little light from above; grain of less than one step hides the steps of the shade. */
function paintGround({ bytes, strideBytes, width, height }: Pixels): void {
  const view = new Uint32Array(bytes.buffer, bytes.byteOffset, (strideBytes * height) / PIXEL_BYTES);
  const asideSquared = Float64Array.from({ length: width }, (_, x) => ((x / width - 0.5) * 1.3) ** 2);
  const shades = Float64Array.from(
    { length: SHADES + 1 },
    (_, i) => Math.max(0, 1 - Math.sqrt((i * LIGHT_REACH) / SHADES)) ** 1.6,
  );
  const [span0, span1, span2] = [RAISED[0] - GROUND[0], RAISED[1] - GROUND[1], RAISED[2] - GROUND[2]];
  let seed = 1;
  for (let y = 0; y < height; y++) {
    const fromTop = ((y / height - 0.18) * 1.25) ** 2;
    const row = (y * strideBytes) / PIXEL_BYTES;
    for (let x = 0; x < width; x++) {
      const distance = Math.min(LIGHT_REACH, (asideSquared[x] ?? 0) + fromTop);
      const shade = shades[((distance / LIGHT_REACH) * SHADES) | 0] ?? 0;
      seed = (Math.imul(seed, 1664525) + 1013904223) | 0;
      const grain = (seed >>> 16) / 65_536;
      const blue = (GROUND[0] + span0 * shade + grain) | 0;
      const green = (GROUND[1] + span1 * shade + grain) | 0;
      const red = (GROUND[2] + span2 * shade + grain) | 0;
      view[row + x] = 0xff000000 | (red << 16) | (green << 8) | blue;
    }
  }
}

/** A picture in so few pixels that blurring costs nothing, blurred, and in the card's size again. */
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
    for (let at = y * strideBytes; at < y * strideBytes + width * PIXEL_BYTES; at += PIXEL_BYTES) {
      const grey = ((bytes[at] ?? 0) + 5 * (bytes[at + 1] ?? 0) + 2 * (bytes[at + 2] ?? 0)) / 8;
      for (let i = 0; i < 3; i++) {
        const calm = grey + ((bytes[at + i] ?? 0) - grey) * COLOUR_SHARE;
        bytes[at + i] = Math.round(calm * BACKGROUND_SHARE + (GROUND[i] ?? 0) * (1 - BACKGROUND_SHARE));
      }
    }
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

function paintBar({ bytes, strideBytes, width, height }: Pixels, { bar }: CardLayout): void {
  for (let y = Math.max(0, bar.y); y < Math.min(height, bar.y + bar.height); y++)
    for (let x = Math.max(0, bar.x); x < Math.min(width, bar.x + bar.width); x++)
      bytes.set(ACCENT, y * strideBytes + x * PIXEL_BYTES);
}
