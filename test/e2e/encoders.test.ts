import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ProbeReport } from "#probe/report.ts";
import { startPublisher } from "#publish/index.ts";
import {
  type Encoder,
  ffmpeg,
  gstreamer,
  type MatrixCase,
  onAirAndWatched,
  ourPublisher,
  picture,
  tone,
  type Watched,
  x264,
} from "./encoder-matrix.ts";
import { eventually, within } from "./deadline.ts";
import { type Platform, startPlatform, startTool } from "./platform.ts";
import { complaintsOf, rendition, withoutStarvation } from "./watching.ts";

const AAC = ["-c:a", "aac", "-b:a", "96k"];
const AAC_48K = { codec: "mp4a.40.2", fps: 46.875, channels: 1 };
const SMALL = [320, 180] as const;

/** ffmpeg with a small H.264 picture at a constant rate, and mono AAC. */
function constantRate(rate: string, fps: number): MatrixCase {
  return {
    name: `ffmpeg at ${rate} frames per second`,
    start: (url) => ffmpeg(url, [...picture("320x180", rate), ...tone(), ...x264(Math.round(2 * fps)), ...AAC]),
    video: { codec: "avc1.", size: SMALL, fps },
    audio: AAC_48K,
  };
}

const RATES: readonly MatrixCase[] = [
  constantRate("24000/1001", 23.976),
  constantRate("25", 25),
  constantRate("50", 50),
  constantRate("60000/1001", 59.94),
  constantRate("60", 60),
];

const PICTURES: readonly MatrixCase[] = [
  {
    name: "ffmpeg, 1080p30",
    start: (url) => ffmpeg(url, [...picture("1920x1080", "30"), ...tone(), ...x264(60, "4000k"), ...AAC]),
    video: { codec: "avc1.", size: [1920, 1080], fps: 30 },
    audio: AAC_48K,
  },
  {
    name: "ffmpeg with B-frames at 29.97",
    start: (url) => {
      const video = ["-c:v", "libx264", "-bf", "2", "-g", "60", "-b:v", "300k", "-pix_fmt", "yuv420p"];
      return ffmpeg(url, [...picture("320x180", "30000/1001"), ...tone(), ...video, ...AAC]);
    },
    video: { codec: "avc1.", size: SMALL, fps: 29.97 },
    audio: AAC_48K,
  },
  {
    name: "ffmpeg with a variable frame rate",
    start: (url) => {
      const drop = "select='not(between(mod(n,60),4,54)*(eq(mod(n,7),3)+eq(mod(n,11),5)))'";
      const video = ["-vf", drop, "-fps_mode", "vfr", "-force_key_frames", "expr:gte(t,n_forced*2)", ...x264(300)];
      return ffmpeg(url, [...picture("320x180", "30"), ...tone(), ...video, ...AAC]);
    },
    video: { codec: "avc1.", size: SMALL },
    audio: AAC_48K,
  },
  {
    name: "ffmpeg with a keyframe each second",
    start: (url) => ffmpeg(url, [...picture("320x180", "30"), ...tone(), ...x264(30), ...AAC]),
    video: { codec: "avc1.", size: SMALL, fps: 30 },
    audio: AAC_48K,
  },
];

const SOUNDS: readonly MatrixCase[] = [
  {
    name: "44.1 kHz mono",
    start: (url) => ffmpeg(url, [...picture("160x90", "30"), ...tone(44_100), ...x264(60), ...AAC]),
    video: { codec: "avc1.", size: [160, 90], fps: 30 },
    audio: { codec: "mp4a.40.2", fps: 43.066, channels: 1 },
  },
  {
    name: "5.1 AAC",
    start: (url) => {
      const surround = ["-af", "pan=5.1|c0=c0|c1=c0|c2=c0|c3=c0|c4=c0|c5=c0", "-c:a", "aac", "-b:a", "256k"];
      return ffmpeg(url, [...picture("160x90", "30"), ...tone(), ...x264(60), ...surround]);
    },
    video: { codec: "avc1.", size: [160, 90], fps: 30 },
    audio: { codec: "mp4a.40.2", fps: 46.875, channels: 6 },
  },
  {
    name: "sound only",
    start: (url) => ffmpeg(url, [...tone(), ...AAC]),
    audio: AAC_48K,
  },
  {
    name: "picture only",
    start: (url) => ffmpeg(url, [...picture("160x90", "30"), ...x264(60)]),
    video: { codec: "avc1.", size: [160, 90], fps: 30 },
  },
  {
    name: "sound that starts three seconds late",
    start: (url) => {
      const late = ["-itsoffset", "3", ...tone()];
      return ffmpeg(url, [
        ...picture("160x90", "30"),
        ...late,
        ...x264(60, "700k"),
        ...AAC,
        "-max_interleave_delta",
        "1",
      ]);
    },
    video: { codec: "avc1.", size: [160, 90], fps: 30 },
    audio: AAC_48K,
  },
];

