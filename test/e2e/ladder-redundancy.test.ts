import { expect, test } from "bun:test";
import type { Coding } from "#codecs/encoding.ts";
import type { Frame } from "#media/frame.ts";
import type { VideoConfig } from "#media/track.ts";
import { systemClock } from "#time/system-clock.ts";
import { hashesOf, lumaOf, psnrOf } from "#transcoder/rung-rig.ts";
import { type RungFrame, TranscodeProcess } from "#transcoder/transcode-process.ts";
import { eventually, within } from "./deadline.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, untilOnAir } from "./platform.ts";
import { numberOf, readServedTrack, segmentNamesOf, type ServedTrack } from "./served-track.ts";
import { transcoderPids } from "./transcoder-pids.ts";

const RUNG = { name: "180p", width: 320, height: 180, frameRateDivisor: 1, bitrate: 600_000 } as const;
/** A second of 30 pictures. */
const SEGMENT_PICTURES = 30;
const PSNR_DB_MIN = 38;
/** The loss of a worker that lived so long is made good at once. */
const HEALTHY_MS = 5500;

const newestOf = async (platform: Platform): Promise<number> =>
  numberOf((await segmentNamesOf(platform, RUNG.name)).at(-1));

/** Kills the elder of two workers again and again, each time at a random moment within a segment. */
async function killElders(platform: Platform, kills: number): Promise<void> {
  const sinceMs = new Map<number, number>();
  let victim = 0;
  for (let kill = 0; kill < kills; kill++) {
    const joined = (await newestOf(platform)) + 2;
    victim = await eventually(30_000, "a healthy worker and one to take its place", async () => {
      const pids = (await transcoderPids(platform)).filter((pid) => pid !== victim);
      for (const pid of pids) if (!sinceMs.has(pid)) sinceMs.set(pid, performance.now());
      const [older = 0, younger] = pids.sort((a, b) => (sinceMs.get(a) ?? 0) - (sinceMs.get(b) ?? 0));
      if (younger === undefined || performance.now() - (sinceMs.get(older) ?? 0) < HEALTHY_MS) return undefined;
      return kill === 0 || (await newestOf(platform)) >= joined ? older : undefined;
    });
    const momentMs = performance.now() + Math.random() * 500;
    await eventually(1000, "a random moment", async () => (performance.now() >= momentMs ? true : undefined));
    process.kill(victim, "SIGKILL");
  }
  const last = await newestOf(platform);
  await eventually(15_000, "two more segments", async () =>
    (await newestOf(platform)) >= last + 2 ? true : undefined,
  );
}

/** What one worker makes of the source when nobody disturbs it. */
async function uninterrupted(source: ServedTrack, coding: Coding): Promise<[VideoConfig | undefined, RungFrame[]]> {
  const frames: RungFrame[] = [];
  const configs: VideoConfig[] = [];
  const encoding = { profile: "realtime", coding, hardware: "none" } as const;
  const events = {
    ready: (told: readonly unknown[]) => configs.push(...(told as VideoConfig[])),
    frame: (frame: RungFrame) => frames.push(frame),
    sealed: () => undefined,
    spent: () => undefined,
    failed: (fault: Error) => {
      throw fault;
    },
  };
  const job = { source: source.config, frameRate: { num: 30, den: 1 }, rungs: [RUNG], encoding };
  const worker = new TranscodeProcess({ kind: "video", ...job }, events, systemClock);
  let before: Frame | undefined;
  for (const frame of source.frames) {
    if (before !== undefined && before.segment !== frame.segment) worker.seal(before.segment, before.index + 1);
    worker.frame(frame);
    before = frame;
  }
  await within(60_000, "a worker", worker.finish());
  return [configs[0], frames];
}

async function expectUndisturbed(platform: Platform, coding: Coding): Promise<void> {
  const rung = await readServedTrack(platform, RUNG.name);
  expect(rung.hasGap).toBe(false);
  expect(rung.numbers).toEqual(rung.numbers.map((_, i) => (rung.numbers[0] ?? 0) + i));
  expect(rung.frames.length).toBe(rung.numbers.length * SEGMENT_PICTURES);
  const payloads = rung.frames.map(({ payload }) => payload);
  const { errors, pictures } = hashesOf(rung.config, payloads);
  expect(errors).toBe("");
  expect(pictures.length).toBe(payloads.length);

  const source = await readServedTrack(platform, "source", (segment) => rung.numbers.includes(segment));
  const [config, frames] = await uninterrupted(source, coding);
  expect(config).toEqual(rung.config);
  expect(frames.map(({ segment, index, dts }) => [segment, index, dts])).toEqual(
    rung.frames.map(({ segment, index, dts }) => [segment, index, dts]),
  );
  if (coding === "identical") {
    const others = frames.filter(({ payload }, i) => Buffer.compare(payload, payloads[i] ?? new Uint8Array(0)) !== 0);
    expect(others.map(({ segment, index }) => `${segment}/${index}`)).toEqual([]);
    return;
  }
  const seen = lumaOf(rung.config, payloads).luma;
  const whole = lumaOf(
    rung.config,
    frames.map(({ payload }) => payload),
  ).luma;
  const ratios = seen.map((picture, i) => psnrOf(picture, whole[i] ?? picture));
  const poor = ratios.flatMap((ratio, i) => (ratio < PSNR_DB_MIN ? [`${i}: ${ratio}`] : []));
  expect(poor).toEqual([]);
}

async function killAndCompare(coding: Coding, kills: number): Promise<void> {
  const ladder = ["--transcode-ladder", `180:${RUNG.bitrate / 1000}k`, "--transcode-redundancy", "2"];
  const lengths = ["--segment-seconds", "1", "--window-seconds", "300"];
  await using platform = await startPlatform({ flags: [...ladder, "--transcode-coding", coding, ...lengths] });
  await using _encoder = startEncoder({
    url: `${platform.rtmp}/${MAIN_KEY}`,
    size: "426x240",
    gop: SEGMENT_PICTURES,
  });
  await untilOnAir(platform, "main", 30_000);
  await killElders(platform, kills);
  await expectUndisturbed(platform, coding);
}

test("with two workers, killing one of them twenty times costs viewers not a byte", async () => {
  await killAndCompare("identical", 20);
}, 180_000);

test("in locked coding, killing one of two workers five times costs viewers no picture", async () => {
  await killAndCompare("locked", 5);
}, 120_000);
