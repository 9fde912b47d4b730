import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Browser, playbackOf, startBrowser } from "./browser.ts";
import { verdictsOf } from "./conformance.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { eventually, within } from "./deadline.ts";
import { openHlsPlayer, smoothnessOf, untilPlayed } from "./hls-viewer.ts";
import { namedSegmentsOf } from "./ladder-segments.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, startTool, type Tool, untilOnAir } from "./platform.ts";
import { type PlayerPages, startPlayerPages } from "./player-pages.ts";
import {
  breaksOf,
  brightnessOf,
  COPY_ARGUMENTS,
  COPY_BYTES,
  decodeBytes,
  loudnessOf,
  readSegments,
  type ShownPicture,
  shownPictures,
  unlikeness,
} from "./served-pictures.ts";
import { untilState } from "./stream-health.ts";
import { withoutStarvation } from "./watching.ts";

/*
 * The slate as viewers see it: in the rungs of a ladder, made of operators' files, before encoders of any kind.
 */

/** Mean level of a colour in ffmpeg's test picture, and above what it is never seen in a card, 0 to 255. */
const TEST_PICTURE_MIN = 100;
const CARD_MAX = 75;
/** Mean level of sound that is heard, 0 to 1, and of silence. */
const HEARD_MIN = 0.02;
const SILENCE_MAX = 0.002;
/** How unlike a slate may be to the file it is made of: what encoding costs, 0 to 255. */
const UNLIKE_MAX = 8;

let browser: Browser;
let pages: PlayerPages;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "grandstand-slate-"));
  browser = await startBrowser();
  pages = startPlayerPages();
}, 30_000);

afterAll(async () => {
  pages[Symbol.dispose]();
  await browser[Symbol.asyncDispose]();
  rmSync(folder, { recursive: true });
}, 30_000);

/** Complaints but for this one: a manifest of DASH says how long the newest segment will be, and the slate may cut that short. */
const withoutCutShort = (complaints: readonly string[]): string[] =>
  withoutStarvation(complaints).filter((line) => !line.startsWith("dash-timeline-unchanged "));

/** Waits until `count` slates were made for a stream. */
const untilMade = (platform: Platform, stream: string, count = 1): Promise<true> =>
  eventually(20_000, `slate ${count} of ${stream}`, () =>
    platform.output().split(`"slate.made","stream":"${stream}"`).length > count ? true : undefined,
  );

/** Waits until the picture of a stream has had so many parameters, one after the other, the last of them for so long. */
const untilShown = (platform: Platform, seconds: number, stream: string, count: number): Promise<true> =>
  eventually(20_000 + seconds * 1000, `${seconds} s of ${stream}`, async () => {
    const segments = namedSegmentsOf(await (await fetch(`${platform.http}/live/${stream}/source/index.m3u8`)).text());
    const changes = segments.flatMap(({ initUri }, i) => (initUri === segments[i - 1]?.initUri ? [] : [i]));
    const newest = segments.slice(changes.at(-1));
    const shown = newest.reduce((sum, { durationSeconds }) => sum + durationSeconds, 0);
    return changes.length >= count && shown >= seconds ? true : undefined;
  });

/** Kinds of pictures in the order they are shown; a kind that shows only once or twice is a picture that is half one, half another. */
function kindsOf(pictures: readonly ShownPicture[]): string[] {
  const kinds: string[] = [];
  let count = 0;
  let last: string | undefined;
  for (const { copy } of pictures) {
    const brightness = brightnessOf(copy);
    const kind = brightness > TEST_PICTURE_MIN ? "picture" : brightness < CARD_MAX ? "card" : "other";
    count = kind === last ? count + 1 : 1;
    last = kind;
    if (count === 3 && kinds.at(-1) !== kind) kinds.push(kind);
  }
  return kinds;
}

/** What is heard, in turns. */
function soundsOf(loudness: readonly number[]): string[] {
  const kinds = loudness.map((level) => (level > HEARD_MIN ? "tone" : level < SILENCE_MAX ? "silence" : "between"));
  return kinds.filter((kind, i) => kind !== "between" && kind === kinds[i + 1] && kind !== kinds[i - 1]);
}

