import {
  AV_DISPOSITION_ATTACHED_PIC,
  AVDISCARD_ALL,
  AVERROR_EOF,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
  type AVMediaType,
} from "node-av/constants";
import { avGetCodecName, FFmpegError, FormatContext, Packet, type Stream } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import type { AudioConfig } from "#media/track.ts";
import { MICROS_PER_SECOND, type Rational } from "#time/ticks.ts";
import { ClipPictures } from "./clip-pictures.ts";
import { ClipSound } from "./clip-sound.ts";
import { CLIP_DECODERS, openDecoder } from "./file-decoders.ts";
import { unusable } from "./file-kind.ts";
import { encodeLoop, layoutsOf } from "./loop-sound.ts";
import type { PictureFormat } from "./picture-format.ts";
import { silenceFor } from "./silence.ts";
import { type MadeSlate, SLATE_BYTES_MAX, SLATE_PICTURES_MAX } from "./slate-wire.ts";
import { SoundCoder } from "./sound-coder.ts";

/** Longest clip, seconds. */
const CLIP_SECONDS_MAX = 60;
/** What a clip may be longer than it says, or its sound longer than its picture, seconds. */
const SLACK_SECONDS = 1;
/** Containers of clips. */
const FORMATS = "mov,matroska,webm";
/** How much is read to find out what is in a clip, bytes. */
const PROBE_BYTES_MAX = 5_000_000;
/** Elementary streams of a clip at most. */
const STREAMS_MAX = 16;
/** Share of a slate's bytes that pictures may take; the rest is for sound. */
const PICTURES_SHARE = 0.8;
/** Bits per luma sample that a picture may take: more cannot be seen. */
const SAMPLE_BITS_MAX = 0.15;

/** What {@link makeClip} is told. */
export interface ClipSettings {
  readonly path: string;
  readonly format: PictureFormat;
  readonly frameRate: Rational;
  readonly audio: AudioConfig | undefined;
}

/** Makes a slate of a clip: its pictures, and its sound where the broadcast's format can be made. @throws Fault `MEDIA_UNREADABLE`, `LIMIT_REACHED`; FFmpegError. */
export async function makeClip(settings: ClipSettings): Promise<MadeSlate> {
  const { path, audio } = settings;
  const input = await open(path);
  try {
    const seconds = secondsOf(input, path);
    const pictures = openPictures(input, settings, seconds);
    const sound = openSound(input, audio);
    try {
      await readAll(input, pictures, sound);
      const sounds = audio === undefined ? undefined : await soundOf(audio, pictures, sound?.track);
      const made = pictures.track.pictures;
      if (made.length === 0) throw unusable(path, "no picture of it can be decoded");
      return { kind: "slate", record: pictures.track.record, pictures: made, sound: sounds };
    } finally {
      pictures.track.close();
      sound?.track.close();
    }
  } finally {
    await input.closeInput();
  }
}

/** A track of an input that is read. */
interface Reading<Track> {
  readonly streamIndex: number;
  readonly track: Track;
}

async function open(path: string): Promise<FormatContext> {
  const context = new FormatContext();
  context.allocContext();
  const set = (name: string, value: string): void => {
    FFmpegError.throwIfError(context.setOption(name, value), `set ${name}`);
  };
  set("protocol_whitelist", "file");
  set("format_whitelist", FORMATS);
  set("codec_whitelist", Object.values(CLIP_DECODERS).join(","));
  set("probesize", String(PROBE_BYTES_MAX));
  set("max_streams", String(STREAMS_MAX));
  const opened = await context.openInput(`file:${path}`);
  if (opened < 0) throw unusable(path, new FFmpegError(opened).message);
  const found = await context.findStreamInfo();
  if (found >= 0) return context;
  await context.closeInput();
  throw unusable(path, new FFmpegError(found).message);
}

/** How long the clip says that it is; the longest that is allowed when it does not. */
function secondsOf({ duration }: FormatContext, path: string): number {
  const seconds = Number(duration) / MICROS_PER_SECOND;
  if (seconds > CLIP_SECONDS_MAX + SLACK_SECONDS)
    throw unusable(path, `it lasts ${Math.round(seconds)} s, more than ${CLIP_SECONDS_MAX} s`);
  return seconds > 0 ? seconds : CLIP_SECONDS_MAX;
}

function streamOf(input: FormatContext, type: AVMediaType): Stream | undefined {
  return input.streams.find(
    ({ codecpar, disposition }) => codecpar.codecType === type && (disposition & AV_DISPOSITION_ATTACHED_PIC) === 0,
  );
}

