/**
 * What the API answers, as the pages read it. Types only: the API builds these values, so that a change that breaks a page does not compile.
 * Times are milliseconds since the Unix epoch, rates are bits per second.
 */

/** `live`: an encoder delivers. `interrupted`: the encoder is gone and its last picture is held. `slate`: a prepared picture is shown until it is back. `offline`: nothing is on air. */
export type LiveState = "live" | "slate" | "interrupted" | "offline";

/** A stream as every viewer may see it. */
export interface LiveStream {
  readonly name: string;
  readonly title: string;
  readonly state: LiveState;
  /** It shows its slate, and no encoder of this broadcast was there yet. */
  readonly startsSoon: boolean;
  /** Start of the broadcast; `null` while offline. */
  readonly sinceMs: number | null;
  /** End of the last broadcast this server saw; `null` when on air or never seen. */
  readonly endedMs: number | null;
  /** Picture size in pixels; `null` without picture. */
  readonly width: number | null;
  readonly height: number | null;
}

/** `GET /api/v1/live` and each event of `/api/v1/live/events`. */
export interface LiveAnswer {
  readonly streams: readonly LiveStream[];
}

/** `GET /api/v1/time`. */
export interface TimeAnswer {
  readonly nowMs: number;
}

/** One encoder connection. */
export interface SessionHealth {
  /** Names it while its broadcast lasts. */
  readonly id: number;
  readonly role: "primary" | "backup";
  /** `merged`: it carries what the one on air carries, and both are used. */
  readonly state: "on-air" | "merged" | "standby";
  /** Since its last frame, milliseconds. */
  readonly silentMs: number;
  readonly address: string;
  readonly protocol: string;
  readonly encoder: string | null;
  readonly connectedMs: number;
  readonly bitrate: number;
  /** Why it cannot be on air though it sends; `null` where it can. */
  readonly problem: string | null;
}

/** One track of a broadcast. */
export interface TrackHealth {
  readonly name: string;
  readonly kind: "video" | "audio";
  /** Common name of the codec, such as `avc`. */
  readonly codec: string;
  /** RFC 6381 value, such as `avc1.64001f`. */
  readonly codecs: string;
  readonly width: number | null;
  readonly height: number | null;
  /** Measured frames per second; `null` for sound. */
  readonly frameRate: number | null;
  readonly sampleRate: number | null;
  readonly channels: number | null;
  readonly bitrate: number;
  /** One value a second, oldest first, at most the last five minutes. Empty in lists. */
  readonly bitrateHistory: readonly number[];
}

/** Something an operator should change, in words. */
export interface Warning {
  readonly code: string;
  readonly sentence: string;
  readonly fix: string;
}

/** Live health of a broadcast. */
export interface StreamHealth {
  readonly state: "live" | "slate" | "interrupted";
  readonly sinceMs: number;
  readonly sessions: readonly SessionHealth[];
  readonly tracks: readonly TrackHealth[];
  /** `null` until two keyframes came. */
  readonly keyframeIntervalMs: { readonly last: number; readonly average: number; readonly max: number } | null;
  readonly counters: {
    readonly framesIn: number;
    readonly clamped: number;
    readonly interpolated: number;
    readonly dropped: number;
    readonly reconnects: number;
    /** Times that another encoder came on air. */
    readonly switches: number;
  };
  readonly warnings: readonly Warning[];
  readonly segments: number;
  readonly airtime: Airtime;
}

/** What viewers saw: an encoder's picture, the prepared picture, or the last picture held. */
export type AirSource =
  | {
      readonly kind: "encoder";
      /** Its session's id. */
      readonly session: number;
      readonly role: "primary" | "backup";
      readonly address: string;
      readonly protocol: string;
      readonly encoder: string | null;
    }
  | { readonly kind: "slate" }
  | { readonly kind: "held" };

/** Why what is on air changed: what became of the source before, or why this one was chosen. */
export type AirReason =
  | "started"
  | "silent"
  | "lost"
  | "finished"
  | "refused"
  | "undecodable"
  | "late"
  | "early"
  | "primary-is-back"
  | "by-hand"
  | "replaced"
  | "merged-path-lost"
  | "back"
  | "restarted";

/** One source's time on air; it lasts until the next one begins. */
export interface AirStretch {
  readonly fromMs: number;
  readonly source: AirSource;
  readonly why: AirReason;
}

/** Who was on air when. */
export interface Airtime {
  /** Oldest first. Of streams in lists only the last one. */
  readonly stretches: readonly AirStretch[];
  /** How many older stretches are no longer known. */
  readonly forgotten: number;
  /** Until when it goes: now, by the clock of the stretches, or the broadcast's end. */
  readonly untilMs: number;
  /** Why the broadcast ended; `null` while it lasts. */
  readonly endedWhy: "stopped" | "grace-over" | "removed" | "shutdown" | "crashed" | null;
}

/** A key as lists show it: nothing of it opens a door. */
export interface KeyInfo {
  /** Names the key when it is revoked. */
  readonly id: string;
  readonly createdAtMs: number;
  /** Refused from then on; absent: valid until it is replaced. */
  readonly expiresAtMs?: number;
}

/** How a stream is written, every setting with its value. */
export interface EffectiveSettings {
  readonly latency: "lowest" | "low" | "normal";
  readonly segmentSeconds: number;
  /** Part target, milliseconds; 0: no parts. */
  readonly partMs: number;
  /** How long a broadcast waits for its encoder to come back, seconds. */
  readonly graceSeconds: number;
  /** Smaller pictures beside the source: `off`, `default`, or heights such as `720:2500k,480,360`. */
  readonly ladder: string;
  readonly whenBusy: "backup" | "replace" | "refuse";
  readonly switchBack: "sticky" | "prefer-primary";
  /** What viewers see while nobody delivers. */
  readonly continuity: "slate" | "hold" | "end";
  /** For how long the last picture is held before that, milliseconds. */
  readonly slateAfterMs: number;
  readonly slateWords: string;
  /** On air with its slate before the first encoder and after the last, too. */
  readonly alwaysOn: boolean;
}