const GST_PICTURE =
  "videotestsrc is-live=true ! video/x-raw,width=320,height=180,framerate=30/1 ! x264enc tune=zerolatency speed-preset=ultrafast key-int-max=60 bitrate=300 ! h264parse ! m.";
const GST_SOUND = "audiotestsrc is-live=true ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse ! m.";
const STEREO_48K = { codec: "mp4a.40.2", fps: 46.875, channels: 2 };

const GSTREAMER: readonly MatrixCase[] = [
  {
    name: "GStreamer flvmux and rtmp2sink",
    start: (url) => gstreamer(`flvmux name=m streamable=true ! rtmp2sink location=${url} ${GST_PICTURE} ${GST_SOUND}`),
    video: { codec: "avc1.", size: SMALL, fps: 30 },
    audio: STEREO_48K,
  },
  {
    name: "GStreamer flvmux and rtmpsink",
    start: (url) => gstreamer(`flvmux name=m streamable=true ! rtmpsink location=${url} ${GST_PICTURE} ${GST_SOUND}`),
    video: { codec: "avc1.", size: SMALL, fps: 30 },
    audio: STEREO_48K,
  },
];

const CODECS: readonly MatrixCase[] = [
  {
    name: "HEVC by Enhanced RTMP",
    start: (url) => ourPublisher(url, { kind: "test", width: 160, height: 90, codec: "hevc", videoBitrate: 100_000 }),
    video: { codec: "hvc1.", size: [160, 90], fps: 30 },
    audio: STEREO_48K,
  },
  {
    name: "AV1 by Enhanced RTMP",
    start: (url) => ourPublisher(url, { kind: "test", width: 160, height: 90, codec: "av1", videoBitrate: 100_000 }),
    video: { codec: "av01.", size: [160, 90], fps: 30 },
    audio: STEREO_48K,
  },
  {
    name: "timestamps that pass 2^32 milliseconds",
    start: (url) =>
      ourPublisher(
        url,
        { kind: "test", width: 320, height: 180, videoBitrate: 300_000 },
        { timestampStartMs: 2 ** 32 - 6000 },
      ),
    video: { codec: "avc1.", size: SMALL, fps: 30 },
    audio: STEREO_48K,
  },
];

/** Where {@link OPUS} finds its file. */
let folder: string;

const OPUS: MatrixCase = {
  name: "Opus by Enhanced RTMP",
  start: (url) => ourPublisher(url, { kind: "file", path: join(folder, "opus.mkv") }),
  video: { codec: "avc1.", size: SMALL, fps: 25 },
  audio: { codec: "opus", fps: 50, channels: 2 },
};

/** Makes a file with H.264 and Opus. */
async function makeOpusFile(path: string): Promise<void> {
  const sources = ["testsrc2=size=320x180:rate=25", "sine=frequency=440:sample_rate=48000"];
  const inputs = sources.flatMap((source) => ["-f", "lavfi", "-i", source]);
  const codecs = [...x264(50), "-c:a", "libopus", "-ac", "2"];
  await using tool = startTool("ffmpeg", ["-v", "error", "-nostdin", ...inputs, ...codecs, "-t", "25", path]);
  expect(await within(30_000, "a file with Opus", tool.exited)).toBe(0);
}

const GROUPS: readonly (readonly [string, readonly MatrixCase[]])[] = [
  ["frame rates", RATES],
  ["pictures", PICTURES],
  ["sounds", SOUNDS],
  ["GStreamer", GSTREAMER],
  ["codecs and timestamps", [...CODECS, OPUS]],
];

const CASES = GROUPS.flatMap(([, cases]) => cases);

const LONG_GOP_KEY = "long-gop-key-0123456789abcdef";

/** Name of the stream that a case publishes, and its key. */
function streamOf(sent: MatrixCase): readonly [name: string, key: string] {
  const number = CASES.indexOf(sent);
  return [`case-${number}`, `matrix-key-${number}-0123456789abcdef`];
}

let platform: Platform;

