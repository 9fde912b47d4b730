import { afterEach, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "#faults/fault.ts";
import { readAvcRecord } from "#media/codecs/avc.ts";
import { splitLengthPrefixed } from "#media/codecs/nal.ts";
import type { RawFrame } from "#media/frame.ts";
import type { EncoderMetadata } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { RtmpConnection } from "#protocols/rtmp/connection.ts";
import { systemClock } from "#time/system-clock.ts";
import { readBarcode } from "./barcode.ts";
import { type Publisher, type PublisherOptions, startPublisher } from "./index.ts";

const DEADLINE_MS = 15_000;

/** One publication as a real RTMP server of ours took it. */
interface Received {
  readonly path: string;
  readonly configs: TrackConfig[];
  readonly frames: { readonly frame: RawFrame; readonly atMs: number }[];
  readonly refusedFrames: unknown[];
  metadata: EncoderMetadata;
  finished: boolean;
}

interface Receiver {
  readonly port: number;
  readonly received: Received[];
  /** Resolves when `reached` holds after some event. */
  until(reached: (received: readonly Received[]) => boolean): Promise<void>;
}

const servers: Server[] = [];
const publishers: Publisher[] = [];
const folders: string[] = [];

afterEach(async () => {
  await Promise.all(publishers.splice(0).map((publisher) => publisher.close()));
  for (const server of servers.splice(0)) server.close();
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

async function startReceiver(refuse?: Fault): Promise<Receiver> {
  const received: Received[] = [];
  const waiting = new Set<() => void>();
  const happened = (): void => {
    for (const check of waiting) check();
  };
  const server = createServer((socket) => {
    let current: Received | undefined;
    const connection = new RtmpConnection(socket, {
      nowMs: () => systemClock.nowMs(),
      listener: {
        publish: ({ path }) => {
          current = { path, configs: [], frames: [], refusedFrames: [], metadata: {}, finished: false };
          received.push(current);
          if (refuse === undefined) connection.accept();
          else connection.refuse(refuse);
          happened();
        },
        media: (event, atMs) => {
          if (event.kind === "config") current?.configs.push(event.config);
          else if (event.kind === "frame") current?.frames.push({ frame: event.frame, atMs });
          else if (event.kind === "metadata" && current !== undefined) current.metadata = event.values;
          else current?.refusedFrames.push(event);
          happened();
        },
        finished: () => {
          if (current !== undefined) current.finished = true;
          happened();
        },
        unknownCommand: () => undefined,
        closed: () => happened(),
      },
    });
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const until = (reached: (received: readonly Received[]) => boolean): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`not within ${DEADLINE_MS} ms`)), DEADLINE_MS);
      const check = (): void => {
        if (!reached(received)) return;
        clearTimeout(timer);
        waiting.delete(check);
        resolve();
      };
      waiting.add(check);
      check();
    });
  return { port, received, until };
}

async function publish(options: PublisherOptions): Promise<Publisher> {
  const publisher = await startPublisher(options);
  publishers.push(publisher);
  return publisher;
}

const small = { kind: "test", width: 640, height: 360, videoBitrate: 500_000 } as const;

function ofKind(received: Received | undefined, kind: "video" | "audio"): readonly { frame: RawFrame; atMs: number }[] {
  return received?.frames.filter(({ frame }) => frame.track.kind === kind) ?? [];
}

function videoConfig(received: Received | undefined, number = 0): Extract<TrackConfig, { kind: "video" }> {
  const config = received?.configs.filter((one) => one.kind === "video")[number];
  if (config?.kind !== "video") throw new Error("no video configuration");
  return config;
}

/** Decodes H.264 frames with ffmpeg and reads the barcode of each picture. */
function decodedBarcodes(
  received: Received | undefined,
  height: number,
  trackNumber = 0,
): (ReturnType<typeof readBarcode> | undefined)[] {
  const config = videoConfig(received, trackNumber);
  const { sps, pps } = readAvcRecord(config.record);
  const units = [
    ...sps,
    ...pps,
    ...ofKind(received, "video").flatMap(({ frame }) =>
      frame.track.number === trackNumber ? splitLengthPrefixed(frame.payload) : [],
    ),
  ];
  const input = Uint8Array.from(units.flatMap((unit) => [0, 0, 0, 1, ...unit]));
  const width = (height * 16) / 9;
  const args = [
    "-v",
    "error",
    "-f",
    "h264",
    "-i",
    "-",
    "-vf",
    `scale=${width}:${height}`,
    "-f",
    "rawvideo",
    "-pix_fmt",
    "gray",
    "-",
  ];
  const run = spawnSync("ffmpeg", args, { input, maxBuffer: 1 << 28 });
  expect(run.stderr.toString()).toBe("");
  const sizeBytes = width * height;
  return Array.from({ length: run.stdout.byteLength / sizeBytes }, (_, i) =>
    readBarcode(run.stdout.subarray(i * sizeBytes, (i + 1) * sizeBytes), width, height),
  );
}