/** A stream as its operator sees it. */
export interface AdminStream {
  readonly name: string;
  readonly title: string;
  readonly createdMs: number;
  /** `file`: declared in the configuration file, and changed there. */
  readonly managedBy: "file" | "platform";
  /** What the stream decides for itself; the rest is the platform's. */
  readonly settings: Partial<EffectiveSettings>;
  /** What the next broadcast uses. */
  readonly effectiveSettings: EffectiveSettings;
  /** The keys that are valid now, the latest last. */
  readonly keys: readonly KeyInfo[];
  /** `null` while nothing is on air. */
  readonly health: StreamHealth | null;
  /** Who was on air in the last broadcast; absent while one is on air, in lists, and where none is known. */
  readonly lastAirtime?: Airtime;
  /** Absent where the stream is not pulled. */
  readonly pull?: PullHealth;
}

/** How a stream's pull stands. */
export interface PullHealth {
  /** `waiting`: before the next attempt; `ended`: its file is at its end. */
  readonly state: "connecting" | "live" | "waiting" | "ended";
  /** The source without its secrets. */
  readonly place: string;
  /** What has an end begins again there. */
  readonly loop: boolean;
  /** `file`: declared in the configuration file, and changed there. */
  readonly managedBy: "file" | "platform";
  /** Milliseconds since the Unix epoch. */
  readonly sinceMs: number;
  /** Failures one after another. */
  readonly failures: number;
  /** When it is tried again; `null` when it is not waiting. */
  readonly nextTryMs: number | null;
  /** The last failure, also when it has been overcome; `null` before the first one. */
  readonly lastProblem: (Problem & { readonly atMs: number }) | null;
}

/** Where an encoder pushes to. */
export interface IngestAnswer {
  /** RTMP and RTMPS addresses without the key, best first. */
  readonly urls: readonly string[];
}

/** `GET /api/v1/streams`. */
export interface AdminStreamsAnswer {
  readonly streams: readonly AdminStream[];
  readonly ingest: IngestAnswer;
  /** What streams use that decide nothing for themselves. */
  readonly platformSettings: EffectiveSettings;
}

/** A new key, shown this once. */
export interface NewKeyAnswer {
  readonly stream: AdminStream;
  readonly key: string;
  /** Its id, as {@link KeyInfo.id}. */
  readonly keyId: string;
  readonly ingest: IngestAnswer;
}

/** How a restream target stands. */
export type TargetState = "waiting" | "connecting" | "live" | "retrying" | "refused" | "stopped";

/** Another server that gets a stream. */
export interface AdminTarget {
  readonly id: string;
  readonly name: string;
  /** Without the key. */
  readonly url: string;
  /** The key's last four characters; empty for a short key. The key itself is never shown again. */
  readonly keyEnd: string;
  /** Name of the picture's track: `source`, or a rung. */
  readonly rendition: string;
  readonly enabled: boolean;
  /** `file`: declared in the configuration file, and changed there. */
  readonly managedBy: "file" | "platform";
  readonly state: TargetState;
  /** Since when it stands so; `null` where it never was on air. */
  readonly sinceMs: number | null;
  /** When it is tried again; `null` when it is not. */
  readonly nextTryMs: number | null;
  /** The last one, also when it has been overcome. */
  readonly lastProblem: (Problem & { readonly atMs: number }) | null;
  readonly sentBytes: number;
  readonly reconnects: number;
  /** Groups of pictures left out because the target took less than the stream has. */
  readonly droppedGops: number;
}

/** `GET /api/v1/streams/{name}/targets`. */
export interface AdminTargetsAnswer {
  readonly targets: readonly AdminTarget[];
}

/** What a hook may be told. */
export type HookEvent =
  | "stream.publish-requested"
  | "stream.live"
  | "stream.interrupted"
  | "stream.resumed"
  | "stream.switched"
  | "stream.slate"
  | "stream.ended";

/** A program that is told what happens to streams. */
export interface AdminHook {
  /** Its place in the configuration: `hooks[0]`. */
  readonly name: string;
  /** Without anything that may be a secret. */
  readonly url: string;
  readonly events: readonly HookEvent[];
  /** What becomes of a publication when it gives no usable answer. */
  readonly onFailure: "refuse" | "allow";
  /** `idle`: nothing was sent yet; `gone`: it answered 410 and is told nothing more. */
  readonly state: "idle" | "working" | "failing" | "gone";
  /** Messages that wait or are on their way. */
  readonly waiting: number;
  readonly delivered: number;
  /** Exchanges without a usable answer, each attempt counted. */
  readonly failed: number;
  /** Messages given up or dropped. */
  readonly dropped: number;
  /** Publications decided. */
  readonly allowed: number;
  readonly refused: number;
  /** When it last took a message or answered a question; `null`: never. */
  readonly lastDeliveryMs: number | null;
  /** The last one, also when it has been overcome. */
  readonly lastProblem: {
    readonly message: string;
    readonly type: string;
    readonly stream: string;
    readonly atMs: number;
  } | null;
}

/** `GET /api/v1/hooks`. */
export interface AdminHooksAnswer {
  readonly hooks: readonly AdminHook[];
}

/** Every answer that is not a success. `code` is stable. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}
