import { spawnSync } from "node:child_process";
import type { RawFrame } from "#media/frame.ts";
import type { SessionEnd } from "#media/publish.ts";
import { parsePullSource } from "#media/pull-source.ts";
import type { TrackConfig } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Pull, type PullOptions, startPull } from "./index.ts";
import type { PullDirectory, PullOrigin, PullSpec } from "./ports.ts";

/** What one session brought to the gate. */
export interface TakenSession {
  readonly origin: PullOrigin;
  readonly configs: TrackConfig[];
  readonly frames: RawFrame[];
  readonly arrivedMs: number[];
  readonly expel: AbortController;
  ended: SessionEnd | undefined;
}

/** The catalogue's source of stream `film`. */
export class SourceUnderTest implements PullDirectory {
  #spec: PullSpec | undefined;
  readonly #listeners = new Set<(stream: string) => void>();

  *pulls(): Generator<PullSpec> {
    if (this.#spec !== undefined) yield this.#spec;
  }

  pullOf(stream: string): PullSpec | undefined {
    return stream === "film" ? this.#spec : undefined;
  }

  onChange(listener: (stream: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Changes it; `undefined`: the stream is not pulled. */
  set(text: string | undefined, loop = false): void {
    const source = text === undefined ? undefined : parsePullSource(text);
    if (text !== undefined && source === undefined) throw new Error(`no source: ${text}`);
    this.#spec = source === undefined ? undefined : { stream: "film", source, loop, managedBy: "platform" };
    for (const listener of this.#listeners) listener("film");
  }
}

/** A pull of one stream, `film`, and what it brings. */
export interface PullUnderTest extends AsyncDisposable {
  readonly pull: Pull;
  readonly source: SourceUnderTest;
  readonly sessions: TakenSession[];
  readonly observer: RecordingObserver;
  readonly metrics: Metrics;
  /** Waits until `probe` gives a value. */
  until<T>(ms: number, what: string, probe: () => T | undefined): Promise<T>;
}

const POLL_MS = 20;

/** Starts to pull `text` as the stream `film`; only 127.0.0.1 may be reached. */
export async function pullOf(
  text: string,
  options: Partial<PullOptions> & { loop?: boolean } = {},
): Promise<PullUnderTest> {
  const source = new SourceUnderTest();
  source.set(text, options.loop);
  const sessions: TakenSession[] = [];
  const observer = new RecordingObserver();
  const metrics = new Metrics();
  const pull = await startPull({
    directory: source,
    gate: {
      admit: (stream, origin) => {
        const expel = new AbortController();
        const session: TakenSession = { origin, configs: [], frames: [], arrivedMs: [], expel, ended: undefined };
        sessions.push(session);
        return {
          stream,
          expelled: expel.signal,
          configure: (_, config) => void session.configs.push(config),
          frame: (frame, nowMs) => {
            session.frames.push(frame);
            session.arrivedMs.push(nowMs);
          },
          metadata: () => undefined,
          end: (why) => {
            session.ended = why;
          },
        };
      },
    },
    clock: systemClock,
    observer,
    metrics,
    permits: (address) => address === "127.0.0.1",
    random: () => 0,
    ...options,
  });
  return {
    pull,
    source,
    sessions,
    observer,
    metrics,
    until: async (ms, what, probe) => {
      const endMs = systemClock.nowMs() + ms;
      for (;;) {
        const value = probe();
        if (value !== undefined) return value;
        if (systemClock.nowMs() > endMs) {
          throw new Error(`waited ${ms} ms in vain for ${what}: ${JSON.stringify(observer.events)}`);
        }
        await systemClock.sleep(POLL_MS);
      }
    },
    [Symbol.asyncDispose]: () => pull.close(),
  };
}

/** Makes a film of test picture and tone: 320x180 at 30 a second with B-frames, a keyframe each second. */
export function makeFilm(path: string, seconds: number, output: readonly string[] = []): void {
  const picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"];
  const sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
  const codecs = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    "30",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "aac",
  ];
  const args = [
    "-v",
    "error",
    "-nostdin",
    "-y",
    ...picture,
    ...sound,
    "-t",
    String(seconds),
    ...codecs,
    ...output,
    path,
  ];
  const { status, stderr } = spawnSync("ffmpeg", args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`ffmpeg could not make ${path}: ${stderr}`);
}
