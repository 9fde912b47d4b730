import type { RawTrack } from "#media/frame.ts";
import type { SessionRole } from "#media/publish.ts";
import type { Gate } from "#timeline/gate.ts";
import { type HealthWarning, type TrackHealth, trackHealth, type TrackMeter } from "#link/track-health.ts";
import type { Airtime } from "./air-log.ts";
import type { EncoderSession } from "./encoder-session.ts";

/** Keyframes further apart than this make viewers wait, milliseconds. */
const KEYFRAME_INTERVAL_MS_MAX = 4000;
/** Keyframe intervals remembered for the average. */
const INTERVALS_KEPT = 30;

/** Live health of a broadcast. Times are milliseconds since the Unix epoch, rates are bits per second. */
export interface BroadcastHealth {
  /** `interrupted`: the encoder is gone or silent and its last picture is held; `slate`: a prepared picture is on air meanwhile. */
  readonly state: "live" | "slate" | "interrupted";
  readonly sinceMs: number;
  readonly sessions: readonly SessionHealth[];
  readonly tracks: readonly TrackHealth[];
  /** `null` until two keyframes came. */
  readonly keyframeIntervalMs: KeyframeInterval | null;
  readonly counters: {
    readonly framesIn: number;
    readonly clamped: number;
    readonly interpolated: number;
    readonly dropped: number;
    readonly reconnects: number;
    /** Times that another encoder came on air. */
    readonly switches: number;
  };
  readonly warnings: readonly HealthWarning[];
  readonly segments: number;
  /** Who was on air when. */
  readonly airtime: Airtime;
}

/** One encoder connection. */
export interface SessionHealth {
  /** Names it while its broadcast lasts. */
  readonly id: number;
  readonly role: SessionRole;
  /** `on-air`: its frames are; `merged`: so are they, as it carries what the one on air carries; `standby`: it steps in. */
  readonly state: "on-air" | "merged" | "standby";
  /** Since its last frame, milliseconds. */
  readonly silentMs: number;
  readonly address: string;
  readonly protocol: string;
  readonly encoder: string | null;
  readonly connectedMs: number;
  readonly bitrate: number;
  /** Why it cannot be on air though it sends, a sentence without its full stop; `null` where it can. */
  readonly problem: string | null;
}

/** How one encoder session is doing. */
export function sessionHealth(session: EncoderSession, state: SessionHealth["state"], nowMs: number): SessionHealth {
  const { id, role, request, metadata, connectedMs, arrivedMs, meter, decodability } = session;
  return {
    id,
    role,
    state,
    silentMs: Math.max(0, Math.round(nowMs - arrivedMs)),
    address: request.address,
    protocol: request.protocol,
    encoder: textOf(metadata?.["encoder"]) ?? request.encoder ?? null,
    connectedMs,
    bitrate: meter.bitrate,
    problem: decodability.problem === undefined ? null : `its pictures cannot be decoded: ${decodability.problem}`,
  };
}

/** What {@link broadcastHealth} looks at. */
export interface BroadcastFacts {
  readonly state: BroadcastHealth["state"];
  readonly gate: Gate;
  readonly sessions: readonly SessionHealth[];
  /** What the encoder on air called itself when it connected. */
  readonly encoder: string | undefined;
  readonly meter: (raw: RawTrack) => TrackMeter;
  readonly interval: KeyframeInterval | null;
  readonly reconnects: number;
  readonly switches: number;
  readonly lags: number;
  readonly airtime: Airtime;
}

/** How a broadcast is doing. */
export function broadcastHealth(facts: BroadcastFacts): BroadcastHealth {
  const { state, gate, sessions, meter, interval, reconnects, switches, lags } = facts;
  const { timeline, counters } = gate;
  const { leader } = timeline;
  const { framesIn, clamped, interpolated, dropped } = counters;
  return {
    state,
    sinceMs: timeline.startedWallMs,
    sessions,
    tracks: timeline.lanes.map(({ track, raw, video }) => trackHealth(track, meter(raw), video?.lockedRate)),
    keyframeIntervalMs: interval,
    counters: { framesIn, clamped, interpolated, dropped, reconnects, switches },
    warnings: warningsOf({
      interval,
      frameRateLocked: leader?.video?.lockedRate !== undefined,
      hasVideo: leader?.video !== undefined,
      frames: leader?.frameCount ?? 0,
      dependentCuts: counters.dependentCuts,
      jumps: counters.jumps,
      lags,
      sessions,
      encoder: facts.encoder ?? textOf(gate.encoderMetadata?.["encoder"]) ?? null,
    }),
    segments: counters.cuts,
    airtime: facts.airtime,
  };
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value !== "" ? value.slice(0, 200) : undefined;
}