test("a ladder goes on through a slate and back: the same rungs, without a gap, and nobody's player stands still", async () => {
  await using platform = await startPlatform({ flags: ["--transcode-ladder", "240"] });
  const url = `${platform.rtmp}/${MAIN_KEY}`;
  const first = startEncoder({ url, size: "480x270", gop: 30 });
  await untilOnAir(platform);
  await untilMade(platform, "main");
  const page = await openHlsPlayer({ browser, pages, platform });
  await page.evaluate(() => {
    const { player } = window as unknown as { player: { levels: { height: number }[]; nextLevel: number } };
    player.nextLevel = player.levels.findIndex(({ height }) => height === 240);
  });
  await eventually(10_000, "the rung", async () => ((await playbackOf(page))?.height === 240 ? true : undefined));
  // A change of quality may cost hls.js a pause by itself, at the end of that segment.
  await untilPlayed(page, 5);
  const before = await smoothnessOf(page);
  const pressure = measureCpuPressure();
  const verdicts = verdictsOf(`${platform.http}/live/main`, { seconds: 14, timing: false });
  first.kill("SIGKILL");
  await untilState(platform, "slate");
  await untilPlayed(page, 5);
  await using _again = startEncoder({ url, size: "480x270", gop: 30 });
  await untilState(platform, "live");
  await untilPlayed(page, 4);
  const after = await smoothnessOf(page);
  expect((await playbackOf(page))?.height).toBe(240);
  await page.close();
  console.log(`pauses of ${after.pauses.join(", ") || "none"} ms, pressure ${pressure().toFixed(2)}`);
  expect(after.problems.filter((problem) => problem.includes("fatal"))).toEqual([]);
  if (pressure() < PRESSURE_MAX) expect(after.stalls).toBe(before.stalls);
  for (const { protocol, complaints } of await verdicts)
    expect(`${protocol}: ${withoutCutShort(complaints).join("; ")}`).toBe(`${protocol}: `);
  const isOverloaded = platform.output().includes("transcoder.overloaded");
  expect(platform.output()).not.toContain("transcoder.lost");
  for (const track of ["240p", "audio-64k"]) {
    const served = await readSegments(platform, track);
    expect([track, served.runs.length, breaksOf(served)]).toEqual([track, 1, []]);
    if (!isOverloaded) expect(served.gaps).toBe(0);
    if (track === "240p") expect(kindsOf(await shownPictures(served))).toEqual(["picture", "card", "picture"]);
    else expect(soundsOf(await loudnessOf(served))).toEqual(["tone", "silence", "tone"]);
  }
}, 90_000);

/** Makes a file with ffmpeg. */
async function makeFile(name: string, args: readonly string[]): Promise<string> {
  const path = join(folder, name);
  await using tool = startTool("ffmpeg", ["-v", "error", "-y", ...args, path]);
  expect(await within(20_000, name, tool.exited)).toBe(0);
  return path;
}

const colour = (value: string): string[] => ["-f", "lavfi", "-i", `color=${value}:s=640x360:r=25:d=1`];

/** Which of the colours a picture has most of, for pictures that were made of one each. */
const tintOf = ({ copy }: ShownPicture): string => {
  const [red = 0, , blue = 0] = copy.subarray(COPY_BYTES / 2 - 3);
  return Math.abs(red - blue) < 40 ? "?" : red > blue ? "red" : "blue";
};

test("a picture and a clip of the operator's are the slate, and the clip begins again and again", async () => {
  const box = "drawbox=x=320:w=320:h=360:color=0xc04020:t=fill";
  const still = await makeFile("still.png", [...colour("0x30a040"), "-vf", box, "-frames:v", "1"]);
  const clip = await makeFile("clip.mp4", [
    ...[...colour("0xb02020"), ...colour("0x2030b0"), "-f", "lavfi", "-i", "sine=frequency=1000:duration=2"],
    ...["-filter_complex", "[0][1]concat[v]", "-map", "[v]", "-map", "2", "-c:v", "libx264", "-pix_fmt", "yuv420p"],
  ]);
  const keys = { still: MAIN_KEY.replace("main", "still"), clip: MAIN_KEY.replace("main", "clip") };
  const entries = [
    `{ name: still, key: ${keys.still}, slateFile: ${still} }`,
    `{ name: clip, key: ${keys.clip}, slateFile: ${clip} }`,
  ];
  await using platform = await startPlatform({ entries });
  const encoders = Object.values(keys).map((key) =>
    startEncoder({ url: `${platform.rtmp}/${key}`, size: "320x180", gop: 30 }),
  );
  for (const stream of ["still", "clip"]) await untilMade(platform, stream);
  for (const encoder of encoders) encoder.kill();
  for (const stream of ["still", "clip"]) await untilShown(platform, 6, stream, 2);
  expect(platform.output()).not.toContain("slate.file.");

  const [pictures, sound] = [
    await readSegments(platform, "source", "still"),
    await readSegments(platform, "audio", "still"),
  ];
  expect([breaksOf(pictures), breaksOf(sound), pictures.runs.length]).toEqual([[], [], 2]);
  const wanted = await decodeBytes(await Bun.file(still).bytes(), still, COPY_ARGUMENTS);
  const slates = (await shownPictures({ ...pictures, runs: pictures.runs.slice(1) })).map(({ copy }) => copy);
  expect(Math.max(...slates.map((copy) => unlikeness(copy, wanted)))).toBeLessThan(UNLIKE_MAX);
  expect(soundsOf(await loudnessOf(sound))).toEqual(["tone", "silence"]);

  const [moving, loud] = [
    await readSegments(platform, "source", "clip"),
    await readSegments(platform, "audio", "clip"),
  ];
  expect([breaksOf(moving), breaksOf(loud), moving.runs.length]).toEqual([[], [], 2]);
  const tints = (await shownPictures({ ...moving, runs: moving.runs.slice(1) })).map(tintOf);
  const turns = tints.flatMap((tint, i) => (tint === tints[i - 1] ? [] : [i]));
  expect(tints).not.toContain("?");
  expect(turns.length).toBeGreaterThanOrEqual(5);
  // A second of red, and of blue what ends with a frame of the sound: at most a second less. At thirty pictures a second.
  const [first = 0, second = 0, loop = 0] = turns;
  expect([tints[0], second - first]).toEqual(["red", 30]);
  expect(loop).toBeGreaterThanOrEqual(45);
  for (const [i, at] of turns.entries()) expect(at).toBe(Math.floor(i / 2) * loop + (i % 2) * second);
  const levels = (await loudnessOf(loud)).slice(-60);
  expect(levels.filter((level) => level < HEARD_MIN).length).toBeLessThan(6);
}, 60_000);

