import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { VideoCodec } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Slates, startSlates } from "./index.ts";
import { ffmpeg, listenTo, lookAt, requestOf, type Seen, videoOf } from "./slate-rig.ts";

const DEADLINE_MS = 60_000;
const calm = (): AbortSignal => new AbortController().signal;
let folder = "";
let slates: Slates;
let observer: RecordingObserver;

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "grandstand-slate-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => slates.close());

async function start(): Promise<void> {
  observer = new RecordingObserver();
  slates = await startSlates({ observer, clock: systemClock });
}

/** Brightness in shares of the width and height. */
function at({ luma, width, height }: Seen, x: number, y: number): number {
  return luma[Math.floor(y * height) * width + Math.floor(x * width)] ?? -1;
}

test.each([
  ["png", []],
  ["jpg", ["-pix_fmt", "yuvj420p"]],
  ["webp", ["-c:v", "libwebp"]],
] as const)(
  "a square %s stands in the middle of a wide picture, not stretched, black beside it",
  async (kind, options) => {
    await start();
    const file = join(folder, `image.${kind}`);
    ffmpeg("-f", "lavfi", "-i", "color=white:size=300x300:rate=1", "-frames:v", "1", ...options, file);
    const slate = await slates.make(requestOf({ file }), calm());
    expect(slate.fault).toBeUndefined();
    const [picture] = lookAt(slate);
    if (picture === undefined) throw new Error("no picture");
    expect(at(picture, 0.5, 0.02)).toBeGreaterThan(240);
    expect(at(picture, 0.24, 0.5)).toBeGreaterThan(240);
    expect(at(picture, 0.2, 0.5)).toBeLessThan(20);
    expect(at(picture, 0.8, 0.5)).toBeLessThan(20);
  },
  DEADLINE_MS,
);

test(
  "what can be seen through in an image is black",
  async () => {
    await start();
    const file = join(folder, "clear.png");
    ffmpeg("-f", "lavfi", "-i", "color=white@0.0:size=64x36:rate=1,format=rgba", "-frames:v", "1", file);
    const [picture] = lookAt(await slates.make(requestOf({ file }), calm()));
    expect(at(picture as Seen, 0.5, 0.5)).toBeLessThan(20);
  },
  DEADLINE_MS,
);

/** A clip that is dark in its first second and bright in its second one, with a tone. */
function makeClip(name: string, ...options: string[]): string {
  const file = join(folder, name);
  const dark = ["-f", "lavfi", "-i", "color=black:size=320x180:rate=50:duration=1"];
  const bright = ["-f", "lavfi", "-i", "color=white:size=320x180:rate=50:duration=1"];
  const tone = ["-f", "lavfi", "-i", "sine=frequency=500:sample_rate=44100:duration=2"];
  const join2 = ["-filter_complex", "[0][1]concat=n=2,format=yuv420p[v]", "-map", "[v]", "-map", "2"];
  ffmpeg(...dark, ...bright, ...tone, ...join2, ...options, file);
  return file;
}

for (const codec of ["avc", "hevc", "av1"] satisfies VideoCodec[]) {
  test(
    `a clip becomes a loop in ${codec} of the broadcast's rate, with its sound in the broadcast's format, both equally long`,
    async () => {
      await start();
      const file = makeClip(`${codec}.mp4`, "-c:v", "libx264", "-bf", "2", "-c:a", "aac");
      const request = requestOf({ file, video: videoOf(codec) });
      const slate = await slates.make(request, calm());
      expect(slate.fault).toBeUndefined();
      // Of 50 pictures, each as long as 15/8 frames of sound, 48 are the most that end with one.
      expect(slate.pictures).toHaveLength(48);
      expect(slate.sound?.frames).toHaveLength(90);
      expect(slate.sound?.config).toBe(request.audio);
      const seen = lookAt(slate, 2);
      expect(seen).toHaveLength(96);
      const brightness = seen.map((picture) => at(picture, 0.5, 0.5));
      expect(Math.max(...brightness.slice(0, 24), ...brightness.slice(48, 72))).toBeLessThan(40);
      expect(Math.min(...brightness.slice(26, 48), ...brightness.slice(74, 96))).toBeGreaterThan(200);
    },
    DEADLINE_MS,
  );
}

test(
  "the sound of a clip goes on over the seam of its loop",
  async () => {
    await start();
    const file = makeClip("tone.webm", "-c:v", "libvpx", "-c:a", "libopus");
    const { sound, fault } = await slates.make(requestOf({ file, video: videoOf("avc", "160x90") }), calm());
    expect(fault).toBeUndefined();
    if (sound === undefined) throw new Error("no sound");
    const heard = listenTo(sound, 3);
    const length = sound.frames.length * 1024;
    expect(heard.length).toBeGreaterThanOrEqual(3 * length - 1024);
    const loud = (from: number, count: number): number => Math.max(...heard.subarray(from, from + count).map(Math.abs));
    // In the middle there is the tone, at the seam it fades to nothing and nothing clicks.
    expect(loud(length * 1.5, 1000)).toBeGreaterThan(0.08);
    const steps = Array.from({ length: 3000 }, (_, i) => {
      const here = 2 * length - 1500 + i;
      return Math.abs((heard[here + 1] ?? 0) - (heard[here] ?? 0));
    });
    expect(Math.max(...steps)).toBeLessThan(0.02);
  },
  DEADLINE_MS,
);

