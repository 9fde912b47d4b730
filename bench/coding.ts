// `bun bench/coding.ts [avc|hevc|av1] [realtime|balanced|quality]`: what identical coding costs or gains against locked coding, on seven unlike clips at
// three bitrates: bits, PSNR and SSIM of luma against the clip, and processor time. Takes some minutes.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AV_LOG_FATAL, AV_PIX_FMT_YUV420P } from "node-av/constants";
import { FFmpegError, Frame, Log } from "node-av/lib";
import type { Coding, EncodedCodec, Profile } from "#codecs/encoding.ts";
import type { VideoConfig } from "#media/track.ts";
import { RungEncoder } from "#transcoder/rung-encoder.ts";
import { streamOf } from "#transcoder/rung-rig.ts";

const WIDTH = 640;
const HEIGHT = 360;
const FPS = 30;
const SEGMENT_PICTURES = 60;
const SECONDS = 12;
const SIZE = `size=${WIDTH}x${HEIGHT}:rate=${FPS}`;

/** Clips as ffmpeg's sources and filters make them: graphics, a zoom, noise, fine noise over flat colours, soft motion with grain, text, hard cuts. */
const CLIPS: Readonly<Record<string, string>> = {
  graphics: `testsrc2=${SIZE}`,
  zoom: `mandelbrot=${SIZE}:end_scale=0.02:end_pts=400`,
  life: `life=s=320x180:rate=${FPS}:mold=8:ratio=0.2:seed=7,scale=${WIDTH}:${HEIGHT}:flags=neighbor`,
  bars: `smptebars=${SIZE},noise=alls=12:allf=t:all_seed=3`,
  film: `life=s=80x45:rate=${FPS}:mold=20:ratio=0.3:seed=9:life_color=#c0a080:mold_color=#405060,scale=${WIDTH}:${HEIGHT}:flags=bicubic,gblur=sigma=6,noise=alls=5:allf=t:all_seed=5`,
  scroll: `cellauto=${SIZE}:rule=110:seed=5,gblur=sigma=1`,
  cuts: `testsrc2=${SIZE},split[a][b];[b]hflip,negate,rotate=0.6[c];[a][c]overlay=enable='lt(mod(t,2.7),1.3)'`,
};
const BITRATES = [250_000, 700_000, 1_800_000] as const;

interface Figures {
  readonly kilobits: number;
  readonly psnrDb: number;
  readonly ssim: number;
  readonly cpuSeconds: number;
}

async function encode(
  pictures: readonly Frame[],
  codec: EncodedCodec,
  profile: Profile,
  coding: Coding,
  bitrate: number,
) {
  const rung = { name: "x", width: WIDTH, height: HEIGHT, frameRateDivisor: 1, bitrate, codec } as const;
  const source: VideoConfig = {
    kind: "video",
    codec: "avc",
    record: new Uint8Array(0),
    width: WIDTH,
    height: HEIGHT,
    pixelAspect: { num: 1, den: 1 },
    codecs: "",
  };
  const encoding = { profile, coding, hardware: "none" } as const;
  const settings = { rung, encoding, source, frameRate: { num: FPS, den: 1 } };
  const before = process.cpuUsage();
  let encoder = RungEncoder.open(settings);
  const { config } = encoder;
  const samples: Uint8Array[] = [];
  for (const [i, picture] of pictures.entries()) {
    const isFirst = i % SEGMENT_PICTURES === 0;
    if (isFirst && i > 0 && coding === "identical") {
      encoder.close();
      encoder = RungEncoder.open(settings, config);
    }
    samples.push(await encoder.encode(picture, isFirst));
  }
  encoder.close();
  const { user, system } = process.cpuUsage(before);
  return { config, samples, cpuSeconds: (user + system) / 1e6 };
}

/** Writes the samples of a picture, plane after plane, into its lines. */
function fill(picture: Frame, raw: Uint8Array): void {
  let at = 0;
  for (const [plane, lines] of (picture.data ?? []).slice(0, 3).entries()) {
    const [width, height] = plane === 0 ? [WIDTH, HEIGHT] : [WIDTH / 2, HEIGHT / 2];
    for (let y = 0; y < height; y++, at += width)
      lines.set(raw.subarray(at, at + width), y * (picture.linesize[plane] ?? 0));
  }
}

