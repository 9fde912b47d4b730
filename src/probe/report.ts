import type { Quantiles } from "./distribution.ts";
import type { Severity } from "./conformance/rule.ts";

/** A breach of one rule. */
export interface Finding {
  /** Id of the rule, as `listRules()` prints it. */
  readonly rule: string;
  readonly clause: string;
  readonly severity: Severity;
  /** What the rule demands. */
  readonly demands: string;
  /** What was found the first time. */
  readonly sentence: string;
  readonly url: string;
  /** Milliseconds since the start of the probe. */
  readonly firstSeenMs: number;
  readonly lastSeenMs: number;
  readonly count: number;
  /** A few further cases. */
  readonly examples: readonly { readonly sentence: string; readonly url: string; readonly atMs: number }[];
}

/** Milliseconds from the start of the probe to each step; `null` while not reached. */
export interface StartupReport {
  readonly playlistMs: number | null;
  readonly initMs: number | null;
  readonly partMs: number | null;
  /** A keyframe a decoder can start at has been received. */
  readonly frameMs: number | null;
  /** The player model shows its first picture: every track has data at the start position. */
  readonly playMs: number | null;
}

/** One watched rendition. Bit rates in bits per second, durations in seconds. */
export interface RenditionReport {
  readonly name: string;
  readonly url: string;
  readonly kind: string;
  readonly codec: string | null;
  readonly width: number | null;
  readonly height: number | null;
  readonly frameRate: number | null;
  readonly targetDurationS: number | null;
  readonly partTargetS: number | null;
  readonly segments: number;
  readonly parts: number;
  readonly gaps: number;
  readonly frames: number;
  readonly bytes: number;
  readonly peakBitrate: number;
  readonly averageBitrate: number;
  readonly lastMsn: number | null;
}

/** What many light viewers saw together. */
export interface LoadReport {
  readonly viewers: number;
  readonly playing: number;
  readonly viewersStalled: number;
  readonly stallCount: number;
  readonly stallMs: number;
  readonly bytes: number;
  readonly requests: number;
  readonly failures: number;
  readonly startupMs: Quantiles;
  readonly blockingMs: Quantiles;
  /** From the answer that lists a part to its last byte. */
  readonly mediaMs: Quantiles;
}

/**
 * What a probe saw: a plain object, safe to print as JSON. Times in milliseconds unless the name says otherwise.
 * `exitCode`: 0 clean, 1 at least one error, 2 unreachable or bad usage (`failure` says which).
 */
export interface ProbeReport {
  readonly version: 1;
  readonly url: string;
  readonly protocol: "ll-hls" | "hls" | "dash" | null;
  readonly state: "starting" | "waiting" | "playing" | "stalled" | "ended" | "failed";
  readonly failure: string | null;
  readonly exitCode: 0 | 1 | 2;
  readonly startedAt: string;
  readonly elapsedMs: number;
  readonly startup: StartupReport;
  /** Wall clock minus the date of the newest media received. */
  readonly latencyMs: Quantiles & { readonly last: number | null };
  /** Wall clock minus the date of what the player model shows. */
  readonly playheadLatencyMs: number | null;
  readonly bufferMs: number;
  readonly stallCount: number;
  readonly stallMs: number;
  readonly framesVideo: number;
  readonly framesAudio: number;
  readonly framesMissing: number;
  readonly framesRepeated: number;
  readonly gaps: number;
  /** Requests that wait for news. */
  readonly blockingMs: Quantiles;
  /** Between the appearances of two parts. */
  readonly partIntervalMs: Quantiles;
  /** Requests that are answered at once. */
  readonly requestMs: Quantiles;
  readonly bytes: number;
  readonly requests: number;
  readonly requestsByStatus: Readonly<Record<string, number>>;
  readonly connectionsLost: number;
  /** Largest lateness of this process itself: figures are no better than this. */
  readonly ownLagMsMax: number;
  readonly renditions: readonly RenditionReport[];
  readonly load: LoadReport | null;
  /** How often each rule was looked at: a rule that was never checked proves nothing. */
  readonly checks: Readonly<Record<string, number>>;
  readonly errors: readonly Finding[];
  readonly warnings: readonly Finding[];
}

function seconds(ms: number | null): string {
  return ms === null ? "–" : `${(ms / 1000).toFixed(2)} s`;
}

/** One line for a terminal: state, latency, buffer, stalls, frames, errors. At most some 150 characters, no line end. */
export function renderLiveLine(report: ProbeReport): string {
  const parts = [
    `${Math.round(report.elapsedMs / 1000)} s`.padStart(5),
    `${report.protocol ?? "?"} ${report.state}`,
    `start ${seconds(report.startup.playMs)}`,
    `latency ${seconds(report.latencyMs.last)}`,
    `buffer ${seconds(report.bufferMs)}`,
    `stalls ${report.stallCount} (${seconds(report.stallMs)})`,
    `frames ${report.framesVideo}v ${report.framesAudio}a −${report.framesMissing} +${report.framesRepeated}`,
    `${(report.bytes / 1_000_000).toFixed(1)} MB`,
  ];
  if (report.load !== null) {
    parts.push(`viewers ${report.load.playing}/${report.load.viewers} stalled ${report.load.viewersStalled}`);
  }
  const worst = report.errors.at(-1)?.rule;
  parts.push(`errors ${report.errors.length}${worst === undefined ? "" : ` (${worst})`}`);
  if (report.warnings.length > 0) parts.push(`warnings ${report.warnings.length}`);
  if (report.failure !== null) parts.push(report.failure);
  return parts.join(" · ");
}
