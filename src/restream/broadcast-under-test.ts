import { LiveBroadcast } from "#link/live-broadcast.ts";
import type { HelloRecord, LinkRecord } from "#link/record.ts";
import type { BroadcastDirectory, LinkSource } from "#link/subscription.ts";
import { buildAacLcConfig, parseAacConfig } from "#media/codecs/aac.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import type { AudioCodec, Track, VideoCodec } from "#media/track.ts";

/** Stream time at which broadcasts under test begin, microseconds. */
export const START_MICROS = 1_700_000_000_000_000;
/** Pictures of one segment, 25 a second. */
export const PICTURES = 50;
const TICKS = 3600;
const SOUNDS = 100;
const SAMPLES = 960;
/** Parameters of {@link videoTrack}, of x264. */
export const AVC_RECORD: Uint8Array<ArrayBuffer> = Uint8Array.fromHex(
  "0164002affe1001d6764002aacb403c8113c4498735010101400000fa40003a9803c60ca8001000468ee0fcbfdf8f800",
);
const PICTURE_BYTES_MIN = 40;
const SEGMENT_MICROS = 2_000_000;

/** A picture's track. */
export function videoTrack(
  id: number,
  name: string,
  options: { codec?: VideoCodec; width?: number; record?: Uint8Array } = {},
): Track {
  const { codec = "avc", width = 640, record = AVC_RECORD } = options;
  const config = {
    kind: "video",
    codec,
    record,
    width,
    height: 360,
    pixelAspect: { num: 1, den: 1 },
    codecs: "avc1.42c01f",
  } as const;
  return { id, name, timescale: 90_000, config };
}

/** A sound's track. */
export function audioTrack(id: number, name: string, codec: AudioCodec = "aac", madeFrom?: number): Track {
  const config = { ...parseAacConfig(buildAacLcConfig(48_000, 2)), codec };
  return { id, name, timescale: 48_000, config, ...(madeFrom === undefined ? {} : { madeFrom }) };
}

function helloOf(stream: string, tracks: readonly Track[]): HelloRecord {
  return {
    type: "hello",
    stream,
    timelineId: "0123456789abcdef",
    fence: 1,
    originMicros: START_MICROS,
    tracks,
    segmentDurationMicros: SEGMENT_MICROS,
    targetDurationSeconds: 2,
    partTargetMicros: 500_000,
    windowMicros: 60_000_000,
  };
}

/** One coded slice, as far as a server looks at it. */
function picture(sizeBytes: number, isKey: boolean): Uint8Array {
  const payload = new Uint8Array(sizeBytes).fill(0x55);
  new DataView(payload.buffer).setUint32(0, sizeBytes - 4);
  payload[4] = isKey ? 0x65 : 0x41;
  return payload;
}

/** Times and size of {@link segmentRecords}. */
export interface SegmentOptions {
  readonly payloadBytes?: number;
  /** Pictures that are left out at the end. */
  readonly short?: number;
}

/** One segment of two seconds: each track's frames, one track's after the other's, as a late track's come. */
export function segmentRecords(segment: number, tracks: readonly Track[], options: SegmentOptions = {}): LinkRecord[] {
  const { payloadBytes = PICTURE_BYTES_MIN, short = 0 } = options;
  const startMicros = START_MICROS + segment * SEGMENT_MICROS;
  const at = { segment, startMicros, periodStartMicros: START_MICROS, discontinuitySequence: 0 };
  const records: LinkRecord[] = [{ type: "cut", ...at, discontinuity: false }];
  for (const { id, config, timescale } of tracks) {
    const isVideo = config.kind === "video";
    const count = isVideo ? PICTURES - short : SOUNDS;
    const duration = isVideo ? TICKS : SAMPLES;
    const first = (startMicros / 1_000_000) * timescale;
    for (let index = 0; index < count; index++) {
      const begins = index === 0 ? FrameFlag.CUT | FrameFlag.INDEPENDENT : 0;
      const frame: Frame = {
        track: id,
        segment,
        index,
        dts: first + index * duration,
        ptsOffset: isVideo ? duration : 0,
        duration,
        flags: begins | (index === 0 || !isVideo ? FrameFlag.KEY : 0),
        payload: isVideo ? picture(payloadBytes, index === 0) : new Uint8Array(PICTURE_BYTES_MIN).fill(segment % 256),
      };
      records.push({ type: "frame", frame });
    }
    records.push({ type: "seal", track: id, segment, frameCount: count });
  }
  return records;
}

/** The records of a subscription from its hello on. */
export function recordsOf(tracks: readonly Track[], segments: readonly number[]): LinkRecord[] {
  return [helloOf("main", tracks), ...segments.flatMap((segment) => segmentRecords(segment, tracks))];
}

/** A directory whose broadcasts a test writes. */
export class DirectoryUnderTest implements BroadcastDirectory {
  readonly #onAir = new Set<LiveBroadcast>();
  readonly #listeners = new Set<(source: LinkSource) => void>();

  broadcasts(): Iterable<LinkSource> {
    return this.#onAir;
  }

  onStarted(listener: (source: LinkSource) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Puts a stream on air. */
  start(tracks: readonly Track[], stream = "main"): LiveBroadcast {
    const broadcast = new LiveBroadcast(helloOf(stream, tracks));
    this.#onAir.add(broadcast);
    for (const listener of this.#listeners) listener(broadcast);
    return broadcast;
  }

  /** Ends it. */
  end(broadcast: LiveBroadcast): void {
    this.#onAir.delete(broadcast);
    broadcast.publish({ type: "end", why: "stopped" });
  }
}

/** Publishes whole segments, one after the other in the same moment. */
export function publishSegments(
  broadcast: LiveBroadcast,
  tracks: readonly Track[],
  segments: readonly number[],
  options: SegmentOptions = {},
): void {
  for (const segment of segments) {
    for (const record of segmentRecords(segment, tracks, options)) broadcast.publish(record);
  }
}
