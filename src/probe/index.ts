import { Fault } from "#faults/fault.ts";
import type { Observer } from "#observe/event.ts";
import type { Clock } from "#time/clock.ts";
import { Checker } from "./conformance/checker.ts";
import { DashViewer } from "./dash/dash-viewer.ts";
import { Figures } from "./figures.ts";
import { type HttpAnswer, HttpClient } from "./http/client.ts";
import { LagMeter } from "./lag-meter.ts";
import { PlaybackBuffer } from "./playback-buffer.ts";
import { buildReport, type ProbeState } from "./build-report.ts";
import type { ProbeReport } from "./report.ts";
import { enterHls, HlsViewer } from "./viewer/hls-viewer.ts";
import { LightAudience } from "./viewer/light-audience.ts";
import { pause, type Watch } from "./viewer/watch.ts";

/** Light viewers of one process. */
export const PROBE_VIEWERS_MAX = 5_000;
/** Longest watch, in seconds: a week. */
export const PROBE_SECONDS_MAX = 604_800;
/** How long a stream that is not on air yet is waited for, in milliseconds. */
const ENTRANCE_MS_MAX = 10_000;
const ENTRANCE_RETRY_MS = 500;
/** Between two calls of `onReport`. */
const REPORT_EVERY_MS = 1_000;
/** What the player model has at least again before it goes on after a stall, in seconds. */
const RESUME_S = 0.2;

/** How {@link startProbe} watches. */
export interface ProbeOptions {
  /** A multivariant or media playlist, or an MPD. */
  readonly url: string;
  /** Default: by the URL and the first answer; `hls` leaves parts and directives alone. */
  readonly protocol?: "ll-hls" | "hls" | "dash" | undefined;
  /** Default: until the presentation ends or `signal` aborts. At most {@link PROBE_SECONDS_MAX}. */
  readonly seconds?: number | undefined;
  /** Viewers in all: the first is strict, the others light. Default 1, at most {@link PROBE_VIEWERS_MAX}. */
  readonly viewers?: number | undefined;
  /** Watch every rendition instead of the best video with its audio. Default false. */
  readonly allRenditions?: boolean | undefined;
  /** Accept certificates nobody vouches for. Default false. */
  readonly insecure?: boolean | undefined;
  readonly clock: Clock;
  readonly observer: Observer;
  /** Ends the watch; the report is of what was seen until then. */
  readonly signal: AbortSignal;
  /** Called about once a second and at the end. */
  readonly onReport?: ((report: ProbeReport) => void) | undefined;
}

function checkedUrl(options: ProbeOptions): string | undefined {
  const { url, seconds, viewers } = options;
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) return `"${url}" is not an http or https URL`;
  if (seconds !== undefined && !(seconds > 0 && seconds <= PROBE_SECONDS_MAX)) {
    return `seconds must be above 0 and at most ${PROBE_SECONDS_MAX}`;
  }
  if (viewers !== undefined && !(Number.isInteger(viewers) && viewers >= 1 && viewers <= PROBE_VIEWERS_MAX)) {
    return `viewers must be a whole number from 1 to ${PROBE_VIEWERS_MAX}`;
  }
  return undefined;
}

function looksLikeDash(answer: HttpAnswer): boolean {
  if (/\.mpd(\?|$)/.test(answer.url) || answer.headers.get("content-type")?.includes("dash+xml")) return true;
  return new TextDecoder().decode(answer.body.subarray(0, 200)).trimStart().startsWith("<");
}

/** Gets the first answer, waiting for a stream that is about to begin. @throws Fault when there is none. */
async function enter(watch: Watch, url: string): Promise<HttpAnswer> {
  const { clock, client, figures } = watch;
  const untilMs = clock.nowMs() + ENTRANCE_MS_MAX;
  for (;;) {
    const answer = await client.get(url, { followRedirects: true });
    if (answer.status === 200) {
      figures.requestMs.record(answer.endAtMs - answer.sentAtMs);
      return answer;
    }
    const mayCome = answer.status === 404 || answer.status === 503;
    const again = mayCome && clock.nowMs() < untilMs && (await pause(watch, ENTRANCE_RETRY_MS));
    if (!again) {
      throw new Fault("NOT_CONFORMING", `${url} was answered ${answer.status}`, {
        hint: answer.status === 404 ? "Check the stream's name and that it is on air." : "See the server's log.",
      });
    }
  }
}

