import type { Clock } from "#time/clock.ts";
import type { Checker } from "./conformance/checker.ts";
import type { Figures } from "./figures.ts";
import type { ProbeOptions } from "./index.ts";
import type { LagMeter } from "./lag-meter.ts";
import type { PlaybackBuffer } from "./playback-buffer.ts";
import type { LoadReport, ProbeReport, RenditionReport } from "./report.ts";

/** What a strict viewer of any protocol offers to the report. */
export interface StrictViewer {
  readonly hasParts: boolean | undefined;
  readonly ended: boolean;
  renditions(): RenditionReport[];
}

/** Everything a running probe knows. */
export interface ProbeState {
  readonly options: ProbeOptions;
  readonly figures: Figures;
  readonly checker: Checker;
  readonly lag: LagMeter;
  readonly startMs: number;
  readonly startWallMs: number;
  protocol?: "dash";
  buffer?: PlaybackBuffer;
  viewer?: StrictViewer;
  load?: { report(atMs: number): LoadReport };
  failure?: string;
}

function stateName({ viewer, buffer, failure }: ProbeState): ProbeReport["state"] {
  if (failure !== undefined) return "failed";
  if (viewer?.ended) return "ended";
  if (buffer === undefined) return "starting";
  return buffer.state;
}

function protocolOf({ protocol, viewer, options }: ProbeState): ProbeReport["protocol"] {
  if (protocol !== undefined) return protocol;
  if (viewer?.hasParts === undefined) return null;
  return viewer.hasParts && options.protocol !== "hls" ? "ll-hls" : "hls";
}

/** The report of this moment. */
export function buildReport(state: ProbeState, clock: Clock): ProbeReport {
  const { figures, checker, buffer, startMs } = state;
  const nowMs = clock.nowMs();
  const since = (atMs: number | null | undefined): number | null =>
    atMs === null || atMs === undefined ? null : Math.round(atMs - startMs);
  const findings = checker.findings();
  const errors = findings.filter((finding) => finding.severity === "error");
  const position = buffer?.positionS(nowMs);
  const dateOfZeroMs = figures.dateOfZeroMs;
  const known = position !== undefined && dateOfZeroMs !== null;
  return {
    version: 1,
    url: state.options.url,
    protocol: protocolOf(state),
    state: stateName(state),
    failure: state.failure ?? null,
    exitCode: state.failure !== undefined ? 2 : errors.length > 0 ? 1 : 0,
    startedAt: new Date(state.startWallMs).toISOString(),
    elapsedMs: Math.round(nowMs - startMs),
    startup: {
      playlistMs: since(figures.playlistAtMs),
      initMs: since(figures.initAtMs),
      partMs: since(figures.partAtMs),
      frameMs: since(figures.frameAtMs),
      playMs: since(buffer?.startedAtMs),
    },
    latencyMs: { ...figures.latencyMs.quantiles(), last: figures.latencyMsLast },
    playheadLatencyMs: known ? Math.round(clock.wallMs() - dateOfZeroMs - position * 1000) : null,
    bufferMs: Math.round(buffer?.bufferMs(nowMs) ?? 0),
    stallCount: buffer?.stallCount ?? 0,
    stallMs: Math.round(buffer?.stallMs(nowMs) ?? 0),
    framesVideo: figures.framesVideo,
    framesAudio: figures.framesAudio,
    framesMissing: figures.framesMissing,
    framesRepeated: figures.framesRepeated,
    gaps: figures.gaps,
    blockingMs: figures.blockingMs.quantiles(),
    partIntervalMs: figures.partIntervalMs.quantiles(),
    requestMs: figures.requestMs.quantiles(),
    bytes: figures.bytes,
    requests: figures.requests,
    requestsByStatus: Object.fromEntries([...figures.byStatus].map(([status, count]) => [String(status), count])),
    connectionsLost: figures.connectionsLost,
    ownLagMsMax: Math.round(state.lag.maxMs),
    renditions: state.viewer?.renditions() ?? [],
    load: state.load?.report(nowMs) ?? null,
    checks: checker.checks(),
    errors,
    warnings: findings.filter((finding) => finding.severity === "warning"),
  };
}
