import { afterAll, beforeAll, expect, test } from "bun:test";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { parseAc3Frame, parseEac3Frame } from "#media/codecs/ac3.ts";
import { parseFlacConfig } from "#media/codecs/flac.ts";
import { parseMp3Frame } from "#media/codecs/mp3.ts";
import { parseOpusConfig } from "#media/codecs/opus.ts";
import type { AudioConfig } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Slates, startSlates } from "./index.ts";
import { ffmpeg, listenTo, requestOf, videoOf } from "./slate-rig.ts";

const DEADLINE_MS = 30_000;
const REPEATS = 20;
let slates: Slates;

beforeAll(async () => {
  slates = await startSlates({ observer: new RecordingObserver(), clock: systemClock });
});
afterAll(() => slates.close());

/** The start of a tone in some format of sound. */
function tone(format: string, ...options: string[]): Uint8Array {
  const input = ["-f", "lavfi", "-i", "sine=sample_rate=48000:duration=0.5"];
  return new Uint8Array(ffmpeg(...input, ...options, "-f", format, "pipe:1"));
}

/** HE-AAC of 48 kHz with a core of 24 kHz, told explicitly (ISO/IEC 14496-3 §1.6.5), in one or two channels; with parametric stereo. */
const HE_AAC = (channels: number, isParametric = false): AudioConfig =>
  parseAacConfig(
    Uint8Array.of(
      ((isParametric ? 29 : 5) << 3) | (6 >> 1),
      ((6 & 1) << 7) | (channels << 3) | (3 >> 1),
      ((3 & 1) << 7) | (2 << 2),
      0,
    ),
  );

const flacHeader = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, 42);

const SOUNDS: readonly (readonly [string, () => AudioConfig])[] = [
  ["AAC-LC in stereo", () => parseAacConfig(buildAacLcConfig(48_000, 2))],
  ["AAC-LC in 5.1", () => parseAacConfig(buildAacLcConfig(44_100, 6))],
  ["HE-AAC in stereo", () => HE_AAC(2)],
  ["HE-AAC v2", () => HE_AAC(1, true)],
  ["AC-3 in stereo", () => parseAc3Frame(tone("ac3", "-ac", "2", "-b:a", "192k"))],
  ["AC-3 in 5.1", () => parseAc3Frame(tone("ac3", "-ac", "6", "-b:a", "448k"))],
  ["AC-3 in mono", () => parseAc3Frame(tone("ac3", "-ac", "1", "-b:a", "96k"))],
  ["E-AC-3 in stereo", () => parseEac3Frame(tone("eac3", "-ac", "2", "-b:a", "128k").subarray(0, 512))],
  ["MP3", () => parseMp3Frame(tone("mp3", "-ac", "2", "-write_xing", "0", "-id3v2_version", "0"))],
  ["MP3 of 24 kHz", () => parseMp3Frame(tone("mp3", "-ar", "24000", "-write_xing", "0", "-id3v2_version", "0"))],
  ["FLAC of 16 bits", () => parseFlacConfig(flacHeader(tone("flac", "-ac", "2")))],
  ["FLAC of 24 bits", () => parseFlacConfig(flacHeader(tone("flac", "-ac", "1", "-sample_fmt", "s32")))],
];

test.each(SOUNDS)(
  "silence in %s is decoded with the broadcast's own configuration, and is silent",
  async (_, configOf) => {
    const audio = configOf();
    const { sound } = await slates.make(
      requestOf({ audio, video: videoOf("avc", "160x90") }),
      new AbortController().signal,
    );
    if (sound === undefined) throw new Error("no silence");
    expect(sound.config).toBe(audio);
    const heard = listenTo(sound, REPEATS);
    const perFrame = audio.samplesPerFrame;
    // Some decoders keep the first frame back.
    expect(heard.length).toBeGreaterThanOrEqual((REPEATS * sound.frames.length - 2) * perFrame);
    expect(Math.max(...heard.map(Math.abs))).toBeLessThan(0.0005);
  },
  DEADLINE_MS,
);

test(
  "silence in Opus has a packet of each stream; sound that nobody can make is left out",
  async () => {
    const video = videoOf("avc", "160x90");
    const signal = new AbortController().signal;
    const head = [1, 6, 0, 0, 0x80, 0xbb, 0, 0, 0, 0, 1, 4, 2, 0, 4, 1, 2, 3, 5];
    const surround = parseOpusConfig(Uint8Array.from(head));
    const { sound } = await slates.make(requestOf({ audio: surround, video }), signal);
    const delimited = [0xf8, 2, 0xff, 0xfe];
    expect(sound?.frames.map((frame) => [...frame])).toEqual([
      [...delimited, ...delimited, ...delimited, 0xf8, 0xff, 0xfe],
    ]);
    const odd: AudioConfig = { ...parseAc3Frame(tone("ac3", "-ac", "2")), record: Uint8Array.of(0x50, 0x17, 0xe0) };
    expect((await slates.make(requestOf({ audio: odd, video }), signal)).sound).toBeUndefined();
  },
  DEADLINE_MS,
);