function openPictures(
  input: FormatContext,
  { path, format, frameRate }: ClipSettings,
  seconds: number,
): Reading<ClipPictures> {
  const stream = streamOf(input, AVMEDIA_TYPE_VIDEO);
  if (stream === undefined) throw unusable(path, "there is no picture in it");
  const codec = avGetCodecName(stream.codecpar.codecId) ?? "unknown";
  const name = CLIP_DECODERS[codec];
  if (name === undefined) throw unusable(path, `its picture is ${codec}`);
  const fps = frameRate.num / frameRate.den;
  const room = (SLATE_BYTES_MAX * 8 * PICTURES_SHARE) / (seconds + SLACK_SECONDS);
  const bitrateMax = Math.min(room, format.width * format.height * fps * SAMPLE_BITS_MAX);
  const picturesMax = Math.min(SLATE_PICTURES_MAX, Math.ceil((CLIP_SECONDS_MAX + SLACK_SECONDS) * fps));
  const decoder = openDecoder(name, AVMEDIA_TYPE_VIDEO, stream.codecpar);
  const track = new ClipPictures(decoder, { base: stream.timeBase, format, frameRate, bitrateMax, picturesMax });
  return { streamIndex: stream.index, track };
}

/** The clip's sound, where there is one and the broadcast's format can be made. */
function openSound(input: FormatContext, audio: AudioConfig | undefined): Reading<ClipSound> | undefined {
  const stream = streamOf(input, AVMEDIA_TYPE_AUDIO);
  const name = stream && CLIP_DECODERS[avGetCodecName(stream.codecpar.codecId) ?? ""];
  const layout = audio && layoutFor(audio);
  if (audio === undefined || stream === undefined || name === undefined || layout === undefined) return undefined;
  try {
    const decoder = openDecoder(name, AVMEDIA_TYPE_AUDIO, stream.codecpar);
    const secondsMax = CLIP_SECONDS_MAX + SLACK_SECONDS;
    const track = new ClipSound(decoder, { base: stream.timeBase, config: audio, layout, secondsMax });
    return { streamIndex: stream.index, track };
  } catch (error) {
    // A clip whose sound cannot be decoded is shown in silence.
    if (error instanceof FFmpegError || error instanceof Fault) return undefined;
    throw error;
  }
}

function layoutFor(audio: AudioConfig): ReturnType<typeof layoutsOf>[number] | undefined {
  return layoutsOf(audio).find((layout) => {
    const coder = SoundCoder.open(audio, layout);
    coder?.close();
    return coder !== undefined;
  });
}

async function readAll(
  input: FormatContext,
  pictures: Reading<ClipPictures>,
  sound: Reading<ClipSound> | undefined,
): Promise<void> {
  const wanted = new Set([pictures.streamIndex, sound?.streamIndex]);
  for (const stream of input.streams) if (!wanted.has(stream.index)) stream.discard = AVDISCARD_ALL;
  const packet = new Packet();
  packet.alloc();
  try {
    for (;;) {
      const result = await input.readFrame(packet);
      if (result === AVERROR_EOF) break;
      FFmpegError.throwIfError(result, "read the clip");
      if (packet.streamIndex === pictures.streamIndex) await pictures.track.read(packet);
      else if (packet.streamIndex === sound?.streamIndex) await sound.track.read(packet);
      packet.unref();
    }
    await pictures.track.read(null);
    await sound?.track.read(null);
  } finally {
    packet.free();
  }
}

/** The clip's sound as long as its pictures, which are cut to where a frame of sound ends; silence where there is none, or too much of it. */
async function soundOf(
  audio: AudioConfig,
  { track: pictures }: Reading<ClipPictures>,
  sound: ClipSound | undefined,
): Promise<Uint8Array[] | undefined> {
  const layout = layoutFor(audio);
  if (sound !== undefined && layout !== undefined) {
    const frameSamples = SoundCoder.frameSamplesOf(audio);
    const frames = pictures.cutTo(frameSamples / audio.sampleRate);
    const planes = sound.samples(pictures.startMicros, frames * frameSamples);
    const encoded = await encodeLoop(audio, layout, planes);
    if (encoded !== undefined && bytesOf(encoded) + pictures.sizeBytes <= SLATE_BYTES_MAX) return encoded;
  }
  return silenceFor(audio);
}

function bytesOf(frames: readonly Uint8Array[]): number {
  return frames.reduce((sum, { byteLength }) => sum + byteLength, 0);
}