/** Distances between keyframes, milliseconds. */
export interface KeyframeInterval {
  readonly last: number;
  readonly average: number;
  readonly max: number;
}

/** Distances between keyframes as they arrived from the encoder, by its own stamps. */
export class KeyframeMeter {
  #last: number | undefined;
  #intervals: number[] = [];

  /** A keyframe with this stamp, milliseconds. */
  keyframe(stampMs: number): void {
    const interval = this.#last === undefined ? 0 : (stampMs - this.#last) | 0;
    this.#last = stampMs;
    if (interval <= 0) return;
    this.#intervals.push(interval);
    if (this.#intervals.length > INTERVALS_KEPT) this.#intervals.shift();
  }

  /** A new session: the next distance would be no encoder's. */
  interrupt(): void {
    this.#last = undefined;
    this.#intervals = [];
  }

  get interval(): KeyframeInterval | null {
    const last = this.#intervals.at(-1);
    if (last === undefined) return null;
    const average = this.#intervals.reduce((sum, value) => sum + value, 0) / this.#intervals.length;
    return { last, average: Math.round(average), max: Math.max(...this.#intervals) };
  }
}

/** What {@link warningsOf} looks at. */
export interface WarningFacts {
  readonly interval: KeyframeInterval | null;
  readonly frameRateLocked: boolean;
  readonly hasVideo: boolean;
  readonly frames: number;
  readonly dependentCuts: number;
  readonly jumps: number;
  readonly lags: number;
  readonly sessions: readonly SessionHealth[];
  readonly encoder: string | null;
}

/** Longer keyframe distance that viewers notice, in one sentence with its cure. */
function keyframeWarning(interval: KeyframeInterval, encoder: string | null): HealthWarning {
  const seconds = (interval.max / 1000).toFixed(1);
  const isFfmpeg = encoder !== null && /lavf|ffmpeg/i.test(encoder);
  return {
    code: "KEYFRAME_INTERVAL_LONG",
    sentence: `Keyframes every ${seconds} s: viewers wait up to ${Math.ceil(interval.max / 1000)} s to join.`,
    fix: isFfmpeg
      ? "Give ffmpeg -g with twice the frame rate, for instance -g 60 at 30 frames per second."
      : "In OBS set Output → Keyframe interval to 2 s.",
  };
}

/** What the operator should change. */
export function warningsOf(facts: WarningFacts): HealthWarning[] {
  const warnings: HealthWarning[] = [];
  const { interval } = facts;
  for (const { problem, encoder, address } of facts.sessions) {
    if (problem === null) continue;
    warnings.push({
      code: "PICTURES_UNDECODABLE",
      sentence: `${encoder ?? "The encoder"} from ${address} is kept off air: ${problem}.`,
      fix: "Restart it, and look at what lies between it and this server.",
    });
  }
  if (interval !== null && interval.max > KEYFRAME_INTERVAL_MS_MAX)
    warnings.push(keyframeWarning(interval, facts.encoder));
  else if (facts.dependentCuts > 0 && interval !== null) {
    warnings.push({
      code: "KEYFRAMES_UNEVEN",
      sentence: `Keyframes every ${(interval.average / 1000).toFixed(1)} s do not fit the segments: some begin without one.`,
      fix: "Set the encoder's keyframe interval to 2 s; the next broadcast also adapts by itself.",
    });
  }
  if (facts.hasVideo && !facts.frameRateLocked && facts.frames > 300) {
    warnings.push({
      code: "FRAME_RATE_VARIABLE",
      sentence: "The frame rate varies, which adds one frame of delay.",
      fix: "Choose a constant frame rate in the encoder.",
    });
  }
  if (facts.jumps > 0) {
    warnings.push({
      code: "CLOCK_JUMPED",
      sentence: `The encoder's clock jumped ${facts.jumps === 1 ? "once" : `${facts.jumps} times`}; viewers were not affected.`,
      fix: "Look for a restarted source or a changed system clock at the encoder.",
    });
  }
  if (facts.lags > 0) {
    warnings.push({
      code: "SUBSCRIBER_LAGGED",
      sentence: `A part of this server was too slow ${facts.lags === 1 ? "once" : `${facts.lags} times`} and left pictures out.`,
      fix: "Look at the processor load of this machine.",
    });
  }
  return warnings;
}
