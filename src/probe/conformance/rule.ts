import type { InitTrack } from "#probe/cmaf/init-segment.ts";
import type { MediaPlaylist } from "#probe/hls/media-playlist.ts";
import type { MultivariantPlaylist } from "#probe/hls/multivariant-playlist.ts";
import type { Mpd } from "#probe/dash/mpd.ts";

/** Answers that take longer than this were waiting for news, in milliseconds. */
const HELD_MS_MIN = 30;

/** Whether a request was a blocking one and was parked, so that its answer shows the moment of the change. */
export function wasHeld(http: { readonly url: string; readonly sentAtMs: number; readonly endAtMs: number }): boolean {
  return http.url.includes("_HLS_msn=") && http.endAtMs - http.sentAtMs > HELD_MS_MIN;
}

/** A breach of an `error` rule makes the probe fail; a `warning` is a recommendation, or a demand of a platform rather than of the specification. */
export type Severity = "error" | "warning";

/** What every rule says of itself. Clauses without a name are of draft-pantos-hls-rfc8216bis. */
export interface RuleHead {
  /** Stable, for programs. */
  readonly id: string;
  readonly clause: string;
  readonly severity: Severity;
  /** What the server must do, in one sentence. */
  readonly demands: string;
}

/** What a playlist rule may know beside the playlist and the one before. Times in milliseconds of the monotonic clock. */
export interface PlaylistContext {
  readonly url: string;
  readonly atMs: number;
  /** See {@link wasHeld}. */
  readonly held: boolean;
  /** How late this observer may have been itself, with the allowance for the network. */
  readonly slackMs: number;
  /** When the newest segment, part of the previous playlist was first seen; `undefined` when it was there at the beginning. */
  readonly segmentAddedAtMs: number | undefined;
  readonly partAddedAtMs: number | undefined;
  /** Absolute URL → `msn` or `msn.part` of everything listed before. */
  readonly owners: ReadonlyMap<string, string>;
  /** Absolute URLs of the other renditions of the presentation; empty for a lone media playlist. */
  readonly otherRenditions: readonly string[];
}

/** Looks at each version of a media playlist (delta updates merged). Yields one sentence per breach. */
export interface PlaylistRule extends RuleHead {
  readonly on: "playlist";
  check(current: MediaPlaylist, previous: MediaPlaylist | undefined, context: PlaylistContext): Iterable<string>;
}

/** The newest version of a rendition's playlist. */
export interface RenditionView {
  readonly url: string;
  readonly name: string;
  readonly playlist: MediaPlaylist;
  readonly sentAtMs: number;
  readonly atMs: number;
  /** See {@link wasHeld}. */
  readonly held: boolean;
  /** Date of media time zero by the newest segment of which both are known, in milliseconds since the Unix epoch. */
  readonly dateOfZeroMs: number | undefined;
  /** Newest position another rendition's report claimed for this one, and when that report had arrived. */
  readonly reported: { readonly msn: number; readonly part: number; readonly atMs: number } | undefined;
}

/** Compares the renditions of a presentation. */
export interface RenditionsRule extends RuleHead {
  readonly on: "renditions";
  check(current: RenditionView, others: readonly RenditionView[]): Iterable<string>;
}

/** What an {@link Exchange} was made for. */
export type ExchangeKind =
  | "multivariant"
  | "manifest"
  | "playlist"
  | "blocking"
  | "skip"
  | "stale"
  | "part-past-segment"
  | "part-without-msn"
  | "msn-too-far"
  | "part-too-far"
  | "after-end"
  | "init"
  | "hint"
  | "part"
  | "segment"
  | "again"
  | "unknown"
  | "retained-segment"
  | "retained-part";

/** A request and its answer. */
export interface Exchange {
  readonly kind: ExchangeKind;
  readonly url: string;
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly sizeBytes: number;
  /** From the request to the end of the answer. */
  readonly heldMs: number;
  /** From the head of the answer to its end. */
  readonly bodyMs: number;
  /** For directives: the sequence number and part asked for. */
  readonly asked: { readonly msn: number; readonly part: number | undefined } | undefined;
  /** The playlist as answered. */
  readonly answer: MediaPlaylist | undefined;
  /** The newest full playlist known before the request. */
  readonly known: MediaPlaylist | undefined;
  /** For `again`: whether the bytes are those of the first time. */
  readonly sameBytes: boolean | undefined;
}

/** Judges single requests: delivery directives, availability, headers. */
export interface ExchangeRule extends RuleHead {
  readonly on: "exchange";
  readonly kinds: readonly ExchangeKind[];
  check(exchange: Exchange): Iterable<string>;
}

/** What was measured of a rendition by reading its media. */
export interface MeasuredRendition {
  readonly url: string;
  readonly init: InitTrack | undefined;
  /** Bits per second. */
  readonly peakBitrate: number;
  readonly averageBitrate: number;
  readonly seconds: number;
  readonly frameRate: number | undefined;
}

/** Compares the multivariant playlist with the media. */
export interface MultivariantRule extends RuleHead {
  readonly on: "multivariant";
  check(
    playlist: MultivariantPlaylist,
    measured: ReadonlyMap<string, MeasuredRendition>,
    url: string,
  ): Iterable<string>;
}

/** What reading one part or segment gave. */
export interface MediaFacts {
  readonly kind: "part" | "segment";
  readonly announcedS: number;
  /** `INDEPENDENT=YES`, or every segment of a playlist with EXT-X-INDEPENDENT-SEGMENTS. */
  readonly announcedIndependent: boolean;
  /** The container's fault; the other fields mean nothing then. */
  readonly broken: string | undefined;
  readonly durationS: number;
  readonly decodable: boolean;
  readonly missing: number;
  readonly repeated: number;
  readonly joinSentence: string;
  /** Whether the segment's bytes are those of its parts; `undefined` when not all parts were fetched. */
  readonly equalsParts: boolean | undefined;
  /** The first decode time lies this far from the other renditions' same segment, in units of an audio frame. */
  readonly misalignedFrames: number | undefined;
}

/** Judges the bytes of parts and segments. */
export interface MediaRule extends RuleHead {
  readonly on: "media";
  check(facts: MediaFacts): Iterable<string>;
}

/** A manifest and the one before. */
export interface MpdRule extends RuleHead {
  readonly on: "mpd";
  check(current: Mpd, previous: Mpd | undefined): Iterable<string>;
}

/** A rule that is checked where the fact arises and only reported by its id. */
export interface ReportedRule extends RuleHead {
  readonly on: "event";
}

/** Any rule of the table. */
export type Rule = PlaylistRule | RenditionsRule | ExchangeRule | MultivariantRule | MediaRule | MpdRule | ReportedRule;
