import type { ArgsDef, CommandDef } from "citty";
import { Fault } from "#faults/fault.ts";
import { openLog } from "#node/log.ts";
import { Metrics } from "#observe/metrics.ts";
import { PUBLISH_URLS_MAX, type Publisher, startPublisher } from "#publish/index.ts";
import type { PublishSource, TestSource } from "#publish/source.ts";
import { systemClock } from "#time/system-clock.ts";
import { type GivenArguments, numberFlag, readArguments, textFlag } from "./arguments.ts";
import { isTerminal } from "./fault-text.ts";

const ARGS: ArgsDef = {
  file: { type: "positional", description: "a file that FFmpeg can read; with --test there is none", required: false },
  url: { type: "positional", description: "rtmp:// or rtmps:// URL with the stream key", required: false },
  test: { type: "boolean", description: "push a test picture with a clock, and a beep each second" },
  streams: { type: "string", valueHint: "N", description: "push N times; {n} in the URL becomes 1 to N", default: "1" },
  seconds: { type: "string", valueHint: "S", description: "stop after S seconds" },
  loop: { type: "boolean", description: "begin the file again at its end" },
  size: { type: "string", valueHint: "WxH", description: "size of the test picture", default: "1280x720" },
  pictures: {
    type: "string",
    valueHint: "H,H,…",
    description: "several test pictures at once as multitrack video, by their heights, best first: 720,480,360",
  },
  rate: { type: "string", valueHint: "FPS", description: "frames per second of the test picture", default: "30" },
  bitrate: { type: "string", valueHint: "BPS", description: "bits per second of the test picture", default: "2500000" },
  gopSeconds: {
    type: "string",
    valueHint: "S",
    description: "seconds between the test picture's keyframes",
    default: "2",
  },
  codec: { type: "string", valueHint: "avc|hevc|av1", description: "codec of the test picture", default: "avc" },
  json: { type: "boolean", description: "print the final figures as JSON" },
};

/** Time between two status lines, milliseconds. */
const STATUS_MS = 1000;

function testSource(given: GivenArguments): TestSource {
  const size = textFlag(given, "size") ?? "1280x720";
  const [, width = "", height = ""] = /^(\d{2,5})x(\d{2,5})$/.exec(size) ?? [];
  if (width === "") throw new Fault("CONFIG_INVALID", `--size ${size}: must be a size such as 1280x720`);
  const codec = textFlag(given, "codec") ?? "avc";
  if (codec !== "avc" && codec !== "hevc" && codec !== "av1") {
    throw new Fault("CONFIG_INVALID", `--codec ${codec}: must be one of avc, hevc, av1`);
  }
  const pictures = textFlag(given, "pictures");
  if (pictures !== undefined && !/^\d{2,4}(,\d{2,4})*$/.test(pictures)) {
    throw new Fault("CONFIG_INVALID", `--pictures ${pictures}: must be heights such as 720,480,360`);
  }
  return {
    kind: "test",
    width: Number(width),
    height: Number(height),
    ...(pictures === undefined ? {} : { heights: pictures.split(",").map(Number) }),
    frameRate: numberFlag(given, "rate", { min: 1, max: 120, fallback: 30 }),
    videoBitrate: numberFlag(given, "bitrate", { min: 10_000, max: 100_000_000, fallback: 2_500_000, whole: true }),
    gopSeconds: numberFlag(given, "gopSeconds", { min: 0.1, max: 60, fallback: 2 }),
    codec,
  };
}

function sourceAndUrl(given: GivenArguments): { source: PublishSource; url: string } {
  const isTest = given.flags.has("test");
  const words = [...given.positional];
  const url = words.pop();
  const path = words.pop();
  if (url === undefined || (!isTest && path === undefined) || (isTest && path !== undefined)) {
    throw new Fault("CONFIG_INVALID", "what to publish or where to is missing", {
      hint: "Write: grandstand publish FILE rtmp://host/live/KEY, or: grandstand publish --test rtmp://host/live/KEY.",
    });
  }
  if (isTest || path === undefined) return { source: testSource(given), url };
  return { source: { kind: "file", path, loop: given.flags.has("loop") }, url };
}

function urlsFor(url: string, count: number): string[] {
  if (count > 1 && !url.includes("{n}")) {
    throw new Fault("CONFIG_INVALID", `--streams ${count}: the URL must say with {n} where the number goes`, {
      hint: "For instance: rtmp://host/live/load-{n}?key=key-of-load-{n}.",
    });
  }
  return Array.from({ length: count }, (_, i) => url.replaceAll("{n}", String(i + 1)));
}

function statusLine(publisher: Publisher, seconds: number): string {
  const { publishing, framesSent, framesDropped, bytesSent, reconnects, targets } = publisher.statistics;
  const rate = seconds > 0 ? ((bytesSent * 8) / seconds / 1e6).toFixed(2) : "0.00";
  return `${seconds.toFixed(0).padStart(5)} s  ${publishing}/${targets.length} on air  ${framesSent} frames  ${rate} Mbit/s  ${framesDropped} dropped  ${reconnects} reconnects`;
}

async function run(given: GivenArguments): Promise<number> {
  const count = numberFlag(given, "streams", { min: 1, max: PUBLISH_URLS_MAX, fallback: 1, whole: true });
  const seconds = numberFlag(given, "seconds", { min: 0.1, max: 10_000_000, fallback: 0 });
  const { source, url } = sourceAndUrl(given);
  const observer = openLog({
    format: "pretty",
    level: "warn",
    output: process.stderr,
    clock: systemClock,
    metrics: new Metrics(),
  });
  const stop = new AbortController();
  const onSignal = (): void => stop.abort();
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, onSignal);
  const startMs = systemClock.nowMs();
  const publisher = await startPublisher({ source, urls: urlsFor(url, count), observer, signal: stop.signal });
  if (seconds > 0) setTimeout(onSignal, seconds * 1000).unref();
  const elapsed = (): number => (systemClock.nowMs() - startMs) / 1000;
  const isLive = isTerminal(process.stderr);
  const status = setInterval(() => {
    if (isLive) process.stderr.write(`\r${statusLine(publisher, elapsed())}\u001b[K`);
  }, STATUS_MS);
  const error = await publisher.closed;
  clearInterval(status);
  if (isLive) process.stderr.write("\r\u001b[K");
  if (error !== null) throw error;
  console.log(given.flags.has("json") ? JSON.stringify(publisher.statistics) : statusLine(publisher, elapsed()).trim());
  return 0;
}

/** `grandstand publish`. */
export const publishCommand: CommandDef = {
  meta: { name: "publish", description: "push a file or a test picture in real time" },
  args: ARGS,
  run: ({ rawArgs }) => run(readArguments(rawArgs, ARGS)),
};
