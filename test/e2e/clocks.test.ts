import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RawFrame } from "#media/frame.ts";
import { readChunks } from "#probe/cmaf/chunk.ts";
import { readInitSegment } from "#probe/cmaf/init-segment.ts";
import { eventually } from "./deadline.ts";
import { namedSegmentsOf } from "./ladder-segments.ts";
import { carry, type OneEncode, startOneEncode } from "./one-encode.ts";
import { startPathRelay } from "./path-relay.ts";
import { MAIN_KEY, type Platform, startPlatform, untilOnAir } from "./platform.ts";
import { healthOf, untilStates } from "./stream-health.ts";

/*
 * Encoders with B-frames whose clocks wrap, jump and begin anew, and changes between two of them: what viewers get, picture by picture.
 */

/** How far sound and picture may be apart, milliseconds. */
const LIPS_MS_MAX = 50;
/** What is shown for less is not seen, milliseconds. */
const SEEN_MS = 10;
/** How much two stamps that were rounded to milliseconds may differ in what they say of a distance. */
const ROUNDING_MS = 3;
/** A frame of AAC without any sound is no longer. */
const SILENCE_BYTES_MAX = 8;
const GOP_FRAMES = 30;
const HOUR_MS = 3_600_000;
/** Where the clock begins that is about to wrap: 5 s before. */
const BEFORE_WRAP_MS = 2 ** 32 - 5_000;

/** x264 with two B-frames in a row. */
const PICTURE = `-c:v libx264 -preset veryfast -bf 2 -b_strategy 0 -x264-params rc-lookahead=3:sync-lookahead=0 \
-pix_fmt yuv420p -b:v 300k -g ${GOP_FRAMES} -keyint_min ${GOP_FRAMES} -sc_threshold 0`.split(/\s+/);

/** Its pictures, with another look where there is a filter, in real time. */
function startEncode(filter = ""): OneEncode {
  const sources = [`testsrc2=size=320x180:rate=30${filter}`, "anoisesrc=sample_rate=48000:amplitude=0.1"];
  const inputs = sources.flatMap((one) => ["-re", "-f", "lavfi", "-i", one]);
  return startOneEncode([...inputs, ...PICTURE, "-c:a", "aac", "-b:a", "64k"]);
}

/** A frame as its encoder made it, by its own clock. */
interface Made {
  readonly payload: Uint8Array;
  readonly encode: number;
  /** Its number among the encoder's frames of this kind. */
  readonly index: number;
  readonly keyframe: boolean;
  readonly shownMs: number;
}

/** Everything that encoders make, found again by its bytes. */
class Makings {
  readonly #byHash = new Map<number | bigint, Made>();
  /** Bytes that came twice: they tell nothing. */
  readonly #twins = new Set<number | bigint>();
  /** When the newest frame of each encoder is decoded, milliseconds. */
  readonly lastMs: number[] = [];