/**
 * Watches a presentation as a strict player, with `viewers - 1` light ones beside it, and says what it saw.
 * Never rejects: what makes watching impossible stands in `failure`, with `exitCode` 2.
 */
export async function startProbe(options: ProbeOptions): Promise<ProbeReport> {
  const { clock, observer } = options;
  const controller = new AbortController();
  const stop = (): void => controller.abort(new Fault("CONNECTION_LOST", "the watch is over"));
  if (options.signal.aborted) stop();
  options.signal.addEventListener("abort", stop, { once: true });
  const figures = new Figures();
  const { signal } = controller;
  const watchOf = (lowLatency: boolean, tracks: readonly string[]): Watch => ({
    clock,
    observer,
    signal,
    figures,
    checker,
    client,
    lag,
    lowLatency,
    buffer: new PlaybackBuffer({ tracks, resumeS: RESUME_S }),
  });
  const checker = new Checker(clock);
  const lag = new LagMeter(clock);
  const client = new HttpClient({ clock, insecure: options.insecure ?? false, traffic: figures, signal });
  const state: ProbeState = { options, figures, checker, lag, startMs: clock.nowMs(), startWallMs: clock.wallMs() };
  const problem = checkedUrl(options);
  if (problem !== undefined) state.failure = problem;
  else {
    const background = [lag.run(signal), endAfter(options, clock, signal, stop), report(state, clock, signal)];
    try {
      await watchUrl(state, watchOf, stop);
    } catch (error) {
      const hint = error instanceof Fault && error.hint !== undefined ? ` ${error.hint}` : "";
      state.failure = `${error instanceof Error ? error.message : String(error)}.${hint}`;
    }
    stop();
    await Promise.all(background);
  }
  client.close();
  options.signal.removeEventListener("abort", stop);
  const final = buildReport(state, clock);
  observer.event(final.exitCode === 0 ? "info" : "warn", "probe.finished", {
    url: options.url,
    exitCode: final.exitCode,
    errors: final.errors.length,
    warnings: final.warnings.length,
    elapsedMs: final.elapsedMs,
  });
  options.onReport?.(final);
  return final;
}

async function watchUrl(
  state: ProbeState,
  watchOf: (lowLatency: boolean, tracks: readonly string[]) => Watch,
  stop: () => void,
): Promise<void> {
  const { options, checker } = state;
  const { clock } = options;
  const first = await enter(watchOf(false, []), options.url);
  const others = (options.viewers ?? 1) - 1;
  if (options.protocol === "dash" || (options.protocol === undefined && looksLikeDash(first))) {
    state.protocol = "dash";
    const watch = watchOf(false, []);
    state.buffer = watch.buffer;
    const viewer = new DashViewer(watch, first, { allRenditions: options.allRenditions ?? false });
    state.viewer = viewer;
    await viewer.run(stop);
    viewer.finish();
    return;
  }
  const lowLatency = options.protocol !== "hls";
  const entrance = enterHls(first, { allRenditions: options.allRenditions ?? false, lowLatency });
  const watch = watchOf(
    lowLatency,
    entrance.chosen.map(({ name }) => name),
  );
  checker.exchange({
    kind: "multivariant",
    url: first.url,
    status: first.status,
    headers: first.headers,
    sizeBytes: first.sizeBytes,
    heldMs: first.endAtMs - first.sentAtMs,
    bodyMs: first.endAtMs - first.headAtMs,
    asked: undefined,
    answer: undefined,
    known: undefined,
    sameBytes: undefined,
  });
  state.buffer = watch.buffer;
  const viewer = new HlsViewer(watch, entrance);
  state.viewer = viewer;
  const runs = [viewer.run(stop)];
  if (others > 0) {
    const load = new LightAudience({ watch, entrance, viewers: others, insecure: options.insecure ?? false });
    state.load = load;
    runs.push(load.run());
  }
  await Promise.all(runs);
  viewer.finish(clock.nowMs());
}

async function endAfter(options: ProbeOptions, clock: Clock, signal: AbortSignal, stop: () => void): Promise<void> {
  if (options.seconds === undefined) return;
  try {
    await clock.sleep(options.seconds * 1000, signal);
  } catch {
    return;
  }
  stop();
}

async function report(state: ProbeState, clock: Clock, signal: AbortSignal): Promise<void> {
  const { onReport } = state.options;
  if (onReport === undefined) return;
  while (!signal.aborted) {
    try {
      await clock.sleep(REPORT_EVERY_MS, signal);
    } catch {
      return;
    }
    onReport(buildReport(state, clock));
  }
}
