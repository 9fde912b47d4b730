import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { FlvReader, FlvTagType } from "#media/containers/flv/flv-file.ts";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { VIDEO_TIMESCALE, type VideoConfig } from "#media/track.ts";
import { systemClock } from "#time/system-clock.ts";
import { planLadder } from "#transcoder/ladder.ts";
import type { Rung } from "#transcoder/rung.ts";
import { TranscodeProcess } from "#transcoder/transcode-process.ts";
import type { PictureJob } from "#transcoder/worker-wire.ts";
import { MAIN_KEY, startPlatform, startTool, untilOnAir } from "#test/e2e/platform.ts";
import { cpuSecondsOf, LOAD_CORE, median, quantile, SERVER_CORE } from "./measure.ts";
import type { Row } from "./table.ts";

const FPS = 30;
const GOP_FRAMES = 60;
const CLIP_SECONDS = 12;
const RUNS = 3;
const STARTS = 8;
const LATENCY_SECONDS = 40;
const HEIGHTS = [720, 480, 360];

/** The source of all rows: a file, and its frames as a worker is given them. */
export interface LadderClip extends Disposable {
  readonly path: string;
  readonly config: VideoConfig;
  readonly frames: readonly Frame[];
}

/** Encodes noise over a test picture, 1920×1080 at 30 frames per second in closed GOPs of two seconds, with ffmpeg. */
export function makeLadderClip(seconds: number): LadderClip {
  const folder = mkdtempSync("/dev/shm/grandstand-ladder-");
  const path = join(folder, "clip.flv");
  const picture = ["-f", "lavfi", "-i", `testsrc2=size=1920x1080:rate=${FPS}`, "-vf", "noise=alls=8:allf=t"];
  const x264 = ["-c:v", "libx264", "-preset", "veryfast", "-b:v", "6M", "-g", String(GOP_FRAMES), "-bf", "0"];
  const output = ["-sc_threshold", "0", "-pix_fmt", "yuv420p", "-t", String(seconds), path];
  const { exitCode, stderr } = Bun.spawnSync(["ffmpeg", "-v", "error", "-nostdin", ...picture, ...x264, ...output]);
  if (exitCode !== 0) throw new Error(`ffmpeg made no clip: ${stderr.toString()}`);
  return { path, ...readClip(path), [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) };
}

/** The frames of a file of {@link makeLadderClip}. */
export function readClip(path: string): { config: VideoConfig; frames: readonly Frame[] } {
  let config: VideoConfig | undefined;
  const frames: Frame[] = [];
  const duration = VIDEO_TIMESCALE / FPS;
  let [segment, index] = [0, 0];
  for (const { type, data } of new FlvReader().receive(new Uint8Array(readFileSync(path)))) {
    if (type !== FlvTagType.VIDEO) continue;
    const body = new Uint8Array(data);
    if (body[1] === 0) config = parseAvcConfig(body.subarray(5));
    if (body[1] !== 1) continue;
    const isKey = (body[0] ?? 0) >> 4 === 1;
    if (isKey) segment++;
    index = isKey ? 0 : index + 1;
    const flags = isKey ? FrameFlag.KEY | FrameFlag.CUT | FrameFlag.INDEPENDENT : 0;
    const dts = frames.length * duration;
    frames.push({ track: 0, segment, index, dts, ptsOffset: 0, duration, flags, payload: body.subarray(5) });
  }
  if (config === undefined) throw new Error("ffmpeg made no clip");
  return { config, frames };
}

/** What the worker is told for the clip. */
export function jobOf(config: VideoConfig, profile: "realtime" | "balanced"): PictureJob {
  const frameRate = { num: FPS, den: 1 };
  const rungs: Rung[] = planLadder(
    config,
    frameRate,
    HEIGHTS.map((height) => ({ height, bitrate: undefined })),
  );
  const encoding = { profile, coding: "identical", hardware: "none" } as const;
  return { kind: "video", source: config, frameRate, rungs, encoding };
}

interface WorkerRun {
  /** Processor seconds of the worker, and of us while we fed it and took what it made. */
  readonly workerSeconds: number;
  readonly parentSeconds: number;
  readonly firstFrameMs: number;
}

