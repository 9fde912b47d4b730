import { barcodeHeight, drawBarcode } from "./barcode.ts";
import { drawText, GLYPH_ADVANCE, GLYPH_HEIGHT, textWidth } from "./glyphs.ts";

/** A picture in YUV 4:2:0 with 8 bits, limited range: the planes as an encoder takes them. Strides are in bytes. */
export interface PicturePlanes {
  readonly luma: Uint8Array;
  readonly lumaStride: number;
  readonly cb: Uint8Array;
  readonly cr: Uint8Array;
  readonly chromaStride: number;
}

const CLOCK_TEXT = "00:00:00.000";
/** Share of the width the clock takes. */
const CLOCK_SHARE = 0.8;
const BALL_SECONDS_PER_LAP = 4;
/** Rows of random grain prepared; each frame shows another part of it, which no encoder can predict. */
const GRAIN_SAMPLES = 1 << 16;
const BOX_LUMA = 24;
const TEXT_LUMA = 235;

/**
 * Draws the moving test picture: a barcode (`barcode.ts`) at the top, a gradient with a ball that crosses it, the wall clock and the frame
 * counter in large digits, a square that flashes with the beep, a bar that runs once a second, and a band of grain that keeps the encoder's
 * rate control busy. A frame is a pure function of (frame number, wall clock, utc offset).
 */
export class TestPicture {
  readonly #width: number;
  readonly #height: number;
  readonly #background: Uint8Array;
  readonly #grain: Uint8Array;
  readonly #scale: number;
  readonly #bandTop: number;

  /** Sizes are even; `width` at least 160, `height` at least 90. */
  constructor(width: number, height: number) {
    this.#width = width;
    this.#height = height;
    this.#scale = Math.max(1, Math.floor((width * CLOCK_SHARE) / (CLOCK_TEXT.length * GLYPH_ADVANCE)));
    this.#bandTop = Math.floor((height * 0.88) / 2) * 2;
    this.#background = new Uint8Array(width * height);
    const top = barcodeHeight(height);
    for (let y = top; y < height; y++) {
      for (let x = 0; x < width; x++) this.#background[y * width + x] = 48 + ((x * 96) / width + (y * 64) / height);
    }
    this.#grain = new Uint8Array(GRAIN_SAMPLES + width);
    let state = 0x2545f491;
    for (let i = 0; i < this.#grain.length; i++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      this.#grain[i] = 80 + (state >>> 26) * 2;
    }
  }

