import type { LinkRecord } from "#link/record.ts";
import { FrameFlag, type RawTrack } from "#media/frame.ts";
import type { PublishRequest, PublishSink } from "#media/publish.ts";
import type { Slate, SlateRequest } from "#media/slate.ts";
import { type AudioConfig, VIDEO_TIMESCALE, type VideoConfig } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import { formatAirRecord, parseAirRecord } from "./air-log-record.ts";
import { type Router, startRouter } from "./index.ts";
import type { BroadcastSettings, KeyframeJudgement } from "./ports.ts";

/** The first picture track. */
export const VIDEO: RawTrack = { kind: "video", number: 0 };
/** The first sound track. */
export const AUDIO: RawTrack = { kind: "audio", number: 0 };

/** 720p. */
export const VIDEO_CONFIG: VideoConfig = {
  kind: "video",
  codec: "avc",
  record: Uint8Array.of(1, 100, 0, 31),
  width: 1280,
  height: 720,
  pixelAspect: { num: 1, den: 1 },
  codecs: "avc1.64001f",
};

/** AAC-LC, 48 kHz, stereo. */
export const AUDIO_CONFIG: AudioConfig = {
  kind: "audio",
  codec: "aac",
  record: Uint8Array.of(0x11, 0x90),
  sampleRate: 48_000,
  channels: 2,
  samplesPerFrame: 1024,
  codecs: "mp4a.40.2",
};

/** How the stream of the tests is written. */
export const SETTINGS: BroadcastSettings = {
  stream: "main",
  segmentSeconds: 2,
  partMs: 500,
  windowSeconds: 60,
  quickStart: true,
  graceSeconds: 60,
  whenBusy: "backup",
  switchBack: "sticky",
  title: "",
  continuity: "hold",
  slateAfterMs: 1000,
  slateFile: undefined,
  slateWords: "We'll be right back",
  alwaysOn: false,
};

/** Last byte of what the slate sends. */
export const SLATE_MARK = 99;

const REQUEST: PublishRequest = { protocol: "rtmp", app: "live", path: "key", params: {}, address: "192.0.2.1" };

/** A slate as a maker gives it: two seconds with a keyframe, and silence. */
function cardOf({ video, frameRate, audio }: SlateRequest): Slate {
  const frames = Math.round((2 * frameRate.num) / frameRate.den);
  const payload = Uint8Array.of(0, 0, 0, 0, SLATE_MARK);
  return {
    video: { ...video, record: Uint8Array.of(1, 77, 0, 31) },
    frameRate,
    pictures: Array.from({ length: frames }, (_, at) => ({ payload, keyframe: at === 0 })),
    sound: audio === undefined ? undefined : { config: audio, frames: [Uint8Array.of(0, 0, 0, 0, SLATE_MARK)] },
  };
}

/** What a decoder would say of a keyframe. */
function judgementOf(keyframe: Uint8Array): KeyframeJudgement {
  return keyframe.at(-2) === 0 ? { verdict: "intact", why: "" } : { verdict: "damaged", why: "noise" };
}

/** A router on simulated time, with a store that outlives it. */
export class Stage {
  readonly clock: SimulatedClock;
  readonly observer: RecordingObserver = new RecordingObserver();
  readonly stored: Map<string, GateCheckpoint>;
  /** Time lines as they are stored, by stream. */
  readonly airtimes: Map<string, string>;
  /** The store takes no time lines. */
  refusesAirtimes = false;
  router!: Router;
  /** A slate of a file takes for ever here. */
  refusesSlates = false;
  /** Keyframes of encoders that are not on air that were decoded. */
  tried = 0;
  /** Called at each step of {@link run}. */
  onStep: (() => void) | undefined;

  private constructor(clock: SimulatedClock, stored: Map<string, GateCheckpoint>, airtimes: Map<string, string>) {
    this.clock = clock;
    this.stored = stored;
    this.airtimes = airtimes;
  }

  static async open(
    clock: SimulatedClock = new SimulatedClock(),
    stored: Map<string, GateCheckpoint> = new Map(),
    airtimes: Map<string, string> = new Map(),
  ): Promise<Stage> {
    const stage = new Stage(clock, stored, airtimes);
    stage.router = await startRouter({
      clock,
      observer: stage.observer,
      metrics: new Metrics(),
      slates: {
        make: (request) =>
          request.file !== undefined
            ? new Promise<never>(() => undefined)
            : stage.refusesSlates
              ? Promise.reject(new Error("no slates today"))
              : Promise.resolve(cardOf(request)),
      },
      decodes: (_config, keyframe) => {
        stage.tried++;
        return Promise.resolve(judgementOf(keyframe));
      },
      checkpoints: {
        load: (stream) => stored.get(stream),
        save: (stream, checkpoint) => void stored.set(stream, checkpoint),
        remove: (stream) => void stored.delete(stream),
      },
      airtimes: {
        list: () => [...airtimes].flatMap(([stream, text]) => parseAirRecord(stream, text) ?? []),
        save: (record) => !stage.refusesAirtimes && airtimes.set(record.stream, formatAirRecord(record)) === airtimes,
        remove: (stream) => void airtimes.delete(stream),
      },
    });
    return stage;
  }

  open(request: Partial<PublishRequest> = {}, settings: Partial<BroadcastSettings> = {}): Encoder {
    return new Encoder(this.clock, this.session(request, settings));
  }

  /** Opens a session for an encoder of the caller's own. */
  session(request: Partial<PublishRequest> = {}, settings: Partial<BroadcastSettings> = {}): PublishSink {
    return this.router.openSession({ ...SETTINGS, ...settings }, { ...REQUEST, ...request });
  }

