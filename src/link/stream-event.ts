import type { PublishProtocol, SessionEnd } from "#media/publish.ts";
import type { EndReason } from "./record.ts";

/**
 * What happens to a stream, told within the platform and, through hooks, outside it.
 *
 *   publish-requested ─▶ live ─▶ (interrupted ─▶ resumed)* ─▶ ended
 *                          └─▶ (slate | switched)*, also between the two
 *
 * A refused publication ends with the first; a publication that joins a broadcast on air gives no second `live`.
 */
export type StreamEvent = PublishRequestedEvent | BroadcastEvent;

/** What happens to a broadcast: a {@link StreamEvent} that the router tells. */
export type BroadcastEvent = LiveEvent | InterruptedEvent | ResumedEvent | SwitchedEvent | SlateEvent | EndedEvent;

/** The types of {@link StreamEvent} that are told today. */
export const STREAM_EVENT_TYPES = [
  "stream.publish-requested",
  "stream.live",
  "stream.interrupted",
  "stream.resumed",
  "stream.switched",
  "stream.slate",
  "stream.ended",
] as const;

/** One of {@link STREAM_EVENT_TYPES}. */
export type StreamEventType = (typeof STREAM_EVENT_TYPES)[number];

/** An encoder with a valid key wants to publish. Never holds the key. */
export interface PublishRequestedEvent {
  readonly type: "stream.publish-requested";
  readonly stream: string;
  readonly protocol: PublishProtocol;
  /** First path element: `live` in `rtmp://host/live/KEY`. */
  readonly app: string;
  /** Remote address without port. */
  readonly address: string;
  /** What the encoder calls itself; untrusted. */
  readonly encoder?: string;
  /** Query parameters of the publication but its key; untrusted. */
  readonly params: Readonly<Record<string, string>>;
}

/** Who delivers. */
interface Source {
  readonly protocol: PublishProtocol;
  readonly address: string;
  readonly encoder?: string;
}

/** A broadcast. */
interface OfBroadcast {
  readonly stream: string;
  /** 16 hexadecimal digits: the same in every event of a broadcast, also after a restart in which it went on. */
  readonly timelineId: string;
}

/** The first picture or sound of a broadcast is on air. */
interface LiveEvent extends OfBroadcast, Source {
  readonly type: "stream.live";
}

/**
 * Why no encoder's picture is on air: it said goodbye (`finished`), was lost, was thrown out (`refused`), or is there and silent, or slower than
 * time goes by (`late`), or faster (`early`), or sends nothing that can be decoded.
 */
export type InterruptionReason = SessionEnd | "silent" | "late" | "early" | "undecodable";

/** Nobody delivers. */
interface InterruptedEvent extends OfBroadcast {
  readonly type: "stream.interrupted";
  readonly why: InterruptionReason;
}

/** The picture is back after {@link InterruptedEvent}. */
interface ResumedEvent extends OfBroadcast, Source {
  readonly type: "stream.resumed";
  readonly interruptedMs: number;
}

/** Why another encoder is on air: the one before delivers no more, or is well and another is wanted. */
export type SwitchReason = InterruptionReason | "primary-is-back" | "by-hand" | "replaced";

/** Another encoder's picture is on air. */
interface SwitchedEvent extends OfBroadcast {
  readonly type: "stream.switched";
  /** Remote addresses of the encoders. */
  readonly fromAddress: string;
  readonly toAddress: string;
  readonly why: SwitchReason;
}

/** The prepared picture is on air in place of an encoder's. */
interface SlateEvent extends OfBroadcast {
  readonly type: "stream.slate";
}

/** The broadcast is over; with `shutdown` it may go on after the restart. */
interface EndedEvent extends OfBroadcast {
  readonly type: "stream.ended";
  readonly why: EndReason;
  /** Since its first picture, interruptions and restarts included. */
  readonly durationMs: number;
}
