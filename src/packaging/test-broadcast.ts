import type { HelloRecord, LinkRecord } from "#link/record.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";
import { microsToTicks } from "#time/ticks.ts";

/*
 * Broadcasts for tests of the window and its playlists: the records a gate would send for a regular encoder, with payloads that are a function
 * of a frame's name. Tests only.
 */

/** A broadcast to make. */
export interface TestBroadcast {
  readonly tracks?: readonly Track[];
  readonly frameRate?: Rational;
  readonly segmentCount: number;
  /** Frames of video after the last whole segment. */
  readonly extraFrames?: number;
  readonly framesPerSegment?: number;
  readonly partTargetMicros?: number;
  readonly windowMicros?: number;
  readonly startMicros?: number;
  /** Segments that begin with a discontinuity, as their position in the broadcast. */
  readonly discontinuities?: readonly number[];
  /** Frames between two keyframes' presentation delays: 0 without B-frames. */
  readonly presentationDelayFrames?: number;
}

/** 2026-11-18T11:06:40Z. */
export const TEST_START_MICROS = 1_795_000_000_000_000;
/** First segment number. */
export const TEST_FIRST_SEGMENT = 217_000_000;
/** Timeline of all test broadcasts. */
export const TEST_TIMELINE = "0123456789abcdef";

/** An AVC track that no decoder would take: enough for playlists. */
export const TEST_VIDEO: Track = {
  id: 0,
  name: "source",
  timescale: 90_000,
  config: {
    kind: "video",
    codec: "avc",
    record: Uint8Array.of(1, 0x64, 0, 0x1f),
    width: 1280,
    height: 720,
    pixelAspect: { num: 1, den: 1 },
    codecs: "avc1.64001f",
  },
};

/** An AAC-LC stereo track at 48 kHz. */
export const TEST_AUDIO: Track = {
  id: 1,
  name: "audio",
  timescale: 48_000,
  config: {
    kind: "audio",
    codec: "aac",
    record: Uint8Array.of(0x11, 0x90),
    sampleRate: 48_000,
    channels: 2,
    samplesPerFrame: 1024,
    codecs: "mp4a.40.2",
  },
};

/** The hello of a test broadcast. */
export function testHello(options: Partial<TestBroadcast> = {}): HelloRecord {
  const { frameRate = { num: 30, den: 1 }, framesPerSegment = Math.round((2 * frameRate.num) / frameRate.den) } =
    options;
  return {
    type: "hello",
    stream: "main",
    timelineId: TEST_TIMELINE,
    fence: 1,
    originMicros: options.startMicros ?? TEST_START_MICROS,
    tracks: options.tracks ?? [TEST_VIDEO, TEST_AUDIO],
    segmentDurationMicros: Math.round((framesPerSegment * frameRate.den * 1e6) / frameRate.num),
    targetDurationSeconds: Math.round((framesPerSegment * frameRate.den) / frameRate.num + 0.4),
    partTargetMicros: options.partTargetMicros ?? 500_000,
    windowMicros: options.windowMicros ?? 60_000_000,
  };
}

function payload(track: number, segment: number, index: number): Uint8Array {
  const bytes = new Uint8Array(track === 0 ? (index === 0 ? 400 : 90 + ((segment * 31 + index * 7) % 60)) : 40);
  for (let i = 0; i < bytes.length; i++) bytes[i] = (track * 101 + segment * 13 + index * 5 + i) & 255;
  return bytes;
}

interface Timed {
  readonly micros: number;
  readonly record: LinkRecord;
}

function framesOf(track: Track, options: TestBroadcast, cutMicros: readonly number[], endMicros: number): Timed[] {
  const { frameRate = { num: 30, den: 1 }, startMicros = TEST_START_MICROS, discontinuities = [] } = options;
  const { config, timescale } = track;
  const video = config.kind === "video";
  const start = microsToTicks(startMicros, timescale);
  const cutTicks = cutMicros.map((micros) => microsToTicks(micros, timescale));
  const end = microsToTicks(endMicros, timescale);
  const at = (n: number): number =>
    start +
    (video
      ? Math.round((n * timescale * frameRate.den) / frameRate.num)
      : n * (config.kind === "audio" ? config.samplesPerFrame : 0));
  const timed: Timed[] = [];
  let position = 0;
  let index = 0;
  for (let n = 0; at(n) < end; n++) {
    const next = cutTicks[position + 1];
    if (next !== undefined && at(n) >= next) {
      timed.push({
        micros: startMicros + ((at(n) - start) * 1e6) / timescale - 0.5,
        record: { type: "seal", track: track.id, segment: TEST_FIRST_SEGMENT + position, frameCount: index },
      });
      position++;
      index = 0;
    }
    const cut = index === 0;
    const frame: Frame = {
      track: track.id,
      segment: TEST_FIRST_SEGMENT + position,
      index,
      dts: at(n),
      ptsOffset: video ? presentationOffset(options, index, at(1) - at(0)) : 0,
      duration: at(n + 1) - at(n),
      flags:
        (video && !cut ? 0 : FrameFlag.KEY) |
        (cut ? FrameFlag.CUT | FrameFlag.INDEPENDENT : 0) |
        (cut && discontinuities.includes(position) ? FrameFlag.DISCONTINUITY : 0),
      payload: payload(track.id, TEST_FIRST_SEGMENT + position, index),
    };
    timed.push({ micros: startMicros + ((at(n) - start) * 1e6) / timescale, record: { type: "frame", frame } });
    index++;
  }
  return timed;
}

/** Offsets of an I B P pattern, all shifted by the delay. */
function presentationOffset(options: TestBroadcast, index: number, frameTicks: number): number {
  const delay = options.presentationDelayFrames ?? 0;
  if (delay === 0) return 0;
  return index === 0 ? delay * frameTicks : (index % 2 === 1 ? delay + 1 : delay - 1) * frameTicks;
}

/** All records of a broadcast in the order a gate sends them, without `end`. */
export function testRecords(options: TestBroadcast): LinkRecord[] {
  const { frameRate = { num: 30, den: 1 }, startMicros = TEST_START_MICROS, discontinuities = [] } = options;
  const hello = testHello(options);
  const framesPerSegment = options.framesPerSegment ?? Math.round((2 * frameRate.num) / frameRate.den);
  const { segmentCount, extraFrames = 0 } = options;
  const microsOf = (frames: number): number => startMicros + Math.round((frames * frameRate.den * 1e6) / frameRate.num);
  const cutMicros = Array.from({ length: segmentCount + 1 }, (_, i) => microsOf(i * framesPerSegment));
  let sequence = 0;
  let periodStartMicros = startMicros;
  const cuts: Timed[] = cutMicros.map((micros, position) => {
    const discontinuity = discontinuities.includes(position);
    if (discontinuity) {
      sequence++;
      periodStartMicros = micros;
    }
    return {
      micros: micros - 0.75,
      record: {
        type: "cut",
        segment: TEST_FIRST_SEGMENT + position,
        startMicros: micros,
        discontinuity,
        discontinuitySequence: sequence,
        periodStartMicros,
      },
    };
  });
  const endMicros = microsOf(segmentCount * framesPerSegment + extraFrames);
  const media = hello.tracks.flatMap((track) => framesOf(track, options, cutMicros, endMicros));
  const timed = [...cuts, ...media].sort((a, b) => a.micros - b.micros);
  return [hello, ...timed.map((entry) => entry.record)];
}