  /** Lets these encoders deliver side by side in real time for `seconds`, others being silent. */
  async run(seconds: number, ...encoders: readonly Encoder[]): Promise<void> {
    for (const encoder of encoders) encoder.align();
    for (let i = 0; i < Math.round(seconds * 100); i++) {
      for (const encoder of encoders) encoder.sendDue();
      await this.clock.advance(10);
      this.onStep?.();
    }
  }

  /** Has each keyframe of the broadcast decoded from now on. The answer looks at what came since it was called last. */
  judge(): () => void {
    const live = this.router.find("main");
    if (live === undefined) throw new Error("no broadcast");
    const { stream, timelineId } = live;
    const subscription = live.subscribe({ name: "judge", from: "live" });
    return () => {
      for (const record of subscription.take()) {
        if (record.type !== "frame" || record.frame.track !== 0) continue;
        const { flags, dts, ptsOffset, payload } = record.frame;
        if ((flags & FrameFlag.KEY) === 0 || (flags & FrameFlag.SLATE) !== 0) continue;
        const atMicros = ticksToMicros(dts + ptsOffset, VIDEO_TIMESCALE);
        this.router.judged({ stream, timelineId, atMicros, ...judgementOf(payload) });
      }
    };
  }

  events(name: string): number {
    return this.observer.named(name).length;
  }

  /** Records published from now on. */
  records(): LinkRecord[] {
    return this.router.find("main")?.subscribe({ name: "test", from: "live" }).take() ?? [];
  }
}

/** 30 frames a second with a keyframe every two, and sound. */
export class Encoder {
  readonly sink: PublishSink;
  readonly #clock: SimulatedClock;
  #pictures = 0;
  #sounds = 0;
  #startMs = 0;
  gopFrames = 60;
  /** Share of real time that its uplink takes; what it did not take comes in a burst once it takes all. */
  pace = 1;
  #behindMs = 0;
  #dueMs = 0;
  /** Last byte of each payload. */
  mark = 0;
  /** Offset of its clock, milliseconds. */
  clockMs = 0;
  /** Whether its pictures parse, and are broken. */
  isBroken = false;
  /** Whether each payload is another one, as in a real encode. */
  isDistinct = false;
  /** Whether pictures are left out, or keyframes are sent as if they were none. */
  fault: "none" | "no-pictures" | "no-keyframes" = "none";

  constructor(clock: SimulatedClock, sink: PublishSink) {
    this.#clock = clock;
    this.sink = sink;
    sink.metadata({ framerate: 30, width: 1280, audiosamplerate: 48_000, encoder: "Lavf60" }, clock.nowMs());
    sink.configure(VIDEO, VIDEO_CONFIG, clock.nowMs());
    sink.configure(AUDIO, AUDIO_CONFIG, clock.nowMs());
  }

  /** Delivers in real time for `seconds`. */
  async run(seconds: number): Promise<void> {
    const until = this.#pictures + Math.round(seconds * 30);
    let sentMs = (this.#pictures * 1000) / 30;
    for (; this.#pictures < until; this.#pictures++) {
      const atMs = (this.#pictures * 1000) / 30;
      await this.#clock.advance(Math.max(0, atMs - sentMs));
      sentMs = atMs;
      this.#send(VIDEO, Math.round(atMs), this.#pictures % this.gopFrames === 0, 4000);
      for (; (this.#sounds * 1024) / 48 <= atMs; this.#sounds++)
        this.#send(AUDIO, Math.round((this.#sounds * 1024) / 48), true, 200);
    }
    await this.#clock.advance((until * 1000) / 30 - sentMs);
  }

  /** Sends what another one sends from now on: both are fed by one encode. */
  follow(other: Encoder): void {
    this.#pictures = other.#pictures;
    this.#sounds = other.#sounds;
  }

  /** What it sends next is due now, unless it is behind. */
  align(): void {
    if (this.pace !== 1 || this.#behindMs > 0) return;
    this.#startMs = this.#clock.nowMs() - (this.#pictures * 1000) / 30;
    this.#sounds = Math.max(this.#sounds, Math.floor((this.#pictures * 48) / 30 / 1.024));
  }

  /** Sends what is due. */
  sendDue(): void {
    const nowMs = this.#clock.nowMs();
    this.#behindMs = this.pace === 1 ? 0 : this.#behindMs + (nowMs - this.#dueMs) * (1 - this.pace);
    this.#dueMs = nowMs;
    const atMs = nowMs - this.#startMs - this.#behindMs;
    for (; (this.#pictures * 1000) / 30 <= atMs; this.#pictures++) {
      const isKey = this.#pictures % this.gopFrames === 0 && this.fault !== "no-keyframes";
      if (this.fault !== "no-pictures") this.#send(VIDEO, Math.round((this.#pictures * 1000) / 30), isKey, 4000);
    }
    for (; (this.#sounds * 1024) / 48 <= atMs; this.#sounds++)
      this.#send(AUDIO, Math.round((this.#sounds * 1024) / 48), true, 200);
  }

  #send(track: RawTrack, dts: number, keyframe: boolean, sizeBytes: number): void {
    const payload = new Uint8Array(sizeBytes);
    payload[sizeBytes - 1] = this.mark;
    payload[sizeBytes - 2] = Number(this.isBroken);
    if (this.isDistinct) new DataView(payload.buffer).setUint32(0, dts);
    const stamp = (dts + this.clockMs) >>> 0;
    this.sink.frame({ track, dts: stamp, ptsOffset: 0, keyframe, payload }, this.#clock.nowMs());
  }

  end(): void {
    this.sink.end("finished", this.#clock.nowMs());
  }
}
