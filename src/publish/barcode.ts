/**
 * Frame number and wall clock of a test picture as black and white blocks, for programs.
 *
 *     ┌──┬──────────────────────────────────────────────┬──┐   top 1/10 of the picture, full width
 *     │W │ 48 cells: frame number (32), time bits 47…32 │B │   row 0, height/20 tall
 *     │B │ 48 cells: time bits 31…0, check sum (16)     │W │   row 1
 *     └──┴──────────────────────────────────────────────┴──┘   50 columns, width/50 each
 *
 * A white cell (luma 235) is a one, a black cell (luma 16) a zero, most significant bit first. The outer columns are markers: their four
 * cells tell the reader what white and black became on the way. Time is in milliseconds since the Unix epoch (48 bits). The check sum is
 * CRC-16/CCITT-FALSE over the ten bytes before it. A cell of 1280x720 is 25.6 by 36 luma samples and outlives x264 at 500 kbit/s and
 * scaling down to 240x136.
 */

/** What a barcode says. */
export interface Barcode {
  /** Frames since the start of the source; wraps at 2^32. */
  readonly frameNumber: number;
  /** When the frame was taken, in milliseconds since the Unix epoch. */
  readonly wallMs: number;
}

const COLUMNS = 50;
const ROWS = 2;
const PICTURE_SHARE = 20;
const WHITE_LUMA = 235;
const BLACK_LUMA = 16;
const PAYLOAD_BYTES = 12;

/** Height of the barcode in a picture of this height, in luma rows. */
export function barcodeHeight(height: number): number {
  return Math.round((height * ROWS) / PICTURE_SHARE);
}

function payloadOf(code: Barcode): Uint8Array {
  const bytes = new Uint8Array(PAYLOAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, code.frameNumber >>> 0);
  view.setUint16(4, Math.floor(code.wallMs / 2 ** 32));
  view.setUint32(6, code.wallMs % 2 ** 32);
  let crc = 0xffff;
  for (let i = 0; i < PAYLOAD_BYTES - 2; i++) {
    crc ^= (bytes[i] ?? 0) << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  view.setUint16(PAYLOAD_BYTES - 2, crc);
  return bytes;
}

/** Draws the barcode over the top of a luma plane. `wallMs` is a whole number. */
export function drawBarcode(luma: Uint8Array, width: number, height: number, stride: number, code: Barcode): void {
  const payload = payloadOf(code);
  for (let row = 0; row < ROWS; row++) {
    const top = Math.round((row * height) / PICTURE_SHARE);
    const bottom = Math.round(((row + 1) * height) / PICTURE_SHARE);
    for (let column = 0; column < COLUMNS; column++) {
      const left = Math.round((column * width) / COLUMNS);
      const right = Math.round(((column + 1) * width) / COLUMNS);
      const bit = row * (COLUMNS - 2) + column - 1;
      const one =
        column === 0
          ? row === 0
          : column === COLUMNS - 1
            ? row === 1
            : (((payload[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1) === 1;
      luma.fill(one ? WHITE_LUMA : BLACK_LUMA, top * stride + left, top * stride + right);
    }
    const first = luma.subarray(top * stride, top * stride + width);
    for (let y = top + 1; y < bottom; y++) luma.set(first, y * stride);
  }
}

/**
 * Reads the barcode of a picture of any size with the geometry above, or gives `undefined` when there is none or it is damaged.
 * `luma` has `width * height` values, row by row, of any range; of RGBA pixels the green channel does well.
 * The function uses nothing outside itself, so that a test can evaluate `readBarcode.toString()` in a browser page.
 */
export function readBarcode(luma: Uint8Array, width: number, height: number): Barcode | undefined {
  const columns = 50;
  const cellMean = (row: number, column: number): number => {
    // The middle half of a cell: its edges are blurred by coding and scaling.
    const left = Math.floor(((column + 0.25) * width) / columns);
    const right = Math.max(left + 1, Math.ceil(((column + 0.75) * width) / columns));
    const top = Math.floor(((row + 0.25) * height) / 20);
    const bottom = Math.max(top + 1, Math.ceil(((row + 0.75) * height) / 20));
    let sum = 0;
    for (let y = top; y < bottom; y++) {
      for (let x = left; x < right; x++) sum += luma[y * width + x] ?? 0;
    }
    return sum / ((right - left) * (bottom - top));
  };
  const white = (cellMean(0, 0) + cellMean(1, columns - 1)) / 2;
  const black = (cellMean(1, 0) + cellMean(0, columns - 1)) / 2;
  if (!(white - black > 60)) return undefined;
  const middle = (white + black) / 2;
  const bytes = new Uint8Array(12);
  for (let bit = 0; bit < 96; bit++) {
    const row = bit < 48 ? 0 : 1;
    if (cellMean(row, 1 + (bit % 48)) > middle) bytes[bit >> 3] = (bytes[bit >> 3] ?? 0) | (0x80 >> (bit & 7));
  }
  let crc = 0xffff;
  for (let i = 0; i < 10; i++) {
    crc ^= (bytes[i] ?? 0) << 8;
    for (let bit = 0; bit < 8; bit++) crc = (crc & 0x8000) !== 0 ? ((crc << 1) ^ 0x1021) & 0xffff : (crc << 1) & 0xffff;
  }
  const view = new DataView(bytes.buffer);
  if (crc !== view.getUint16(10)) return undefined;
  return { frameNumber: view.getUint32(0), wallMs: view.getUint16(4) * 2 ** 32 + view.getUint32(6) };
}
