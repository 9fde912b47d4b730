import { TrackMeter } from "#link/track-health.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { EncoderMetadata, PublishRequest, SessionRole } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import { sameConfig } from "#timeline/checkpoint.ts";
import { Backlog } from "./backlog.ts";
import { Decodability } from "./decodability.ts";
import { Pace } from "./pace.ts";

/** Silence after which an encoder no longer counts as delivering, milliseconds. */
const SILENT_AFTER_MS = 500;
/** The same in frames, where those are long. */
const SILENT_AFTER_FRAMES = 2.5;
/** Bound of that, milliseconds. */
const SILENT_AFTER_MS_MAX = 2500;
/** Weight of a new distance between frames in their average. */
const FRAME_WEIGHT = 1 / 8;

/** One encoder connection of a broadcast: who it is, what it sent last, and whether it could be on air. */
export class EncoderSession {
  /** Counts from 1 within its broadcast. */
  readonly id: number;
  readonly request: PublishRequest;
  readonly role: SessionRole;
  readonly expelled: AbortController = new AbortController();
  /** Milliseconds since the Unix epoch. */
  readonly connectedMs: number;
  readonly meter: TrackMeter = new TrackMeter();
  /** What it sent while it was not on air. */
  readonly backlog: Backlog = new Backlog();
  /** Whether its pictures can be decoded. */
  decodability: Decodability = new Decodability();
  readonly configs: Map<string, { readonly raw: RawTrack; readonly config: TrackConfig }> = new Map();
  metadata: EncoderMetadata | undefined;
  /** It was told that it lacks a picture. */
  isToldPictureless = false;
  /** When its last frame came, or it connected. */
  arrivedMs: number;
  /** When the last frame came of the tracks that decide: pictures where there are any. */
  #leadMs: number;
  #leadStamp: number | undefined;
  #frameMs = 0;
  readonly #pace = new Pace();
  #hasKeyframe = false;
  #keyframeMs: number;
  #steadySinceMs: number | undefined;
  #hasPicture = false;

  constructor(options: {
    readonly id: number;
    readonly request: PublishRequest;
    readonly role: SessionRole;
    readonly nowMs: number;
    readonly wallMs: number;
  }) {
    this.id = options.id;
    this.request = options.request;
    this.role = options.role;
    this.connectedMs = options.wallMs;
    this.arrivedMs = options.nowMs;
    this.#leadMs = options.nowMs;
    this.#keyframeMs = options.nowMs;
  }

  get hasPicture(): boolean {
    return this.#hasPicture;
  }

  /** Takes codec parameters; frames that were kept belong to the ones before. Answers whether they replace others. */
  configure(raw: RawTrack, config: TrackConfig): boolean {
    const key = `${raw.kind}${raw.number}`;
    const known = this.configs.get(key);
    if (known !== undefined && sameConfig(known.config, config)) return false;
    this.configs.set(key, { raw, config });
    this.#hasPicture ||= raw.kind === "video";
    if (known !== undefined) this.backlog.clear();
    // What was known holds for the codec before.
    if (raw.kind === "video" && known !== undefined && known.config.codec !== config.codec)
      this.decodability = new Decodability();
    return known !== undefined;
  }

  /** Notes that a frame came. */
  arrived(frame: RawFrame, nowMs: number): void {
    this.arrivedMs = nowMs;
    this.meter.add(frame.payload.byteLength);
    if (!this.leads(frame)) return;
    const patienceMs = this.#patienceMs;
    if (nowMs - this.#leadMs > patienceMs || this.#isBroken) this.#steadySinceMs = undefined;
    this.#leadMs = nowMs;
    this.#pace.frame(frame.dts, nowMs);
    const step = this.#leadStamp === undefined ? 0 : (frame.dts - this.#leadStamp) | 0;
    this.#leadStamp = frame.dts;
    if (step > 0 && step <= SILENT_AFTER_MS_MAX)
      this.#frameMs += this.#frameMs === 0 ? step : (step - this.#frameMs) * FRAME_WEIGHT;
    if (!frame.keyframe) return;
    this.#hasKeyframe = true;
    this.#keyframeMs = nowMs;
    this.#steadySinceMs ??= nowMs;
  }

  /** Whether a frame is of the tracks that decide over switches. */
  leads(frame: RawFrame): boolean {
    return !this.#hasPicture || frame.track.kind === "video";
  }

  /** Whether nothing came for so long that another encoder should be on air. */
  isSilent(nowMs: number): boolean {
    return nowMs - this.#leadMs >= this.#patienceMs;
  }

  /** For how long nothing came of the tracks that decide, milliseconds; without what is usual where frames are long. */
  silentMs(nowMs: number): number {
    return nowMs - this.#leadMs - (this.#patienceMs - SILENT_AFTER_MS);
  }

  /** Whether its frames come later and later, or in a burst after that. */
  isLate(nowMs: number): boolean {
    return this.#pace.isLate(this.#awaitedMs(nowMs));
  }

  /** How much later than usual its next picture comes at the earliest, milliseconds. */
  lateMs(nowMs: number): number {
    return this.#pace.lateMs(this.#awaitedMs(nowMs));
  }

  /** Whether another encoder should be on air, if there is one. */
  isFailing(nowMs: number): boolean {
    return this.isSilent(nowMs) || this.isLate(nowMs);
  }

  /** Whether it could be on air: frames come in time and can be decoded, and a keyframe was among them. */
  delivers(nowMs: number): boolean {
    return this.#hasKeyframe && !this.#isBroken && !this.isFailing(nowMs) && !this.#pace.isBurst;
  }

  /** How long ago its last keyframe came, or it connected, milliseconds. */
  keyframeAgeMs(nowMs: number): number {
    return nowMs - this.#keyframeMs;
  }

  /** For how long it has delivered without a pause, milliseconds. */
  steadyMs(nowMs: number): number {
    if (this.#steadySinceMs === undefined || this.isSilent(nowMs) || this.#isBroken) return 0;
    return nowMs - this.#steadySinceMs;
  }

  get #isBroken(): boolean {
    return this.decodability.problem !== undefined;
  }

  #awaitedMs(nowMs: number): number {
    return Math.max(0, this.silentMs(nowMs) - this.#frameMs);
  }

  get #patienceMs(): number {
    return Math.min(SILENT_AFTER_MS_MAX, Math.max(SILENT_AFTER_MS, SILENT_AFTER_FRAMES * this.#frameMs));
  }
}