function picturesOf(raw: Buffer): Frame[] {
  const pictureBytes = (WIDTH * HEIGHT * 3) / 2;
  const pictures: Frame[] = [];
  for (let at = 0; at + pictureBytes <= raw.length; at += pictureBytes) {
    const picture = new Frame();
    picture.alloc();
    picture.format = AV_PIX_FMT_YUV420P;
    picture.width = WIDTH;
    picture.height = HEIGHT;
    FFmpegError.throwIfError(picture.getBuffer(0), "allocate a picture");
    fill(picture, raw.subarray(at, at + pictureBytes));
    pictures.push(picture);
  }
  return pictures;
}

function compare(rawPath: string, codedPath: string, format: string): { psnrDb: number; ssim: number } {
  const raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", `${WIDTH}x${HEIGHT}`, "-r", String(FPS), "-i", rawPath];
  const coded = ["-r", String(FPS), "-f", format, "-i", codedPath];
  const graph = "[0:v]split[a][b];[1:v]split[c][d];[c][a]psnr;[d][b]ssim";
  const { stderr } = spawnSync("ffmpeg", ["-hide_banner", ...raw, ...coded, "-lavfi", graph, "-f", "null", "-"]);
  const text = stderr.toString();
  const psnrDb = Number(/PSNR y:([\d.]+)/.exec(text)?.[1]);
  const ssim = Number(/SSIM Y:([\d.]+)/.exec(text)?.[1]);
  if (Number.isNaN(psnrDb) || Number.isNaN(ssim)) throw new Error(text);
  return { psnrDb, ssim };
}

Log.setLevel(AV_LOG_FATAL);
const [codec = "avc", profile = "realtime"] = process.argv.slice(2) as [EncodedCodec?, Profile?];
const folder = mkdtempSync(join(tmpdir(), "grandstand-coding-"));
console.log("| clip | kbit/s wanted | coding | kbit/s | PSNR dB | SSIM | processor s |\n|---|---|---|---|---|---|---|");
try {
  for (const [clip, graph] of Object.entries(CLIPS)) {
    const rawPath = join(folder, "clip.yuv");
    const input = ["-v", "error", "-y", "-f", "lavfi", "-i", `${graph},format=yuv420p`, "-t", String(SECONDS)];
    execFileSync("ffmpeg", [...input, "-f", "rawvideo", rawPath]);
    const pictures = picturesOf(readFileSync(rawPath));
    for (const bitrate of BITRATES) {
      const found: Partial<Record<Coding, Figures>> = {};
      for (const coding of ["locked", "identical"] as const) {
        const { config, samples, cpuSeconds } = await encode(pictures, codec, profile, coding, bitrate);
        const { format, bytes } = streamOf(config, samples);
        const codedPath = join(folder, "coded");
        writeFileSync(codedPath, bytes);
        const kilobits = (samples.reduce((sum, { length }) => sum + length, 0) * 8) / SECONDS / 1000;
        found[coding] = { kilobits, cpuSeconds, ...compare(rawPath, codedPath, format) };
      }
      const { locked, identical } = found;
      if (locked === undefined || identical === undefined) continue;
      for (const [name, { kilobits, psnrDb, ssim, cpuSeconds }] of Object.entries(found)) {
        const than = name === "identical" ? ` (${(psnrDb - locked.psnrDb).toFixed(2)})` : "";
        const more = name === "identical" ? ` (${((kilobits / locked.kilobits - 1) * 100).toFixed(0)} %)` : "";
        const figures = `${kilobits.toFixed(0)}${more} | ${psnrDb.toFixed(2)}${than} | ${ssim.toFixed(4)} | ${cpuSeconds.toFixed(2)}`;
        console.log(`| ${clip} | ${bitrate / 1000} | ${name} | ${figures} |`);
      }
    }
    for (const picture of pictures) picture.free();
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exit(0);