  listen(encode: OneEncode, number: number): void {
    const counts = { video: 0, audio: 0 };
    encode.listen(({ track, dts, ptsOffset, keyframe, payload }) => {
      const index = counts[track.kind]++;
      const shownMs = dts + ptsOffset;
      if (this.#byHash.has(Bun.hash(payload))) this.#twins.add(Bun.hash(payload));
      this.#byHash.set(Bun.hash(payload), { payload, encode: number, index, keyframe, shownMs });
      this.lastMs[number] = dts;
    });
  }

  /** The frame with these bytes; undefined for silence that no encoder made. */
  find(payload: Uint8Array): Made | undefined {
    const made = this.#byHash.get(Bun.hash(payload));
    if (this.#twins.has(Bun.hash(payload))) throw new Error(`${payload.length} bytes were made twice`);
    if (made === undefined && payload.length > SILENCE_BYTES_MAX)
      throw new Error(`nobody made ${payload.length} bytes`);
    return made;
  }
}

/** The encode as it comes from an encoder whose clock is so much ahead. */
function withClock(encode: OneEncode, aheadMs: () => number): OneEncode {
  const listen = (listener: (frame: RawFrame) => void): void =>
    encode.listen((frame) => listener({ ...frame, dts: (frame.dts + aheadMs()) >>> 0 }));
  return { ...encode, listen };
}

/** A frame as viewers get it. */
interface Served extends Made {
  readonly atMs: number;
  /** It is the encoder's own, and no repetition. */
  readonly isNew: boolean;
}

interface ServedTrack {
  readonly frames: readonly Served[];
  /** Samples that begin elsewhere than where the one before ends. */
  readonly holes: number;
  readonly discontinuities: number;
}

async function readTrack(platform: Platform, stream: string, track: string, makings: Makings): Promise<ServedTrack> {
  const folder = `${platform.http}/live/${stream}/${track}`;
  const bytesOf = async (name: string): Promise<Uint8Array> => (await fetch(`${folder}/${name}`)).bytes();
  const playlist = await (await fetch(`${folder}/index.m3u8`)).text();
  const frames: Served[] = [];
  const seen = new Set<Made>();
  let holes = 0;
  let end: number | undefined;
  for (const { uri, initUri } of namedSegmentsOf(playlist)) {
    const [init, bytes] = [readInitSegment(await bytesOf(initUri)), await bytesOf(uri)];
    for (const { dataStart, startDts, samples } of readChunks(bytes, init)) {
      if (end !== undefined && end !== startDts) holes++;
      end = startDts;
      let at = dataStart;
      for (const { sizeBytes, duration, compositionOffset } of samples) {
        const made = makings.find(bytes.subarray(at, at + sizeBytes));
        const atMs = ((end + compositionOffset) * 1000) / init.timescale;
        if (made !== undefined) {
          frames.push({ ...made, atMs, isNew: !seen.has(made) });
          seen.add(made);
        }
        at += sizeBytes;
        end += duration;
      }
    }
  }
  const discontinuities = playlist.split("\n").filter((line) => line === "#EXT-X-DISCONTINUITY").length;
  return { frames, holes, discontinuities };
}

/** Has ffmpeg play the whole segments that the playlist has now, as strictly as it can. */
async function expectPlayable(platform: Platform, stream: string, track: string): Promise<void> {
  const folder = `${platform.http}/live/${stream}/${track}`;
  const lines = (await (await fetch(`${folder}/index.m3u8`)).text()).split("\n");
  const whole = lines.filter((line) => !/^#EXT-X-(PART|PRELOAD|RENDITION|SERVER|SKIP)/.test(line));
  const absolute = whole.map((line) =>
    line.replace(/^([^#].*)$/, `${folder}/$1`).replace(/URI="([^"]+)"/, `URI="${folder}/$1"`),
  );
  const directory = await mkdtemp(join(tmpdir(), "grandstand-clocks-"));
  try {
    const file = join(directory, "index.m3u8");
    await writeFile(file, [...absolute, "#EXT-X-ENDLIST", ""].join("\n"));
    const input = ["-xerror", "-err_detect", "explode", "-protocol_whitelist", "file,http,tcp", "-i", file];
    const output = ["-fps_mode", "passthrough", "-enc_time_base", "1:90000", "-f", "null", "-"];
    const args = ["-v", "warning", ...input, ...output];
    const player = Bun.spawn(["ffmpeg", ...args], { stdin: "ignore", stdout: "ignore", stderr: "pipe" });
    expect(await new Response(player.stderr).text()).toBe("");
    expect(await player.exited).toBe(0);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** What is shown is in order, each keyframe after all before it; answers which pictures of an encoder are missing between others, as runs. */
function missingIn(frames: readonly Served[]): { readonly from: Made; readonly to: Made }[] {
  const missing: { from: Made; to: Made }[] = [];
  let latestMs = Number.NEGATIVE_INFINITY;
  let before: Served | undefined;
  let group: Served[] = [];
  for (const frame of frames) {
    if (frame.keyframe) {
      expect(frame.atMs).toBeGreaterThan(latestMs);
      const shown = group.toSorted((a, b) => a.atMs - b.atMs);
      expect(shown).toEqual(group.toSorted((a, b) => a.shownMs - b.shownMs));
      group = [];
    }
    if (frame.isNew) {
      group.push(frame);
      const follows = before === undefined || (before.encode === frame.encode && frame.index === before.index + 1);
      if (!follows && before !== undefined) missing.push({ from: before, to: frame });
      before = frame;
    }
    latestMs = Math.max(latestMs, frame.atMs);
  }
  return missing;
}

/** How late each frame is against its encoder's clock, milliseconds. */
function latenessOf({
  frames,
}: ServedTrack): { readonly atMs: number; readonly encode: number; readonly ms: number }[] {
  return frames.filter(({ isNew }) => isNew).map(({ atMs, encode, shownMs }) => ({ atMs, encode, ms: atMs - shownMs }));
}

/** Pictures that are seen: where encoders change, the first ones may follow each other within milliseconds. */
function seenOf(track: ServedTrack): ServedTrack {
  const shown = track.frames.toSorted((a, b) => a.atMs - b.atMs);
  const frames = shown.filter(({ atMs }, i) => (shown[i + 1]?.atMs ?? Number.POSITIVE_INFINITY) - atMs >= SEEN_MS);
  return { ...track, frames };
}

function spread(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values);
}

/** Wherever picture and sound are of the same encoder, they are as it meant them. */
function expectLips(video: ServedTrack, audio: ServedTrack): void {
  const sounds = latenessOf(audio);
  let compared = 0;
  for (const { atMs, encode, ms } of latenessOf(seenOf(video))) {
    const sound = sounds.find((one) => one.encode === encode && Math.abs(one.atMs - atMs) < 15);
    if (sound === undefined) continue;
    compared++;
    expect(Math.abs(sound.ms - ms)).toBeLessThan(LIPS_MS_MAX);
  }
  expect(compared).toBeGreaterThan(150);
}

async function readWell(
  platform: Platform,
  stream: string,
  makings: Makings,
): Promise<{ video: ServedTrack; audio: ServedTrack }> {
  const [video, audio] = await Promise.all([
    readTrack(platform, stream, "source", makings),
    readTrack(platform, stream, "audio", makings),
  ]);
  expect([video.holes, audio.holes]).toEqual([0, 0]);
  expect([video.discontinuities, audio.discontinuities]).toEqual([0, 0]);
  expectLips(video, audio);
  await Promise.all([expectPlayable(platform, stream, "source"), expectPlayable(platform, stream, "audio")]);
  return { video, audio };
}

const STREAMS = { wraps: "wraps-key-0123456789", jumps: "jumps-key-0123456789", restarts: "restarts-key-0123456789" };

describe("one encoder with B-frames", () => {
  const makings = new Makings();
  let platform: Platform;
  let encode: OneEncode;

  /** Waits until the encoder has made so much more, milliseconds. */
  async function untilMade(ms: number): Promise<void> {
    const from = makings.lastMs[0] ?? 0;
    await eventually(20_000, `${ms} ms more`, () => (makings.lastMs[0] ?? 0) >= from + ms || undefined);
  }

  beforeAll(async () => {
    platform = await startPlatform({ streams: STREAMS, config: "continuity: hold\nwindowSeconds: 120" });
    encode = startEncode();
    makings.listen(encode, 0);
    await using relay = await startPathRelay(platform.rtmpPort);
    let aheadMs = 0;
    let restarted = 0;
    await using _jumps = carry(
      withClock(encode, () => aheadMs),
      `${platform.rtmp}/${STREAMS.jumps}`,
      () => 0,
    );
    await using _wraps = carry(
      encode,
      `${platform.rtmp}/${STREAMS.wraps}`,
      () => BEFORE_WRAP_MS - (makings.lastMs[0] ?? 0),
    );
    await using _restarts = carry(encode, `rtmp://127.0.0.1:${relay.port}/live/${STREAMS.restarts}`, () =>
      // Each connection begins at 0, but for the first.
      restarted++ === 0 ? HOUR_MS : -(makings.lastMs[0] ?? 0),
    );
    for (const stream of Object.keys(STREAMS)) await untilOnAir(platform, stream);
    await untilMade(1_500);
    aheadMs = HOUR_MS;
    await untilMade(1_700);
    relay.kill();
    aheadMs = 0;
    await untilMade(1_700);
    aheadMs = -(makings.lastMs[0] ?? 0);
    await untilMade(3_500);
    expect(restarted).toBe(2);
  }, 60_000);

  afterAll(async () => {
    await encode[Symbol.asyncDispose]();
    await platform.stop();
  }, 30_000);

  for (const stream of ["wraps", "jumps"]) {
    test(`whose clock ${stream}: nothing is lost, repeated or shown at another time`, async () => {
      const { video, audio } = await readWell(platform, stream, makings);
      expect(missingIn(video.frames)).toEqual([]);
      expect(missingIn(audio.frames)).toEqual([]);
      for (const track of [video, audio]) {
        expect(track.frames.filter(({ isNew }) => !isNew)).toEqual([]);
        expect(spread(latenessOf(track).map(({ ms }) => ms))).toBeLessThan(ROUNDING_MS);
      }
      const health = await healthOf(platform, stream);
      console.log(`${stream}: ${video.frames.length} pictures, ${JSON.stringify(health?.counters)}`);
    }, 30_000);
  }

  test("whose clock restarts with its connection: pictures are lost there alone, up to a keyframe", async () => {
    const { video } = await readWell(platform, "restarts", makings);
    const missing = missingIn(video.frames);
    console.log(`restarts: lost ${missing.map(({ from, to }) => `${from.index + 1} to ${to.index - 1}`).join(", ")}`);
    expect(missing.length).toBeLessThanOrEqual(1);
    expect(missing.every(({ to }) => to.keyframe)).toBe(true);
    // It was away for a moment, and a group of pictures at most had to wait.
    for (const { from, to } of missing) expect(to.index - from.index).toBeLessThan(3 * GOP_FRAMES);
    expect((await healthOf(platform, "restarts"))?.counters.reconnects).toBe(1);
  }, 30_000);
});

async function switchByHand(platform: Platform): Promise<void> {
  const before = await healthOf(platform);
  const session = before?.sessions.find(({ state }) => state === "standby")?.id;
  const answer = await fetch(`${platform.http}/api/v1/streams/main/switch`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ session }),
  });
  expect(answer.status).toBe(200);
  await eventually(5000, "the other encoder", async () =>
    ((await healthOf(platform))?.counters.switches ?? 0) > (before?.counters.switches ?? 0) ? true : undefined,
  );
}

test("two encoders with B-frames, changed by hand and by a death: pictures are in order, sound stays with them", async () => {
  const makings = new Makings();
  await using platform = await startPlatform({ config: "continuity: hold\nwindowSeconds: 120" });
  await using first = startEncode();
  makings.listen(first, 0);
  const url = (role: string): string => `${platform.rtmp}/${MAIN_KEY}?role=${role}`;
  await using _primary = carry(first, url("primary"), () => BEFORE_WRAP_MS);
  await untilOnAir(platform);
  // Its groups begin at other times.
  await using second = startEncode(",negate");
  makings.listen(second, 1);
  const backup = carry(second, url("backup"), () => HOUR_MS);
  await untilStates(platform, ["on-air", "standby"]);
  const untilMade = async (ms: number): Promise<void> => {
    const from = makings.lastMs[0] ?? 0;
    await eventually(20_000, `${ms} ms more`, () => (makings.lastMs[0] ?? 0) >= from + ms || undefined);
  };
  // Pauses of other lengths than groups have: each change cuts off another place of a group.
  for (const ms of [1_150, 1_270, 1_390, 1_530, 1_610]) {
    await switchByHand(platform);
    await untilMade(ms);
  }
  expect(makings.lastMs[1]).toBeGreaterThan(0);
  await backup[Symbol.asyncDispose]();
  await eventually(5000, "the first encoder", async () =>
    (await healthOf(platform))?.sessions.map(({ state }) => state).join() === "on-air" ? true : undefined,
  );
  await untilMade(3_000);
  const { video } = await readWell(platform, "main", makings);
  const missing = missingIn(video.frames);
  const changes = missing.map(({ from, to }) => `${from.encode}/${from.index} to ${to.encode}/${to.index}`);
  console.log(`changes: ${changes.join(", ")}; ${video.frames.filter(({ isNew }) => !isNew).length} pictures held`);
  expect(missing.length).toBe(6);
  for (const { from, to } of missing) {
    expect(from.encode).not.toBe(to.encode);
    expect(to.keyframe).toBe(true);
  }
}, 60_000);
