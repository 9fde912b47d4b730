import {
  AV_CH_BACK_CENTER,
  AV_CH_BACK_LEFT,
  AV_CH_BACK_RIGHT,
  AV_CH_FRONT_CENTER,
  AV_CH_FRONT_LEFT,
  AV_CH_FRONT_LEFT_OF_CENTER,
  AV_CH_FRONT_RIGHT,
  AV_CH_FRONT_RIGHT_OF_CENTER,
  AV_CH_SIDE_LEFT,
  AV_CH_SIDE_RIGHT,
} from "node-av/constants";

/** One array of samples for each channel, all of one length; full scale is ±1. */
export type Planes = readonly Float32Array[];

/** Decoded sound. */
export interface Sound {
  /** In Hz. */
  readonly sampleRate: number;
  /** One or more. */
  readonly planes: Planes;
  /** Loudspeakers of the planes, a bit for each in their order; 0 where nobody says. */
  readonly speakers: bigint;
}

const HALF_POWER: number = Math.SQRT1_2;

/** What the left and the right channel get of each loudspeaker (Recommendation ITU-R BS.775-4, Annex 8); nothing of the others. */
const TO_STEREO: ReadonlyMap<bigint, readonly [left: number, right: number]> = new Map([
  [AV_CH_FRONT_LEFT, [1, 0]],
  [AV_CH_FRONT_RIGHT, [0, 1]],
  [AV_CH_FRONT_CENTER, [HALF_POWER, HALF_POWER]],
  [AV_CH_BACK_LEFT, [HALF_POWER, 0]],
  [AV_CH_BACK_RIGHT, [0, HALF_POWER]],
  [AV_CH_FRONT_LEFT_OF_CENTER, [1, 0]],
  [AV_CH_FRONT_RIGHT_OF_CENTER, [0, 1]],
  [AV_CH_BACK_CENTER, [0.5, 0.5]],
  [AV_CH_SIDE_LEFT, [HALF_POWER, 0]],
  [AV_CH_SIDE_RIGHT, [0, HALF_POWER]],
]);

/** Makes one or two channels of any number. Two channels stay as they are, one is given to both. */
export function mixed(sound: Sound, channels: number): Planes {
  const [first, second] = stereo(sound);
  if (channels > 1 || first === second) return [first, second].slice(0, channels);
  return [first.map((sample, i) => (sample + (second[i] ?? 0)) / 2)];
}

function stereo({ planes, speakers }: Sound): [Float32Array, Float32Array] {
  const first = planes[0] ?? new Float32Array(0);
  const second = planes[1] ?? first;
  if (planes.length <= 2) return [first, second];
  const left = new Float32Array(first.length);
  const right = new Float32Array(first.length);
  // Without a word about loudspeakers the first two are left and right, and the rest is left out.
  const order = speakersOf(speakers === 0n ? AV_CH_FRONT_LEFT | AV_CH_FRONT_RIGHT : speakers);
  for (const [i, plane] of planes.entries()) {
    const [toLeft, toRight] = TO_STEREO.get(order[i] ?? 0n) ?? [0, 0];
    if (toLeft !== 0) add(left, plane, toLeft);
    if (toRight !== 0) add(right, plane, toRight);
  }
  return [left, right];
}

function add(sum: Float32Array, plane: Float32Array, gain: number): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + (plane[i] ?? 0) * gain;
}

/** The set bits, lowest first. */
function speakersOf(speakers: bigint): bigint[] {
  const order: bigint[] = [];
  for (let bit = 1n; bit <= speakers; bit <<= 1n) if ((speakers & bit) !== 0n) order.push(bit);
  return order;
}
