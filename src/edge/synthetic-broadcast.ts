import type { HelloRecord, LinkRecord } from "#link/record.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { type Track, VIDEO_TIMESCALE } from "#media/track.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import type { ServedWindow } from "./ports.ts";

/** Stream time at which synthetic broadcasts start: 2026-01-01T00:00:00Z in microseconds. */
const START_MICROS = 1_767_225_600_000_000;
const AUDIO_RATE = 48_000;
const AUDIO_SAMPLES = 1_024;
const SEGMENT_MICROS = 2_000_000;

/** How a {@link SyntheticBroadcast} is made. */
export interface SyntheticOptions {
  readonly stream?: string;
  readonly timelineId?: string;
  readonly framesPerSecond?: number;
  /** Bytes of each video frame's payload. */
  readonly frameBytes?: number;
  readonly partTargetMicros?: number;
  readonly windowMicros?: number;
  readonly firstSegment?: number;
}

const TRACKS: readonly Track[] = [
  {
    id: 0,
    name: "source",
    timescale: VIDEO_TIMESCALE,
    config: {
      kind: "video",
      codec: "avc",
      record: Uint8Array.of(1, 0x64, 0, 0x1f, 0xff, 0xe1, 0, 4, 0x67, 0x64, 0, 0x1f, 1, 0, 2, 0x68, 0xee),
      width: 1280,
      height: 720,
      pixelAspect: { num: 1, den: 1 },
      codecs: "avc1.64001f",
    },
  },
  {
    id: 1,
    name: "audio",
    timescale: AUDIO_RATE,
    config: {
      kind: "audio",
      codec: "aac",
      record: Uint8Array.of(0x11, 0x90),
      sampleRate: AUDIO_RATE,
      channels: 2,
      samplesPerFrame: AUDIO_SAMPLES,
      codecs: "mp4a.40.2",
    },
  },
];

/**
 * Valid link records of a regular picture and sound, a segment every two seconds, as the gate would send them: for tests of what stands behind
 * the gate. A function of its options, so that two of them agree byte for byte.
 */
export class SyntheticBroadcast {
  readonly hello: HelloRecord;
  readonly #frameTicks: number;
  readonly #frameBytes: number;
  readonly #firstSegment: number;
  /** Next frame of each track: stream time since the start in ticks, segment, index. */
  readonly #next = TRACKS.map(() => ({ ticks: 0, segment: -1, index: 0 }));
  #cutsMade = 0;

  constructor(options: SyntheticOptions = {}) {
    this.#frameTicks = VIDEO_TIMESCALE / (options.framesPerSecond ?? 30);
    this.#frameBytes = options.frameBytes ?? 400;
    this.#firstSegment = options.firstSegment ?? 189_302_400;
    this.hello = {
      type: "hello",
      stream: options.stream ?? "main",
      timelineId: options.timelineId ?? "0123456789abcdef",
      fence: 1,
      originMicros: START_MICROS,
      tracks: TRACKS,
      segmentDurationMicros: SEGMENT_MICROS,
      targetDurationSeconds: 2,
      partTargetMicros: options.partTargetMicros ?? 500_000,
      windowMicros: options.windowMicros ?? 12_000_000,
    };
  }

  /** Number of the first segment. */
  get firstSegment(): number {
    return this.#firstSegment;
  }

  /** The records of the next frames of both tracks up to stream time `untilMicros` after the start, in the order of time. */
  until(untilMicros: number): LinkRecord[] {
    const records: LinkRecord[] = [];
    for (;;) {
      const micros = this.#next.map((next, id) => (next.ticks / this.#timescale(id)) * 1e6);
      const id = (micros[0] ?? 0) <= (micros[1] ?? 0) ? 0 : 1;
      if ((micros[id] ?? 0) >= untilMicros) return records;
      this.#frame(id, records);
    }
  }

  #timescale(id: number): number {
    return id === 0 ? VIDEO_TIMESCALE : AUDIO_RATE;
  }

  #frame(id: number, records: LinkRecord[]): void {
    const next = this.#next[id];
    if (next === undefined) return;
    const timescale = this.#timescale(id);
    const segment = this.#firstSegment + Math.floor(next.ticks / timescale / (SEGMENT_MICROS / 1e6));
    const isCut = segment !== next.segment;
    if (isCut) {
      if (next.segment >= 0) records.push({ type: "seal", track: id, segment: next.segment, frameCount: next.index });
      if (segment >= this.#firstSegment + this.#cutsMade) {
        records.push({
          type: "cut",
          segment,
          startMicros: START_MICROS + this.#cutsMade * SEGMENT_MICROS,
          discontinuitySequence: 0,
          periodStartMicros: START_MICROS,
          discontinuity: false,
        });
        this.#cutsMade++;
      }
      next.segment = segment;
      next.index = 0;
    }
    records.push({ type: "frame", frame: this.#build(id, next, isCut) });
    next.index++;
    next.ticks += id === 0 ? this.#frameTicks : AUDIO_SAMPLES;
  }

  #build(id: number, at: { ticks: number; segment: number; index: number }, isCut: boolean): Frame {
    const payload = new Uint8Array(id === 0 ? this.#frameBytes : 40);
    for (let i = 0; i < payload.length; i++) payload[i] = (at.segment * 31 + at.index * 7 + i + id) & 0xff;
    const key = isCut || id === 1 ? FrameFlag.KEY : 0;
    return {
      track: id,
      segment: at.segment,
      index: at.index,
      dts: (START_MICROS / 1e6) * this.#timescale(id) + at.ticks,
      ptsOffset: 0,
      duration: id === 0 ? this.#frameTicks : AUDIO_SAMPLES,
      flags: key + (isCut ? FrameFlag.CUT + FrameFlag.INDEPENDENT : 0),
      payload,
    };
  }
}

/** A live window that a test feeds by hand, as the origin would from a link. */
export class HandFedWindow implements ServedWindow {
  readonly stream: string;
  readonly window: BroadcastWindow;
  readonly broadcast: SyntheticBroadcast;
  readonly #listeners = new Set<() => void>();
  changedAtMs = 0;
  gone = false;
  #micros = 0;

  constructor(options: SyntheticOptions = {}) {
    this.broadcast = new SyntheticBroadcast(options);
    this.stream = this.broadcast.hello.stream;
    this.window = new BroadcastWindow(this.broadcast.hello);
  }

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => {
      this.#listeners.delete(listener);
    };
  }

  /** Feeds so many milliseconds of picture and sound in one batch. */
  feed(ms: number): void {
    this.#micros += ms * 1_000;
    this.#apply(this.broadcast.until(this.#micros));
  }

  /** So many milliseconds of picture and sound get lost on the way. */
  lose(ms: number): void {
    this.#micros += ms * 1_000;
    this.broadcast.until(this.#micros);
  }

  end(): void {
    this.#apply([{ type: "end", why: "stopped" }]);
  }

  drop(): void {
    this.gone = true;
    this.#tell();
  }

  #apply(records: readonly LinkRecord[]): void {
    const before = this.window.version;
    for (const record of records) this.window.apply(record);
    if (this.window.version !== before) this.#tell();
  }

  #tell(): void {
    this.changedAtMs = performance.now();
    for (const listener of this.#listeners) listener();
  }
}