  /** Draws one frame. `wallMs` is a whole number of milliseconds since the Unix epoch; `utcOffsetMs` shifts the digits to local time. */
  draw(planes: PicturePlanes, frameNumber: number, wallMs: number, utcOffsetMs: number): void {
    const { luma, lumaStride } = planes;
    const width = this.#width;
    const height = this.#height;
    for (let y = barcodeHeight(height); y < this.#bandTop; y++) {
      luma.set(this.#background.subarray(y * width, y * width + width), y * lumaStride);
    }
    this.#drawGrain(luma, lumaStride, frameNumber);
    this.#drawChroma(planes, wallMs);
    this.#drawBall(luma, lumaStride, wallMs);
    this.#drawDigits(luma, lumaStride, frameNumber, wallMs + utcOffsetMs);
    drawBarcode(luma, width, height, lumaStride, { frameNumber, wallMs });
  }

  #drawGrain(luma: Uint8Array, stride: number, frameNumber: number): void {
    for (let y = this.#bandTop; y < this.#height; y++) {
      const offset = Math.imul(frameNumber * 1009 + y * 7919, 2654435761) >>> 16;
      luma.set(this.#grain.subarray(offset, offset + this.#width), y * stride);
    }
  }

  /** Hue runs around the circle once in 12 s and across the picture. */
  #drawChroma(planes: PicturePlanes, wallMs: number): void {
    const width = this.#width >> 1;
    const height = this.#height >> 1;
    const top = (barcodeHeight(this.#height) + 1) >> 1;
    const bottom = this.#bandTop >> 1;
    const { cb, cr, chromaStride } = planes;
    const turn = ((wallMs % 12_000) / 12_000) * 2 * Math.PI;
    for (let x = 0; x < width; x++) {
      const angle = turn + (x / width) * Math.PI;
      cb[top * chromaStride + x] = 128 + 40 * Math.cos(angle);
      cr[top * chromaStride + x] = 128 + 40 * Math.sin(angle);
    }
    const cbRow = cb.slice(top * chromaStride, top * chromaStride + width);
    const crRow = cr.slice(top * chromaStride, top * chromaStride + width);
    for (let y = 0; y < height; y++) {
      const at = y * chromaStride;
      if (y < top || y >= bottom) {
        cb.fill(128, at, at + width);
        cr.fill(128, at, at + width);
      } else {
        cb.set(cbRow, at);
        cr.set(crRow, at);
      }
    }
  }

  #drawBall(luma: Uint8Array, stride: number, wallMs: number): void {
    const lap = (wallMs % (BALL_SECONDS_PER_LAP * 1000)) / (BALL_SECONDS_PER_LAP * 1000);
    const radius = Math.max(6, Math.floor(this.#height / 14));
    const centreX = radius + (this.#width - 2 * radius) * (0.5 - 0.5 * Math.cos(lap * 2 * Math.PI));
    const top = barcodeHeight(this.#height) + radius;
    const hop = Math.abs(Math.sin(lap * 6 * Math.PI));
    const centreY = this.#bandTop - radius - (this.#bandTop - radius - top) * hop;
    for (let dy = -radius; dy <= radius; dy++) {
      const half = Math.floor(Math.sqrt(radius * radius - dy * dy));
      const y = Math.round(centreY + dy);
      if (y < 0 || y >= this.#bandTop) continue;
      const left = Math.max(0, Math.round(centreX) - half);
      luma.fill(220, y * stride + left, y * stride + Math.min(this.#width, Math.round(centreX) + half));
    }
  }

  #drawDigits(luma: Uint8Array, stride: number, frameNumber: number, localMs: number): void {
    const scale = this.#scale;
    const second = localMs % 1000;
    const clock = clockText(localMs);
    const left = Math.floor((this.#width - textWidth(clock, scale)) / 2);
    const top = Math.floor(this.#height * 0.3);
    const boxHeight = (GLYPH_HEIGHT + 2) * scale;
    const boxWidth = Math.min(this.#width - left + scale, textWidth(clock, scale) + 2 * scale);
    fillBox(luma, stride, left - scale, top - scale, boxWidth, boxHeight, BOX_LUMA);
    drawText(luma, stride, clock, { left, top, scale, value: TEXT_LUMA });
    // A bar under the clock that grows through each second.
    fillBox(
      luma,
      stride,
      left,
      top + boxHeight - scale,
      Math.floor((textWidth(clock, scale) * second) / 1000),
      scale,
      TEXT_LUMA,
    );
    const small = Math.max(1, scale >> 1);
    const counter = `#${frameNumber}`;
    const counterTop = top + boxHeight + scale;
    fillBox(
      luma,
      stride,
      left - scale,
      counterTop,
      textWidth(counter, small) + 2 * scale,
      (GLYPH_HEIGHT + 2) * small,
      BOX_LUMA,
    );
    drawText(luma, stride, counter, { left, top: counterTop + small, scale: small, value: TEXT_LUMA });
    if (second < BEEP_MS) {
      const side = (GLYPH_HEIGHT + 2) * small;
      fillBox(luma, stride, left + textWidth(clock, scale) - side, counterTop, side, side, TEXT_LUMA);
    }
  }
}

/** How long the beep sounds and the square flashes at each full second, in milliseconds. */
export const BEEP_MS = 100;

function fillBox(
  luma: Uint8Array,
  stride: number,
  left: number,
  top: number,
  width: number,
  height: number,
  value: number,
): void {
  for (let y = top; y < top + height; y++) luma.fill(value, y * stride + left, y * stride + left + width);
}

/** Time of day as `HH:MM:SS.mmm` of milliseconds since an epoch whose days begin at multiples of 86,400,000. */
export function clockText(ms: number): string {
  const two = (value: number): string => String(Math.floor(value)).padStart(2, "0");
  const ofDay = ((ms % 86_400_000) + 86_400_000) % 86_400_000;
  const milliseconds = String(Math.floor(ofDay % 1000)).padStart(3, "0");
  return `${two(ofDay / 3_600_000)}:${two((ofDay / 60_000) % 60)}:${two((ofDay / 1000) % 60)}.${milliseconds}`;
}