test("the test picture arrives in real time, and every barcode is readable after x264 and scaling down", async () => {
  const receiver = await startReceiver();
  const startMs = systemClock.nowMs();
  const startWallMs = systemClock.wallMs();
  const publisher = await publish({ source: small, urls: [`rtmp://127.0.0.1:${receiver.port}/live/key`] });
  await receiver.until(([one]) => (one?.frames.length ?? 0) > 0);
  expect(systemClock.nowMs() - startMs).toBeLessThan(2000);
  await receiver.until(([one]) => ofKind(one, "video").length >= 75);
  await publisher.close();
  const [one] = receiver.received;
  expect(one?.path).toBe("key");
  expect(one?.finished).toBe(true);
  expect(one?.metadata).toMatchObject({ width: 640, height: 360, framerate: 30, audiosamplerate: 48000 });
  expect(one?.configs.map((config) => config.codecs).sort()).toEqual(["avc1.64001e", "mp4a.40.2"]);

  const video = ofKind(one, "video");
  expect(video[0]?.frame.keyframe).toBe(true);
  for (const [i, { frame }] of video.entries()) {
    const fromFirst = frame.dts - (video[0]?.frame.dts ?? 0);
    expect(Math.abs(fromFirst - (i * 1000) / 30)).toBeLessThanOrEqual(1);
  }
  const codes = decodedBarcodes(one, 180);
  expect(codes.length).toBe(video.length);
  const first = codes[0];
  for (const [i, code] of codes.entries()) {
    expect(code?.frameNumber).toBe((first?.frameNumber ?? 0) + i);
    expect(Math.abs((code?.wallMs ?? 0) - (first?.wallMs ?? 0) - (i * 1000) / 30)).toBeLessThanOrEqual(1);
  }
  expect(Math.abs((first?.wallMs ?? 0) - startWallMs)).toBeLessThan(2500);
  expect(publisher.statistics).toMatchObject({ framesDropped: 0, reconnects: 0, framesSent: one?.frames.length });
}, 30_000);

for (const codec of ["hevc", "av1"] as const) {
  test(`${codec} is sent as Enhanced RTMP`, async () => {
    const receiver = await startReceiver();
    await publish({ source: { ...small, codec, audio: false }, urls: [`rtmp://127.0.0.1:${receiver.port}/live/key`] });
    await receiver.until(([one]) => ofKind(one, "video").length >= 10);
    const [one] = receiver.received;
    expect(videoConfig(one)).toMatchObject({ codec, width: 640, height: 360 });
    expect(one?.frames[0]?.frame.keyframe).toBe(true);
    expect(one?.refusedFrames).toEqual([]);
  }, 30_000);
}

test("several pictures are sent in lock step: parameters first, keyframes at the same times, the same picture in each", async () => {
  const receiver = await startReceiver();
  const source = { ...small, heights: [360, 180, 90], bframes: 1, gopSeconds: 1 } as const;
  const publisher = await publish({ source, urls: [`rtmp://127.0.0.1:${receiver.port}/live/key`] });
  await receiver.until(([one]) => ofKind(one, "video").length >= 3 * 75);
  await publisher.close();
  const [one] = receiver.received;
  expect(one?.refusedFrames).toEqual([]);
  const sizes = one?.configs.map((config) => (config.kind === "video" ? config.height : 0));
  expect(sizes).toEqual([360, 180, 90, 0]);
  expect(one?.metadata).toMatchObject({ width: 640, height: 360 });
  const [best = [], ...others] = [0, 1, 2].map((number) =>
    ofKind(one, "video").flatMap(({ frame }) => (frame.track.number === number ? [frame] : [])),
  );
  const times = best.map(({ dts, ptsOffset, keyframe }) => ({ dts, ptsOffset, keyframe }));
  expect(times.filter(({ keyframe }) => keyframe).length).toBeGreaterThanOrEqual(3);
  for (const frames of others) {
    expect(frames.map(({ dts, ptsOffset, keyframe }) => ({ dts, ptsOffset, keyframe }))).toEqual(
      times.slice(0, frames.length),
    );
    expect(best.length - frames.length).toBeLessThanOrEqual(1);
  }
  const numbers = [0, 1].map((number) => decodedBarcodes(one, 180, number).map((code) => code?.frameNumber));
  expect(numbers[0]?.length).toBeGreaterThan(70);
  expect(numbers[1]).toEqual(numbers[0]?.slice(0, numbers[1]?.length));
  expect(publisher.statistics.tracks.map(({ bitrate }) => bitrate).slice(0, 3)).toEqual([500_000, 176_777, 62_500]);
}, 30_000);