interface LateEncoder {
  readonly name: string;
  readonly tracks: Readonly<Record<string, string>>;
  start(url: string): Tool;
}

const publishTest = (url: string, ...args: readonly string[]): Tool =>
  startTool(process.execPath, [join(import.meta.dir, "../../src/cli/main.ts"), "publish", "--test", url, ...args]);

const LATE_ENCODERS: readonly LateEncoder[] = [
  {
    name: "slow",
    tracks: { source: "avc1 640x360", audio: "mp4a.40.2 44100" },
    start: (url) => startEncoder({ url, size: "640x360", rate: "25", gop: 25, audio: ["-ar", "44100"] }),
  },
  {
    name: "fast",
    tracks: { source: "avc1 320x180", audio: "mp4a.40.2 48000" },
    start: (url) => startEncoder({ url, size: "320x180", rate: "50", gop: 50, audio: ["-ac", "1"] }),
  },
  {
    name: "silent",
    tracks: { source: "avc1 320x180", audio: "mp4a.40.2 48000" },
    start: (url) => startEncoder({ url, size: "320x180", gop: 30, audio: null }),
  },
  {
    name: "hevc",
    tracks: { source: "hvc1 320x180", audio: "mp4a.40.2 48000" },
    start: (url) => publishTest(url, "--codec", "hevc", "--size", "320x180", "--gop-seconds", "1"),
  },
];

/** What a track's newest segments are encoded as. */
async function codingOf(platform: Platform, track: string, stream: string): Promise<string> {
  const { codec, width, height, sampleRate } =
    (await readSegments(platform, track, stream)).segments.at(-1)?.track ?? {};
  return sampleRate === undefined ? `${codec?.slice(0, 4)} ${width}x${height}` : `${codec} ${sampleRate}`;
}

test("encoders of any size, rate, sound and codec come after a slate, and a slate like them after them", async () => {
  const keyOf = (name: string): string => MAIN_KEY.replace("main", name);
  const entries = LATE_ENCODERS.map(({ name }) => `{ name: ${name}, key: ${keyOf(name)}, alwaysOn: true }`);
  await using platform = await startPlatform({ entries });
  for (const { name } of LATE_ENCODERS) await untilOnAir(platform, name);
  const encoders = LATE_ENCODERS.map((late) => ({ ...late, tool: late.start(`${platform.rtmp}/${keyOf(late.name)}`) }));
  for (const { name } of encoders) await untilState(platform, "live", { stream: name });
  for (const { name } of encoders) await untilMade(platform, name, 2);
  for (const { tool } of encoders) tool.kill();
  for (const { name } of encoders) await untilState(platform, "slate", { stream: name });
  for (const { name, tracks } of encoders) {
    await untilShown(platform, 2, name, 3);
    for (const [track, coding] of Object.entries(tracks)) {
      const served = await readSegments(platform, track, name);
      expect([name, track, served.gaps, breaksOf(served)]).toEqual([name, track, 0, []]);
      expect([name, await codingOf(platform, track, name)]).toEqual([name, coding]);
      if (track !== "source") expect((await loudnessOf(served)).length).toBeGreaterThan(30);
      else if (name === "hevc") expect(await shownPictures(served)).not.toEqual([]);
      else expect([name, ...kindsOf(await shownPictures(served))]).toEqual([name, "card", "picture", "card"]);
    }
  }
}, 60_000);

test("an encoder that is back within the second is followed by itself: no slate", async () => {
  await using platform = await startPlatform();
  const url = `${platform.rtmp}/${MAIN_KEY}`;
  const first = startEncoder({ url, size: "320x180", gop: 30 });
  await untilOnAir(platform);
  await untilMade(platform, "main");
  first.kill();
  await first.exited;
  await using _second = startEncoder({ url, size: "320x180", gop: 30 });
  await eventually(5000, "the encoder", () => platform.output().includes('"session":2') || undefined);
  await untilState(platform, "live");
  await untilShown(platform, 6, "main", 1);
  expect(platform.output()).not.toContain("broadcast.slate");
  const served = await readSegments(platform, "source");
  expect([served.runs.length, served.gaps, breaksOf(served)]).toEqual([1, 0, []]);
  expect(kindsOf(await shownPictures(served))).toEqual(["picture"]);
}, 40_000);