/** Sends the frames through a worker as fast as it takes them. */
async function runWorker(job: PictureJob, frames: readonly Frame[]): Promise<WorkerRun> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const whole = Promise.withResolvers<void>();
  const lastSegment = frames.at(-1)?.segment ?? 0;
  const usage = process.cpuUsage();
  const startMs = performance.now();
  let firstFrameMs = 0;
  let sealed = 0;
  const worker = new TranscodeProcess(
    job,
    {
      ready: () => undefined,
      frame: () => {
        if (firstFrameMs === 0) firstFrameMs = performance.now() - startMs;
      },
      sealed: (_rung, segment) => {
        if (segment === lastSegment && ++sealed === job.rungs.length) whole.resolve();
      },
      spent: () => undefined,
      failed: reject,
    },
    systemClock,
  );
  for (const [i, frame] of frames.entries()) {
    worker.frame(frame);
    const next = frames[i + 1];
    if (next?.segment !== frame.segment) worker.seal(frame.segment, frame.index + 1);
  }
  await Promise.race([whole.promise, failed]);
  const workerSeconds = cpuSecondsOf(worker.pid ?? 0);
  const { user, system } = process.cpuUsage(usage);
  await worker.stop();
  return { workerSeconds, parentSeconds: (user + system) / 1_000_000, firstFrameMs };
}

const X264 =
  "scenecut=0:bframes=0:weightp=0:ref=1:keyint=60:min-keyint=60:open-gop=0:sliced-threads=0:rc-lookahead=0:sync-lookahead=0:mbtree=0:force-cfr=1:threads=1";

/** Processor seconds of one ffmpeg that does the same encodes. */
function runFfmpeg({ path }: LadderClip, { rungs }: PictureJob): number {
  const split = `[0:v]split=${rungs.length}${rungs.map((_, i) => `[s${i}]`).join("")}`;
  const scales = rungs.map(({ width, height }, i) => `[s${i}]scale=${width}:${height}[o${i}]`);
  const outputs = rungs.flatMap(({ bitrate }, i) => {
    const peak = Math.round(bitrate * 1.2);
    const rate = ["-b:v", String(bitrate), "-maxrate", String(peak), "-bufsize", String(Math.round(peak * 1.5))];
    const x264 = ["-c:v", "libx264", "-preset", "superfast", "-tune", "zerolatency", "-x264-params", X264];
    return ["-map", `[o${i}]`, ...x264, ...rate, "-f", "null", "-"];
  });
  const args = ["-v", "error", "-nostdin", "-i", path, "-filter_complex", [split, ...scales].join(";"), ...outputs];
  const { exitCode, stderr, resourceUsage } = Bun.spawnSync(["ffmpeg", ...args]);
  if (exitCode !== 0) throw new Error(`ffmpeg: ${stderr.toString()}`);
  return Number(resourceUsage.cpuTime.total) / 1_000_000;
}

/** Processor seconds of the codecs alone: decoder, scalers and encoders one after the other, in a process that does nothing else. */
function runBare({ path }: LadderClip): number {
  const script = join(import.meta.dir, "bare-ladder.ts");
  const { exitCode, stderr, resourceUsage } = Bun.spawnSync([process.execPath, script, path]);
  if (exitCode !== 0) throw new Error(stderr.toString());
  return Number(resourceUsage.cpuTime.total) / 1_000_000;
}

/** Has us and whatever we start run on these processors. */
function runOn(processors: string): void {
  const { exitCode } = Bun.spawnSync(["taskset", "-a", "-c", "-p", processors, String(process.pid)]);
  if (exitCode !== 0) throw new Error("taskset cannot choose processors");
}