beforeAll(async () => {
  platform = await startPlatform({ streams: { ...Object.fromEntries(CASES.map(streamOf)), "long-gop": LONG_GOP_KEY } });
  folder = await mkdtemp(join(tmpdir(), "grandstand-encoders-"));
  await makeOpusFile(join(folder, "opus.mkv"));
}, 60_000);

afterAll(async () => {
  await platform.stop();
  await rm(folder, { recursive: true, force: true });
}, 30_000);

/** What is wrong with the stream, less what the encoder did to it when the machine was too slow for it. */
function judged(report: ProbeReport, { starved }: Watched): string[] {
  const complaints = complaintsOf(report, { timing: false });
  return starved ? withoutStarvation(complaints) : complaints;
}

/** Checks what the probe saw against what was sent. */
function judge(sent: MatrixCase, watched: Watched): void {
  for (const report of [watched.hls, watched.dash]) {
    expect(judged(report, watched)).toEqual([]);
    const [video, audio] = [rendition(report, "video"), rendition(report, "audio")];
    expect([video !== undefined, audio !== undefined]).toEqual([sent.video !== undefined, sent.audio !== undefined]);
    if (sent.video !== undefined && video !== undefined) {
      expect(video.codec).toStartWith(sent.video.codec);
      expect([video.width, video.height]).toEqual([...sent.video.size]);
      if (sent.video.fps !== undefined) expect(video.frameRate).toBeCloseTo(sent.video.fps, 2);
    }
    if (sent.audio !== undefined && audio !== undefined) {
      expect(audio.codec).toBe(sent.audio.codec);
      expect(audio.frameRate).toBeCloseTo(sent.audio.fps, 2);
    }
  }
  if (sent.audio !== undefined && sent.video !== undefined)
    expect(watched.multivariant).toContain(`CHANNELS="${sent.audio.channels}"`);
}

for (const [group, cases] of GROUPS) {
  describe(group, () => {
    const running: Encoder[] = [];
    const watching: Promise<Watched>[] = [];

    beforeAll(async () => {
      for (const sent of cases) {
        const [name, key] = streamOf(sent);
        const encoder = await sent.start(`${platform.rtmp}/${key}`);
        running.push(encoder);
        const watched = onAirAndWatched(platform, name, encoder);
        watched.catch(() => undefined);
        watching.push(watched);
      }
    }, 30_000);

    afterAll(async () => {
      await Promise.all(running.map((encoder) => encoder[Symbol.asyncDispose]()));
    }, 20_000);

    for (const [i, sent] of cases.entries()) {
      test(sent.name, async () => {
        const watched = await within(60_000, "the watch to end", watching[i] ?? Promise.reject(new Error("no watch")));
        judge(sent, watched);
      }, 70_000);
    }
  });
}

describe("an encoder with a keyframe only every 250 frames", () => {
  test("plays, and the operator is told what to change", async () => {
    await using encoder = ffmpeg(`${platform.rtmp}/${LONG_GOP_KEY}`, [
      ...picture("160x90", "30"),
      ...tone(),
      ...x264(250),
      ...AAC,
    ]);
    const watched = await onAirAndWatched(platform, "long-gop", encoder);
    for (const report of [watched.hls, watched.dash]) {
      expect(judged(report, watched)).toEqual([]);
      expect(rendition(report, "video")?.frameRate).toBe(30);
    }
    const warning = await eventually(20_000, "a warning", async () => {
      const answer = await fetch(`${platform.http}/api/v1/streams/long-gop`, {
        headers: { authorization: `Bearer ${platform.adminToken}` },
      });
      const stream = (await answer.json()) as {
        health?: { warnings: { code: string; sentence: string; fix: string }[] } | null;
      };
      return stream.health?.warnings.find(({ code }) => code === "KEYFRAME_INTERVAL_LONG");
    });
    expect(warning.sentence).toMatch(/8[.,]3/);
    expect(warning.fix).toContain("-g 60");
  }, 90_000);
});

describe("a wrong key", () => {
  test("is refused in words by which our publisher gives up", async () => {
    const publisher = await startPublisher({
      source: { kind: "test", width: 160, height: 90, videoBitrate: 100_000 },
      urls: [`${platform.rtmp}/no-such-key`],
    });
    const fault = await within(20_000, "the refusal", publisher.closed);
    expect(fault?.message).toMatch(/key/i);
    expect(platform.output()).toContain("KEY_REFUSED");
    expect(platform.output()).not.toContain("no-such-key");
  }, 40_000);
});
