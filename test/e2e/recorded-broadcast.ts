import { startEdge } from "#edge/index.ts";
import type { LinkRecord } from "#link/record.ts";
import { FlvReader, FlvTagType } from "#media/containers/flv/flv-file.ts";
import type { AudioConfig, Track, VideoConfig } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { TEST_AUDIO, TEST_VIDEO, testHello, testRecords } from "#packaging/test-broadcast.ts";
import { startHttpServer } from "#runtime/http-server.ts";
import { systemClock } from "#time/system-clock.ts";
import { ticksToMicros } from "#time/ticks.ts";

/*
 * A broadcast of the tracks a test names, playable by real players: clips that ffmpeg encodes once are shown again and again in real time, with the
 * records a gate and a transcoder would send for them, through a real window and a real edge.
 */

/** Seconds of a clip: whole segments and whole AAC frames, so that it can be repeated. */
const CLIP_SECONDS = 8;
/** Segments that are there from the beginning: as much as the slowest player to start wants to see. */
const PAST_SEGMENTS = 9;
/** Segments in all: four minutes. */
const SEGMENTS = 120;
const SEGMENT_SECONDS = 2;
/** How often records become due, milliseconds. */
const TICK_MS = 20;

/** A track of the broadcast. */
export interface RecordedTrack {
  readonly name: string;
  readonly id: number;
  readonly madeFrom?: number;
  readonly language?: string;
  readonly content:
    | { readonly kind: "video"; readonly width: number; readonly height: number; readonly kilobits: number }
    | { readonly kind: "audio"; readonly kilobits: number };
}

/** A broadcast on air at `{origin}/live/main/`. */
export interface RecordedBroadcast extends AsyncDisposable {
  readonly origin: string;
  /** Requests so far, as path below the stream. */
  readonly requests: readonly string[];
}

interface Clip {
  readonly record: Uint8Array;
  readonly frames: readonly Uint8Array[];
}

/** Bytes of a tag before the access unit: type, packet type and, for pictures, the composition time. FLV 10.1 §E.4.2.1, §E.4.3.1. */
const HEADER_BYTES = { video: 5, audio: 2 } as const;

async function encode({ content }: RecordedTrack): Promise<Clip> {
  const { kind, kilobits } = content;
  const rate = `${kilobits}k`;
  const args =
    content.kind === "video"
      ? [
          ...["-f", "lavfi", "-i", `testsrc2=size=${content.width}x${content.height}:rate=30`, "-c:v", "libx264"],
          ...["-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p", "-b:v", rate, "-g", "60"],
          ...["-maxrate", rate, "-bufsize", rate, "-sc_threshold", "0"],
        ]
      : ["-f", "lavfi", "-i", "anoisesrc=sample_rate=48000:amplitude=0.1", "-ac", "2", "-c:a", "aac", "-b:a", rate];
  const ffmpeg = Bun.spawn(["ffmpeg", "-v", "error", ...args, "-t", String(CLIP_SECONDS + 1), "-f", "flv", "pipe:1"], {
    stdout: "pipe",
    stderr: "inherit",
    timeout: 30_000,
  });
  const tags = new FlvReader()
    .receive(await new Response(ffmpeg.stdout).bytes())
    .filter(({ type }) => type === (kind === "video" ? FlvTagType.VIDEO : FlvTagType.AUDIO));
  const ofType = (type: number): Uint8Array[] =>
    tags.flatMap(({ data }) => (data[1] === type ? [data.subarray(HEADER_BYTES[kind])] : []));
  const framesPerSecond = kind === "video" ? 30 : 48_000 / 1024;
  const frames = ofType(1).slice(0, CLIP_SECONDS * framesPerSecond);
  const [record] = ofType(0);
  if (record === undefined || frames.length < CLIP_SECONDS * framesPerSecond) throw new Error("ffmpeg made no clip");
  return { record, frames };
}

function trackOf({ name, id, madeFrom, language, content }: RecordedTrack, { record }: Clip): Track {
  const config: VideoConfig | AudioConfig =
    content.kind === "audio"
      ? { ...(TEST_AUDIO.config as AudioConfig), record }
      : {
          ...(TEST_VIDEO.config as VideoConfig),
          record,
          width: content.width,
          height: content.height,
          codecs: `avc1.${Buffer.from(record.subarray(1, 4)).toString("hex")}`,
        };
  const { timescale } = content.kind === "audio" ? TEST_AUDIO : TEST_VIDEO;
  return {
    ...{ name, id, timescale, config },
    ...(madeFrom === undefined ? {} : { madeFrom }),
    ...(language === undefined ? {} : { language }),
  };
}

interface Due {
  /** Stream time at which it is whole. */
  readonly micros: number;
  readonly record: LinkRecord;
}

function dueRecords(tracks: readonly Track[], clips: ReadonlyMap<number, Clip>, startMicros: number): Due[] {
  const scales = new Map(tracks.map(({ id, timescale }) => [id, timescale]));
  const counts = new Map<number, number>();
  let micros = startMicros;
  return testRecords({ tracks, segmentCount: SEGMENTS, startMicros })
    .slice(1)
    .map((record) => {
      if (record.type !== "frame") return { micros, record };
      const { frame } = record;
      const count = counts.get(frame.track) ?? 0;
      counts.set(frame.track, count + 1);
      const frames = clips.get(frame.track)?.frames ?? [];
      const payload = frames[count % frames.length] ?? new Uint8Array(0);
      micros = Math.max(micros, ticksToMicros(frame.dts + frame.duration, scales.get(frame.track) ?? 1));
      return { micros, record: { ...record, frame: { ...frame, payload } } };
    });
}

/** Puts a broadcast of these tracks on air. */
export async function startRecordedBroadcast(recorded: readonly RecordedTrack[]): Promise<RecordedBroadcast> {
  const made = await Promise.all(recorded.map(async (track) => ({ track, clip: await encode(track) })));
  const clips = new Map(made.map(({ track, clip }) => [track.id, clip]));
  const tracks = made.map(({ track, clip }) => trackOf(track, clip));
  const startMicros = (Math.floor(Date.now() / 1000) - PAST_SEGMENTS * SEGMENT_SECONDS) * 1_000_000;
  const due = dueRecords(tracks, clips, startMicros);
  const window = new BroadcastWindow(testHello({ tracks, startMicros }));
  const listeners = new Set<() => void>();
  const served = {
    stream: "main",
    window,
    changedAtMs: systemClock.nowMs(),
    gone: false,
    onChange(listener: () => void): () => void {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  let next = 0;
  const tick = (): void => {
    const before = window.version;
    const nowMicros = systemClock.wallMs() * 1000;
    for (; (due[next]?.micros ?? Number.POSITIVE_INFINITY) <= nowMicros; next++) {
      window.apply((due[next] as Due).record);
    }
    if (window.version === before) return;
    served.changedAtMs = systemClock.nowMs();
    for (const listener of listeners) listener();
  };
  tick();
  const timer = setInterval(tick, TICK_MS);
  const edge = await startEdge({
    source: { windows: (stream) => (stream === "main" ? [served] : []) },
    clock: systemClock,
    observer: new RecordingObserver(),
    metrics: new Metrics(),
  });
  const requests: string[] = [];
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    handle: (request, context) => {
      requests.push(new URL(request.url).pathname.replace("/live/main/", ""));
      return edge.handle(request, context) ?? new Response("elsewhere\n", { status: 404 });
    },
  });
  return {
    origin: server.origin,
    requests,
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer);
      await edge.close();
      await server.close({ deadlineMs: 0 });
    },
  };
}