test(
  "a clip without sound, or in a format of sound that cannot be made, is silent",
  async () => {
    await start();
    const file = makeClip("mute.mkv", "-c:v", "libx265", "-x265-params", "log-level=none", "-an");
    const slate = await slates.make(requestOf({ file, video: videoOf("avc", "160x90") }), calm());
    expect(slate.fault).toBeUndefined();
    expect(slate.pictures).toHaveLength(50);
    expect(slate.sound?.frames).toHaveLength(1);
    const none = await slates.make(requestOf({ file, video: videoOf("avc", "160x90"), audio: undefined }), calm());
    expect(none.sound).toBeUndefined();
  },
  DEADLINE_MS,
);

test.each([
  [90, 0.5, 0.95],
  [180, 0.95, 0.5],
  [270, 0.5, 0.05],
] as const)(
  "a clip whose matrix turns it by %d degrees, counter-clockwise, is shown so",
  async (degrees, x, y) => {
    await start();
    const [plain, file] = [join(folder, "plain.mp4"), join(folder, `turned-${degrees}.mp4`)];
    // Bright on the left.
    const halves = "color=black:size=160x160:rate=25:duration=0.2,drawbox=0:0:80:160:white:fill";
    ffmpeg("-f", "lavfi", "-i", halves, "-c:v", "libx264", "-pix_fmt", "yuv420p", plain);
    ffmpeg("-i", plain, "-c", "copy", "-metadata:s:v", `rotate=${degrees}`, file);
    const slate = await slates.make(requestOf({ file, video: videoOf("avc", "160x160") }), calm());
    expect(slate.fault).toBeUndefined();
    const [picture] = lookAt(slate);
    if (picture === undefined) throw new Error("no picture");
    expect(at(picture, x, y)).toBeGreaterThan(200);
    expect(at(picture, 1 - x, 1 - y)).toBeLessThan(50);
  },
  DEADLINE_MS,
);

/** Files that cannot be used, by what is said of them. */
const REFUSED: readonly (readonly [string, string, (path: string) => void])[] = [
  ["absent.png", "no such file", () => undefined],
  ["folder.png", "no file", (path) => mkdirSync(path)],
  ["words.txt", "neither an image nor a clip", (path) => writeFileSync(path, "Hello, this is text.")],
  ["empty.png", "neither an image nor a clip", (path) => writeFileSync(path, "")],
  ["list.m3u8", "neither an image nor a clip", (path) => writeFileSync(path, "#EXTM3U\nfile:///etc/passwd\n")],
  [
    "broken.png",
    "broken",
    (path) => writeFileSync(path, Buffer.from("\x89PNG\r\n\x1a\nand then nothing of use", "latin1")),
  ],
  [
    "broken.mp4",
    "",
    (path) => writeFileSync(path, Buffer.from("\0\0\0\x18ftypisom and then nothing of use", "latin1")),
  ],
  [
    "huge.png",
    "bytes, more than",
    (path) => {
      writeFileSync(path, Buffer.from("\x89PNG\r\n\x1a\n", "latin1"));
      truncateSync(path, 1024 ** 3);
    },
  ],
];

test.each(REFUSED)(
  "%s cannot be used: the card stands in, and why is told",
  async (name, words, write) => {
    await start();
    const file = join(folder, name);
    write(file);
    const slate = await slates.make(requestOf({ file, video: videoOf("avc", "160x90") }), calm());
    expect(slate.fault).toMatchObject({ code: "MEDIA_UNREADABLE" });
    expect(slate.fault?.message).toContain(words);
    expect(slate.fault?.hint).toMatch(/PNG|correct the path/);
    expect(Math.max(...(lookAt(slate)[0]?.luma ?? []))).toBeGreaterThan(200);
    expect(observer.named("slate.file.refused")).toMatchObject([{ level: "warn", fields: { stream: "match", file } }]);
  },
  DEADLINE_MS,
);

test(
  "a clip of more than a minute is refused before it is read",
  async () => {
    await start();
    const file = join(folder, "long.mp4");
    ffmpeg("-f", "lavfi", "-i", "color=black:size=64x64:rate=1", "-t", "90", "-c:v", "libx264", file);
    const slate = await slates.make(requestOf({ file, video: videoOf("avc", "160x90") }), calm());
    expect(slate.fault?.message).toContain("lasts 90 s");
  },
  DEADLINE_MS,
);
