import { AV_FRAME_DATA_DISPLAYMATRIX } from "node-av/constants";
import { type Frame, Rational as AvRational } from "node-av/lib";
import { PIXEL_BYTES, pixelsOf, rgbPicture, toRgb } from "./rgb-picture.ts";

/** Size of a display matrix: nine numbers of 32 bits, four of them in 16.16 (ISO/IEC 14496-12 §6.2.2). */
const MATRIX_BYTES = 36;
/** Half of one in 16.16: right angles are ones and noughts. */
const HALF = 0x8000;

/** How a picture is turned and mirrored: where a step to the right and a step down lead to. */
interface Turn {
  readonly right: readonly [number, number];
  readonly down: readonly [number, number];
}

/** `undefined` for pictures that are upright, and for angles that are no right ones. */
function turnOf(picture: Frame): Turn | undefined {
  const bytes = picture.getSideData(AV_FRAME_DATA_DISPLAYMATRIX);
  if (bytes === null || bytes.byteLength < MATRIX_BYTES) return undefined;
  const whole = (at: number): number => {
    const value = bytes.readInt32LE(at * 4);
    return Math.abs(value) > HALF ? Math.sign(value) : 0;
  };
  const turn: Turn = { right: [whole(0), whole(1)], down: [whole(3), whole(4)] };
  const [[a, b], [c, d]] = [turn.right, turn.down];
  const isRightAngle = Math.abs(a * d - b * c) === 1 && Math.abs(a) + Math.abs(b) === 1;
  return isRightAngle && (a !== 1 || d !== 1) ? turn : undefined;
}

/** A picture of a camera that was held sideways, as it is meant to be seen. The receiver frees it; `undefined`: it is upright already. */
export function upright(picture: Frame): Frame | undefined {
  const turn = turnOf(picture);
  if (turn === undefined) return undefined;
  const source = toRgb(picture, picture);
  try {
    const { width, height, bytes, strideBytes } = pixelsOf(source);
    const isAside = turn.right[0] === 0;
    const made = rgbPicture(isAside ? { width: height, height: width } : { width, height });
    const { num, den } = picture.sampleAspectRatio;
    made.sampleAspectRatio = isAside ? new AvRational(den, num) : new AvRational(num, den);
    const target = pixelsOf(made);
    const from = new Uint32Array(bytes.buffer, bytes.byteOffset, (strideBytes * height) / PIXEL_BYTES);
    const targetCount = (target.strideBytes * target.height) / PIXEL_BYTES;
    const to = new Uint32Array(target.bytes.buffer, target.bytes.byteOffset, targetCount);
    const stride = target.strideBytes / PIXEL_BYTES;
    const stepRight = turn.right[0] + turn.right[1] * stride;
    const stepDown = turn.down[0] + turn.down[1] * stride;
    // Where the first pixel goes: a direction that leads to the left or up begins at the other end.
    const goesLeft = Math.min(turn.right[0], turn.down[0]) < 0;
    const goesUp = Math.min(turn.right[1], turn.down[1]) < 0;
    const first = (goesLeft ? target.width - 1 : 0) + (goesUp ? target.height - 1 : 0) * stride;
    for (let y = 0; y < height; y++) {
      const row = (y * strideBytes) / PIXEL_BYTES;
      let at = first + y * stepDown;
      for (let x = 0; x < width; x++, at += stepRight) to[at] = from[row + x] ?? 0;
    }
    return made;
  } finally {
    source.free();
  }
}
