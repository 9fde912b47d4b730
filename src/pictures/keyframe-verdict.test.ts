import { afterAll, expect, test } from "bun:test";
import type { VideoCodec } from "#media/track.ts";
import { systemClock } from "#time/system-clock.ts";
import { type CodedKeyframe, makeKeyframes } from "./keyframe-rig.ts";
import { PictureProcess } from "./picture-process.ts";
import type { KeyframeVerdict } from "./picture-wire.ts";

/*
 * What the worker says of keyframes of real encoders, as they were made and with bytes overwritten.
 */

const DEADLINE_MS = 30_000;
/** Bytes at the front that stay: the length, and the heads of the unit and its first slice. */
const HEAD_BYTES = 40;
/** Shares of the bytes that are overwritten. */
const RATES = [0.0002, 0.002, 0.02] as const;
const SEEDS = 6;
/** A picture that costs some bytes: with few of them hardly any is hit. */
const NOISE = ["-vf", "noise=alls=8:allf=t"] as const;
const SIZE = "640x360";

const worker = new PictureProcess(systemClock);
afterAll(() => worker.stop());

let jobs = 0;
async function judge({ config, payload }: CodedKeyframe): Promise<KeyframeVerdict> {
  const { codec, record } = config;
  const outcome = await worker.make({ id: ++jobs, codec, record, keyframe: payload, width: 0, height: 0 });
  if (outcome.kind !== "none") throw new Error(`a ${outcome.kind} where a verdict was asked for`);
  return outcome.verdict;
}

/** Overwrites about this share of the bytes, one at least; the same ones for the same seed. */
function damage({ config, payload }: CodedKeyframe, rate: number, seed: number): CodedKeyframe {
  const bytes = payload.slice();
  let state = seed;
  const random = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return (state >>> 8) / 0x1000000;
  };
  const count = Math.max(1, Math.round((bytes.byteLength - HEAD_BYTES) * rate));
  for (let i = 0; i < count; i++) {
    const at = HEAD_BYTES + Math.floor(random() * (bytes.byteLength - HEAD_BYTES));
    bytes[at] = (bytes[at] ?? 0) ^ (1 + Math.floor(random() * 255));
  }
  return { config, payload: bytes };
}

function x264(params: string): string[] {
  return ["-x264-params", `keyint=8:min-keyint=8:scenecut=0:${params}`];
}

function x265(params: string): string[] {
  return ["-preset", "ultrafast", "-x265-params", `log-level=none:${params}`];
}

const SETTINGS: readonly { readonly codec: VideoCodec; readonly args: readonly string[]; readonly size?: string }[] = [
  { codec: "avc", args: x264("cabac=0:bframes=0") },
  { codec: "avc", args: x264("bframes=5:b-pyramid=normal:open-gop=1") },
  { codec: "avc", args: x264("open-gop=1:bluray-compat=1:slices=4") },
  { codec: "avc", args: x264("slice-max-size=500") },
  { codec: "avc", args: x264("sliced-threads=1:threads=4:aud=1") },
  { codec: "avc", args: ["-flags", "+ildct+ilme", ...x264("tff=1")] },
  { codec: "avc", args: x264("fake-interlaced=1") },
  { codec: "avc", args: ["-b:v", "3M", ...x264("nal-hrd=cbr:vbv-maxrate=3000:vbv-bufsize=3000:filler=1")] },
  { codec: "avc", args: ["-qp", "0", ...x264("")] },
  { codec: "avc", args: ["-qp", "51", ...x264("constrained-intra=1")], size: "322x182" },
  { codec: "avc", args: ["-pix_fmt", "yuv420p10le", ...x264("")] },
  { codec: "avc", args: ["-g", "1"] },
  { codec: "hevc", args: x265("wpp=0") },
  { codec: "hevc", args: x265("wpp=1:slices=4:hash=1") },
  { codec: "hevc", args: x265("ctu=16:max-tu-size=16:tskip=1") },
  { codec: "hevc", args: x265("lossless=1") },
  { codec: "hevc", args: ["-pix_fmt", "yuv420p10le", ...x265("aq-mode=3:qg-size=16")] },
  { codec: "av1", args: ["-preset", "10"] },
  { codec: "av1", args: ["-preset", "10", "-svtav1-params", "tile-rows=1:tile-columns=2"] },
  { codec: "av1", args: ["-c:v", "libaom-av1", "-cpu-used", "8", "-usage", "realtime"], size: "322x182" },
  { codec: "vp9", args: ["-deadline", "realtime", "-cpu-used", "8"] },
  { codec: "vp9", args: ["-deadline", "realtime", "-cpu-used", "8", "-lossless", "1"] },
];

test(
  "a keyframe as its encoder made it is never called damaged",
  async () => {
    for (const { codec, args, size = SIZE } of SETTINGS) {
      const keyframes = makeKeyframes(codec, { size, args: [...NOISE, ...args], frames: codec === "avc" ? 17 : 1 });
      const verdicts = await Promise.resolve(keyframes).then((all) => judgeAll(all));
      expect([args.join(" "), ...new Set(verdicts)]).toEqual([args.join(" "), "intact"]);
      if (codec === "avc") expect(keyframes.length).toBeGreaterThanOrEqual(3);
    }
  },
  DEADLINE_MS,
);

async function judgeAll(keyframes: readonly CodedKeyframe[]): Promise<KeyframeVerdict[]> {
  const verdicts: KeyframeVerdict[] = [];
  for (const keyframe of keyframes) verdicts.push(await judge(keyframe));
  return verdicts;
}

test(
  "a recovery point that is reached by and by is no keyframe to judge",
  async () => {
    const [first, ...refreshed] = makeKeyframes("avc", {
      size: SIZE,
      args: [...NOISE, ...x264("intra-refresh=1")],
      frames: 25,
    });
    if (first === undefined || refreshed.length < 2) throw new Error("no recovery points");
    expect(await judge(first)).toBe("intact");
    expect(new Set(await judgeAll(refreshed))).toEqual(new Set(["unknown"]));
  },
  DEADLINE_MS,
);

/** Of damaged keyframes so many are known as such at least. */
const KNOWN: readonly { readonly codec: VideoCodec; readonly args: readonly string[]; readonly share: number }[] = [
  { codec: "avc", args: x264(""), share: 1 },
  { codec: "avc", args: x264("slices=4"), share: 1 },
  { codec: "avc", args: ["-preset", "ultrafast", "-tune", "zerolatency"], share: 0.9 },
  { codec: "av1", args: ["-preset", "10"], share: 0.9 },
  // Nearly every sequence of bits is a picture in these.
  { codec: "hevc", args: x265("wpp=1"), share: 0.15 },
  { codec: "vp9", args: ["-deadline", "realtime", "-cpu-used", "8"], share: 0 },
];

test.each([...KNOWN])(
  "a damaged keyframe of $codec is known in $share of all cases and more, with $args",
  async ({ codec, args, share }) => {
    const [keyframe] = makeKeyframes(codec, { size: SIZE, args: [...NOISE, ...args] });
    if (keyframe === undefined) throw new Error("no keyframe");
    const verdicts: KeyframeVerdict[] = [];
    for (const rate of RATES)
      for (let seed = 1; seed <= SEEDS; seed++) verdicts.push(await judge(damage(keyframe, rate, seed)));
    const known = verdicts.filter((verdict) => verdict === "damaged").length / verdicts.length;
    console.log(`${codec} ${args.join(" ")}: ${(known * 100).toFixed(0)} % of damaged keyframes are known`);
    expect(known).toBeGreaterThanOrEqual(share);
  },
  DEADLINE_MS,
);