/** On one processor: threads that share the caches of two make each other slower, the more the more there are. */
async function benchProcessor(clip: LadderClip): Promise<Row[]> {
  runOn(LOAD_CORE);
  const job = jobOf(clip.config, "realtime");
  const ratios: number[] = [];
  const overheads: number[] = [];
  const seconds: number[] = [];
  for (let run = 0; run < RUNS; run++) {
    const peer = runFfmpeg(clip, job);
    const { workerSeconds, parentSeconds } = await runWorker(job, clip.frames);
    const bare = runBare(clip);
    ratios.push(workerSeconds / peer);
    overheads.push((workerSeconds + parentSeconds) / bare - 1);
    seconds.push(workerSeconds / CLIP_SECONDS);
  }
  runOn(`${SERVER_CORE},${LOAD_CORE}`);
  const [ratio, overhead] = [median(ratios), median(overheads)];
  return [
    {
      what: `processor time of 1080p30 → 720, 480, 360 against one ffmpeg with the same x264 settings (${RUNS} pairs)`,
      figure: `${ratio.toFixed(2)}× (${median(seconds).toFixed(2)} processor seconds a second)`,
      reach: "≤ 0.9×",
      ok: ratio <= 0.9,
    },
    {
      what: "processor time of worker and node around decoder, scalers and encoders",
      figure: `${(overhead * 100).toFixed(1)} %`,
      reach: "≤ 3 %",
      ok: overhead <= 0.03,
    },
  ];
}

async function benchStart(clip: LadderClip): Promise<Row> {
  const job = jobOf(clip.config, "realtime");
  const times: number[] = [];
  for (let run = 0; run < STARTS; run++) {
    times.push((await runWorker(job, clip.frames.slice(0, GOP_FRAMES))).firstFrameMs);
  }
  const worst = Math.max(...times);
  return {
    what: `worker started → first frame of a rung, 1080p30 (${STARTS} starts)`,
    figure: `${median(times).toFixed(0)} ms median, ${worst.toFixed(0)} ms worst`,
    reach: "≤ 700 ms",
    ok: worst <= 700,
  };
}

/** When each part of a track was there, by its name without the timeline, milliseconds. */
async function followParts(base: string, untilMs: number): Promise<Map<string, number>> {
  const arrivals = new Map<string, number>();
  let text = await (await fetch(`${base}index.m3u8`)).text();
  while (performance.now() < untilMs) {
    const hint = /#EXT-X-PRELOAD-HINT:TYPE=PART,URI="([^"]+)"/.exec(text)?.[1];
    if (hint === undefined) break;
    const place = hint.slice(hint.indexOf("-") + 1);
    const [segment, part] = place.split(".");
    const answer = await fetch(base + hint);
    await answer.bytes();
    if (answer.ok) arrivals.set(place, performance.now());
    text = await (await fetch(`${base}index.m3u8?_HLS_msn=${segment}&_HLS_part=${part}`)).text();
  }
  return arrivals;
}

async function benchLatency(clip: LadderClip, profile: "realtime" | "balanced", reachMs: number): Promise<Row> {
  const flags = ["--transcode-ladder", HEIGHTS.join(","), "--transcode-profile", profile];
  await using platform = await startPlatform({ flags });
  const send = ["-re", "-stream_loop", "-1", "-i", clip.path, "-c", "copy", "-f", "flv"];
  await using _encoder = startTool("ffmpeg", ["-v", "error", "-nostdin", ...send, `${platform.rtmp}/${MAIN_KEY}`]);
  await untilOnAir(platform);
  const untilMs = performance.now() + LATENCY_SECONDS * 1000;
  const names = ["source", ...HEIGHTS.map((height) => `${height}p`)];
  const [source, ...rungs] = await Promise.all(
    names.map((name) => followParts(`${platform.http}/live/main/${name}/`, untilMs)),
  );
  const delays = rungs.flatMap((rung) =>
    [...rung].flatMap(([place, atMs]) => {
      const sourceMs = source?.get(place);
      return sourceMs === undefined ? [] : atMs - sourceMs;
    }),
  );
  const p95 = quantile(delays, 0.95);
  return {
    what: `parts of the rungs behind the source's, 1080p30 → 720, 480, 360, ${profile} (${delays.length} parts)`,
    figure: `${median(delays).toFixed(0)} ms median, ${p95.toFixed(0)} ms p95`,
    reach: `≤ ${reachMs} ms p95`,
    ok: p95 <= reachMs,
  };
}

/** The transcoder: processor time, latency, start. */
export async function benchLadder(): Promise<Row[]> {
  using clip = makeLadderClip(CLIP_SECONDS);
  return [
    ...(await benchProcessor(clip)),
    await benchLatency(clip, "realtime", 250),
    await benchLatency(clip, "balanced", 700),
    await benchStart(clip),
  ];
}