test("B-frames at 59.94 with mono at 44.1 kHz, from just before the wrap of timestamps", async () => {
  const receiver = await startReceiver();
  const source = { ...small, bframes: 2, frameRate: 59.94, sampleRate: 44_100, channels: 1 } as const;
  await publish({
    source,
    urls: [`rtmp://127.0.0.1:${receiver.port}/live/key`],
    timestampStartMs: 2 ** 32 - 500,
  });
  await receiver.until(([one]) => ofKind(one, "video").length >= 90);
  const [one] = receiver.received;
  expect(videoConfig(one).frameRate).toEqual({ num: 60000, den: 1001 });
  expect(one?.configs.find((config) => config.kind === "audio")).toMatchObject({ sampleRate: 44100, channels: 1 });
  const video = ofKind(one, "video").map(({ frame }) => frame);
  expect(video.some((frame) => frame.dts > 2 ** 31)).toBe(true);
  expect(video.some((frame) => frame.dts < 2 ** 31)).toBe(true);
  for (const [i, frame] of video.entries()) {
    const previous = video[i - 1];
    if (previous === undefined) continue;
    const stepMs = (frame.dts - previous.dts) >>> 0;
    expect(stepMs === 16 || stepMs === 17).toBe(true);
  }
  expect(new Set(video.map((frame) => Math.round(frame.ptsOffset / 16.7))).size).toBeGreaterThanOrEqual(3);
  expect(Math.min(...video.map((frame) => frame.ptsOffset))).toBeGreaterThanOrEqual(0);
}, 30_000);

test("a broken connection comes back with parameters and a key frame first", async () => {
  const receiver = await startReceiver();
  const observer = new RecordingObserver();
  const publisher = await publish({ source: small, urls: [`rtmp://127.0.0.1:${receiver.port}/live/key`], observer });
  await receiver.until(([one]) => ofKind(one, "video").length >= 5);
  publisher.breakConnection(0);
  await receiver.until(([, two]) => ofKind(two, "video").length >= 5);
  const [one, two] = receiver.received;
  expect(two?.configs.toSorted((a, b) => a.kind.localeCompare(b.kind))).toEqual(
    one?.configs.toSorted((a, b) => a.kind.localeCompare(b.kind)) ?? [],
  );
  expect(two?.frames[0]?.frame).toMatchObject({ keyframe: true, track: { kind: "video" } });
  expect(publisher.statistics.reconnects).toBe(1);
  expect(observer.named("publish.lost")[0]?.fields).toMatchObject({ code: "CONNECTION_LOST" });
}, 30_000);

test("a refused key is told at once and not tried again", async () => {
  const refusal = new Fault("KEY_REFUSED", "the stream key is unknown", { hint: "copy it from the admin page" });
  const receiver = await startReceiver(refusal);
  const observer = new RecordingObserver();
  const publisher = await publish({ source: small, urls: [`rtmp://127.0.0.1:${receiver.port}/live/wrong`], observer });
  const error = await publisher.closed;
  expect(error).toMatchObject({ code: "RTMP_REFUSED" });
  expect(receiver.received.length).toBe(1);
  expect(observer.named("publish.refused").length).toBe(1);
  expect(publisher.statistics.targets[0]?.state).toBe("refused");
}, 30_000);

