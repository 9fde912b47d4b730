import {
  AV_CHANNEL_LAYOUT_2POINT1,
  AV_CHANNEL_LAYOUT_3POINT1,
  AV_CHANNEL_LAYOUT_4POINT0,
  AV_CHANNEL_LAYOUT_5POINT0,
  AV_CHANNEL_LAYOUT_5POINT0_BACK,
  AV_CHANNEL_LAYOUT_5POINT1,
  AV_CHANNEL_LAYOUT_5POINT1_BACK,
  AV_CHANNEL_LAYOUT_7POINT1,
  AV_CHANNEL_LAYOUT_MONO,
  AV_CHANNEL_LAYOUT_QUAD,
  AV_CHANNEL_LAYOUT_STEREO,
  AV_CHANNEL_LAYOUT_SURROUND,
} from "node-av/constants";
import type { ChannelLayout } from "node-av/lib";
import type { AudioConfig } from "#media/track.ts";
import { SoundCoder } from "./sound-coder.ts";

/** Layouts by their number of channels, the usual one first. */
const LAYOUTS: readonly (readonly ChannelLayout[])[] = [
  [],
  [AV_CHANNEL_LAYOUT_MONO],
  [AV_CHANNEL_LAYOUT_STEREO],
  [AV_CHANNEL_LAYOUT_SURROUND, AV_CHANNEL_LAYOUT_2POINT1],
  [AV_CHANNEL_LAYOUT_4POINT0, AV_CHANNEL_LAYOUT_QUAD, AV_CHANNEL_LAYOUT_3POINT1],
  [AV_CHANNEL_LAYOUT_5POINT0_BACK, AV_CHANNEL_LAYOUT_5POINT0],
  [AV_CHANNEL_LAYOUT_5POINT1_BACK, AV_CHANNEL_LAYOUT_5POINT1],
  [],
  [AV_CHANNEL_LAYOUT_7POINT1],
];
/** Frames encoded before the first one that is kept: what an encoder remembers of its start is gone by then. */
const WARM_UP_FRAMES = 8;
/** Frames encoded after the last one that is kept: more than any encoder looks ahead. */
const LOOK_AHEAD_FRAMES = 8;

/** The layouts that a sound of this many channels may have. */
export function layoutsOf({ channels }: AudioConfig): readonly ChannelLayout[] {
  return LAYOUTS[channels] ?? [];
}

/**
 * Encodes a loop of sound so that its last frame leads into its first one, in frames that a decoder set up for `config` takes. Planes are one for each
 * channel, of a whole number of frames. `undefined` where no encoder makes such frames. @throws FFmpegError.
 */
export async function encodeLoop(
  config: AudioConfig,
  layout: ChannelLayout,
  planes: readonly Float32Array[],
): Promise<Uint8Array[] | undefined> {
  const coder = SoundCoder.open(config, layout);
  if (coder === undefined) return undefined;
  try {
    const samples = coder.frameSamples;
    const count = Math.floor((planes[0]?.length ?? 0) / samples);
    if (count === 0) return undefined;
    const frames: Uint8Array[] = [];
    for (let number = -WARM_UP_FRAMES; number < count + LOOK_AHEAD_FRAMES; number++) {
      const start = (((number % count) + count) % count) * samples;
      frames.push(...(await coder.encode(planes.map((plane) => plane.subarray(start, start + samples)))));
    }
    const kept = frames.slice(WARM_UP_FRAMES, WARM_UP_FRAMES + count);
    return kept.length === count && kept.every((frame) => coder.fits(frame)) ? kept : undefined;
  } finally {
    coder.close();
  }
}

/** A frame of silence, made by an encoder; `undefined` where none makes it. @throws FFmpegError. */
export async function encodeSilence(config: AudioConfig): Promise<Uint8Array[] | undefined> {
  for (const layout of layoutsOf(config)) {
    const samples = SoundCoder.frameSamplesOf(config);
    const silence = Array.from({ length: config.channels }, () => new Float32Array(samples));
    const frames = await encodeLoop(config, layout, silence);
    if (frames !== undefined) return frames;
  }
  return undefined;
}
