import type { RawFrame, RawTrack } from "./frame.ts";
import type { TrackConfig } from "./track.ts";

/** How an encoder came in; `pull`: this platform fetched it. */
export type PublishProtocol = "rtmp" | "rtmps" | "pull";

/** Whether an encoder is meant to be on air, or to step in for another. */
export type SessionRole = "primary" | "backup";

/** What happens to an encoder that comes while another one is connected: it stands by, it takes over, or it is refused. */
export const BUSY_POLICIES = ["backup", "replace", "refuse"] as const;
/** One of {@link BUSY_POLICIES}. */
export type BusyPolicy = (typeof BUSY_POLICIES)[number];

/** Whether a backup encoder stays on air when the primary one is back, or makes room for it. */
export const RETURN_POLICIES = ["sticky", "prefer-primary"] as const;
/** One of {@link RETURN_POLICIES}. */
export type ReturnPolicy = (typeof RETURN_POLICIES)[number];

/** What viewers see while nobody delivers: a prepared picture (`slate`), the last one held, or the end of the broadcast. */
export const CONTINUITIES = ["slate", "hold", "end"] as const;
/** One of {@link CONTINUITIES}. */
export type Continuity = (typeof CONTINUITIES)[number];

/** What an encoder asks for, before anything of it is trusted. */
export interface PublishRequest {
  readonly protocol: PublishProtocol;
  /** First path element: `live` in `rtmp://host/live/KEY`. */
  readonly app: string;
  /** What follows it, without query: the stream's key, or its name when `key` is given. */
  readonly path: string;
  /** Value of `?key=`, where there is one. */
  readonly key?: string;
  /** Other query parameters, such as `role`. */
  readonly params: Readonly<Record<string, string>>;
  /** Remote address without port. */
  readonly address: string;
  /** What the encoder calls itself (`flashVer`), as sent; untrusted text of at most 200 characters. */
  readonly encoder?: string;
}

/** Why a publish session ended, told to the gate. `lost`: the connection broke or fell silent; `finished`: the encoder said goodbye. */
export type SessionEnd = "finished" | "lost" | "refused";

/** Encoder's own words about itself (`onMetaData`): a hint for people, never trusted for anything else. */
export type EncoderMetadata = Readonly<Record<string, string | number | boolean>>;

/**
 * One encoder session as the gate takes it. Calls are synchronous and never throw for media reasons: what the gate cannot use it counts and reports.
 * `nowMs` is the arrival time on the monotonic clock.
 */
export interface PublishSink {
  /** The stream's name. */
  readonly stream: string;
  /** New or changed codec parameters of a track; precedes the frames that need them. */
  configure(track: RawTrack, config: TrackConfig, nowMs: number): void;
  frame(frame: RawFrame, nowMs: number): void;
  metadata(values: EncoderMetadata, nowMs: number): void;
  end(why: SessionEnd, nowMs: number): void;
  /** Aborts when the gate throws this session out (key revoked, stream removed, shutdown); the reason is a Fault. */
  readonly expelled: AbortSignal;
}

/** Decides who may publish and opens the gate's session. @throws Fault `KEY_REFUSED`, `STREAM_BUSY`, `STREAM_UNKNOWN`, `LIMIT_REACHED`. */
export interface Gatekeeper {
  admit(request: PublishRequest): Promise<PublishSink>;
}