test("ten connections get the same frames, their key frames spread over time", async () => {
  const receiver = await startReceiver();
  const urls = Array.from({ length: 10 }, (_, i) => `rtmp://127.0.0.1:${receiver.port}/live/key-${i}`);
  const publisher = await publish({ source: { ...small, gopSeconds: 1 }, urls, staggerMs: 900 });
  await receiver.until((all) => all.length === 10 && all.every((one) => ofKind(one, "video").length >= 45));
  await publisher.close();
  const byTime = new Map<number, Uint8Array>();
  for (const { frame } of ofKind(receiver.received[0], "video")) byTime.set(frame.dts, frame.payload);
  const keyframesAtMs: number[] = [];
  for (const one of receiver.received) {
    for (const { frame } of ofKind(one, "video").slice(0, 40)) {
      const same = byTime.get(frame.dts);
      if (same !== undefined) expect(frame.payload).toEqual(same);
    }
    const key = ofKind(one, "video").findLast(({ frame }) => frame.keyframe);
    keyframesAtMs.push((key?.atMs ?? 0) - (key?.frame.dts ?? 0));
  }
  expect(Math.max(...keyframesAtMs) - Math.min(...keyframesAtMs)).toBeGreaterThan(700);
}, 30_000);

function makeFile(name: string, ...args: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-publish-"));
  folders.push(folder);
  const path = join(folder, name);
  const inputs = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", "-f", "lavfi", "-i", "sine=r=48000:d=2"];
  const run = spawnSync("ffmpeg", ["-v", "error", "-y", ...inputs, ...args, path]);
  expect(run.stderr.toString()).toBe("");
  return path;
}

for (const [name, args] of [
  ["clip.mp4", ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "25", "-c:a", "aac"]],
  ["clip.ts.m2t", ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac", "-f", "mpegts"]],
  ["clip.flv", ["-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac"]],
  ["clip.mkv", ["-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "libopus"]],
  ["clip.mpg", ["-c:v", "mpeg2video", "-c:a", "mp2"]],
] as const) {
  test(`${name} is pushed whole, and ends`, async () => {
    const path = makeFile(name, ...args);
    const receiver = await startReceiver();
    const realtime = name === "clip.mp4";
    const publisher = await publish({
      source: { kind: "file", path },
      urls: [`rtmp://127.0.0.1:${receiver.port}/live/key`],
      realtime,
    });
    expect(await publisher.closed).toBeNull();
    const [one] = receiver.received;
    expect(one?.finished).toBe(true);
    expect(one?.refusedFrames).toEqual([]);
    const video = ofKind(one, "video");
    expect(video.length).toBe(50);
    expect(ofKind(one, "audio").length).toBeGreaterThanOrEqual(92);
    const shownMs = video.map(({ frame }) => frame.dts + frame.ptsOffset);
    expect(Math.abs(Math.max(...shownMs) - Math.min(...shownMs) - 1960)).toBeLessThanOrEqual(2);
    for (const [i, { frame }] of video.entries()) expect(frame.dts).toBeGreaterThan(video[i - 1]?.frame.dts ?? -1);
    const wallMs = (video.at(-1)?.atMs ?? 0) - (video[0]?.atMs ?? 0);
    if (realtime) expect(Math.abs(wallMs - 1960)).toBeLessThan(250);
    expect(videoConfig(one)).toMatchObject({ width: 320, height: 180 });
  }, 30_000);
}

test("a looping file goes on without a gap in time", async () => {
  const path = makeFile("clip.mp4", "-c:v", "libx264", "-preset", "ultrafast", "-g", "25", "-c:a", "aac");
  const receiver = await startReceiver();
  const publisher = await publish({
    source: { kind: "file", path, loop: true },
    urls: [`rtmp://127.0.0.1:${receiver.port}/live/key`],
    realtime: false,
  });
  await receiver.until(([one]) => ofKind(one, "video").length >= 160);
  await publisher.close();
  const times = ofKind(receiver.received[0], "video").map(({ frame }) => frame.dts);
  for (const [i, time] of times.entries()) {
    const stepMs = time - (times[i - 1] ?? time - 40);
    expect(stepMs).toBeGreaterThan(0);
    expect(stepMs).toBeLessThanOrEqual(110);
  }
}, 30_000);

test("a file that is none is refused with what to do", async () => {
  const missing = startPublisher({
    source: { kind: "file", path: "/nonexistent.mp4" },
    urls: ["rtmp://127.0.0.1:9/a/b"],
  });
  const error: unknown = await missing.catch((caught: unknown) => caught);
  expect(error).toMatchObject({
    code: "MEDIA_UNREADABLE",
    hint: "check that the file exists and is a video or audio file",
  });
  const wrong = startPublisher({ source: { kind: "test" }, urls: ["http://example.com/x"] });
  expect(await wrong.catch((caught: unknown) => caught)).toMatchObject({ code: "CONFIG_INVALID" });
}, 30_000);
