import { startPublisher } from "#publish/index.ts";
import type { PublishSource } from "#publish/source.ts";
import type { ProbeReport } from "#probe/report.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { eventually } from "./deadline.ts";
import { type Platform, startTool } from "./platform.ts";
import { watch } from "./watching.ts";

/** How long each encoder is watched, in seconds. */
const WATCH_SECONDS = 8;

/** An encoder at work. */
export interface Encoder extends AsyncDisposable {
  /** What it printed, for a failing test's message. */
  output(): string;
}

/** What a stream must turn out to be; what is left out is not there. */
export interface Expected {
  readonly video?: {
    /** Beginning of the RFC 6381 name. */
    readonly codec: string;
    readonly size: readonly [number, number];
    /** Frames per second; absent where it varies. */
    readonly fps?: number;
  };
  readonly audio?: {
    readonly codec: string;
    /** Frames per second: sample rate by samples in a frame. */
    readonly fps: number;
    readonly channels: number;
  };
}

/** One encoder with its settings. */
export interface MatrixCase extends Expected {
  readonly name: string;
  start(url: string): Promise<Encoder> | Encoder;
}

/** What the probe saw of an encoder's stream. */
export interface Watched {
  readonly multivariant: string;
  readonly hls: ProbeReport;
  readonly dash: ProbeReport;
  /** The machine had too little time for the encoders meanwhile. */
  readonly starved: boolean;
}

/** Debian's ffmpeg with these arguments before the output. Inputs with `-re` are in real time. */
export function ffmpeg(url: string, args: readonly string[]): Encoder {
  return startTool("ffmpeg", ["-hide_banner", "-loglevel", "warning", "-nostdin", ...args, "-f", "flv", url]);
}

/** A test picture as ffmpeg input. */
export function picture(size: string, rate: string): string[] {
  return ["-re", "-f", "lavfi", "-i", `testsrc2=size=${size}:rate=${rate}`];
}

/** A tone as ffmpeg input. */
export function tone(sampleRate = 48_000): string[] {
  return ["-re", "-f", "lavfi", "-i", `sine=frequency=440:sample_rate=${sampleRate}`];
}

/** H.264 without B-frames, `gop` pictures between keyframes, cheap to encode. */
export function x264(gop: number, bitrate = "300k"): string[] {
  const cheap = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-pix_fmt", "yuv420p"];
  return [...cheap, "-b:v", bitrate, "-g", String(gop), "-keyint_min", String(gop), "-sc_threshold", "0"];
}

/** GStreamer with this pipeline. */
export function gstreamer(pipeline: string): Encoder {
  return startTool("gst-launch-1.0", ["-q", ...pipeline.split(/\s+/).filter((word) => word !== "")]);
}

/** Our own publisher. */
export async function ourPublisher(
  url: string,
  source: PublishSource,
  options: { readonly timestampStartMs?: number } = {},
): Promise<Encoder> {
  const publisher = await startPublisher({ source, urls: [url], ...options });
  return {
    output: () => publisher.statistics.targets.map((target) => target.lastFault?.message ?? target.state).join("; "),
    [Symbol.asyncDispose]: () => publisher.close(),
  };
}

/** Puts an encoder on air as stream `name`, watches it by LL-HLS and DASH at the same time, and ends it. */
export async function onAirAndWatched(platform: Platform, name: string, encoder: Encoder): Promise<Watched> {
  const base = `${platform.http}/live/${name}`;
  try {
    const multivariant = await eventually(30_000, `${name} to be on air`, async () => {
      const answer = await fetch(`${base}/index.m3u8`);
      const text = await answer.text();
      return answer.ok ? text : undefined;
    });
    const pressure = measureCpuPressure();
    const [hls, dash] = await Promise.all([
      watch(`${base}/index.m3u8`, { seconds: WATCH_SECONDS }),
      watch(`${base}/manifest.mpd`, { seconds: WATCH_SECONDS }),
    ]);
    return { multivariant, hls, dash, starved: pressure() > PRESSURE_MAX };
  } catch (error) {
    const log = platform.output().split("\n").slice(-20).join("\n");
    throw new Error(`${name} was not seen; its encoder said: ${encoder.output()}\n${log}`, { cause: error });
  }
}
