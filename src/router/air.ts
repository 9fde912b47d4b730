import type { InterruptionReason, SwitchReason } from "#link/stream-event.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { TrackConfig } from "#media/track.ts";
import type { EncoderSession } from "./encoder-session.ts";

/** A change of who is on air. */
export interface Switch {
  readonly from: EncoderSession;
  readonly to: EncoderSession;
  readonly why: SwitchReason;
}

/** Where the session on air goes; the broadcast has it. */
export interface Air {
  /** A session goes on air: its parameters hold for the frames that follow. */
  begin(session: EncoderSession, nowMs: number): void;
  /** New or changed parameters of the session on air. */
  configure(raw: RawTrack, config: TrackConfig, nowMs: number): void;
  /** What comes next may be so much later than usual, milliseconds: no picture is held for it meanwhile. */
  expectLag(ms: number): void;
  /** A frame of the session on air, which came at `arrivedMs`. */
  feed(frame: RawFrame, arrivedMs: number): void;
  /** Nobody is on air any more. */
  leave(why: InterruptionReason, nowMs: number): void;
  /** How far stream time is ahead of real time, milliseconds. */
  aheadMs(nowMs: number): number;
  /** For how long the gate has been holding a picture though a session is on air, milliseconds. */
  heldMs(nowMs: number): number;
  /** The picture of the session on air is there. */
  readonly begun: boolean;
  /** The broadcast has begun. */
  readonly started: boolean;
  /** Viewers have a picture: sound alone cannot go on where it ended. */
  readonly hasPicture: boolean;
  switched(change: Switch): void;
}
