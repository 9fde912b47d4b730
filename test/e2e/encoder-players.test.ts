import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, playbackOf, startBrowser } from "./browser.ts";
import { eventually } from "./deadline.ts";
import { type Encoder, ffmpeg, ourPublisher, picture, tone, x264 } from "./encoder-matrix.ts";
import { type PlayerPages, startPlayerPages } from "./player-pages.ts";
import { type Platform, startPlatform, untilOnAir } from "./platform.ts";

const AAC = ["-c:a", "aac", "-b:a", "96k"];

interface Shown {
  readonly name: string;
  start(url: string): Promise<Encoder> | Encoder;
  /** Whether there is a picture to see. */
  readonly picture: boolean;
}

const STREAMS: Readonly<Record<string, Shown>> = {
  "b-frames": {
    name: "B-frames",
    start: (url) => {
      const video = ["-c:v", "libx264", "-bf", "2", "-g", "60", "-b:v", "300k", "-pix_fmt", "yuv420p"];
      return ffmpeg(url, [...picture("320x180", "30000/1001"), ...tone(), ...video, ...AAC]);
    },
    picture: true,
  },
  "sound-only": { name: "sound only", start: (url) => ffmpeg(url, [...tone(), ...AAC]), picture: false },
  "picture-only": {
    name: "picture only",
    start: (url) => ffmpeg(url, [...picture("320x180", "30"), ...x264(60)]),
    picture: true,
  },
  av1: {
    name: "AV1",
    start: (url) => ourPublisher(url, { kind: "test", width: 320, height: 180, codec: "av1", videoBitrate: 300_000 }),
    picture: true,
  },
  "long-gop": {
    name: "a keyframe only every 250 frames",
    start: (url) => ffmpeg(url, [...picture("320x180", "30"), ...tone(), ...x264(250), ...AAC]),
    picture: true,
  },
};

function keyOf(name: string): string {
  return `players-key-${name}-0123456789`;
}

let platform: Platform;
let browser: Browser;
let pages: PlayerPages;
const encoders: Encoder[] = [];

beforeAll(async () => {
  const names = [...Object.keys(STREAMS), "hevc"];
  platform = await startPlatform({ streams: Object.fromEntries(names.map((name) => [name, keyOf(name)])) });
  for (const [name, { start }] of Object.entries(STREAMS)) {
    encoders.push(await start(`${platform.rtmp}/${keyOf(name)}`));
  }
  const hevc = { kind: "test", width: 320, height: 180, codec: "hevc", videoBitrate: 300_000 } as const;
  encoders.push(await ourPublisher(`${platform.rtmp}/${keyOf("hevc")}`, hevc));
  pages = startPlayerPages();
  browser = await startBrowser();
  await Promise.all(names.map((name) => untilOnAir(platform, name, 30_000)));
}, 90_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  pages[Symbol.dispose]();
  await Promise.all(encoders.map((encoder) => encoder[Symbol.asyncDispose]()));
  await platform.stop();
}, 30_000);

describe("Chromium plays with hls.js", () => {
  for (const [stream, { name, picture: hasPicture }] of Object.entries(STREAMS)) {
    test(name, async () => {
      const page = await browser.page();
      const url = encodeURIComponent(`${platform.http}/live/${stream}/index.m3u8`);
      await page.goto(`${pages.origin}/hls.html?url=${url}`);
      const first = await eventually(25_000, "playback to begin", async () => {
        const playback = await playbackOf(page);
        return playback !== undefined && playback.currentTime > 0 && !playback.paused ? playback : undefined;
      });
      await eventually(20_000, "four seconds of playback", async () => {
        const playback = await playbackOf(page);
        if (playback === undefined || playback.currentTime < first.currentTime + 4) return undefined;
        if (!hasPicture) return true;
        return playback.width === 320 && playback.frames > first.frames + 80 ? true : undefined;
      });
      const problems = (await page.evaluate("window.problems")) as string[];
      expect(problems.filter((problem) => problem.includes("fatal"))).toEqual([]);
      await page.close();
    }, 60_000);
  }
});

test("our page says so where the browser has no decoder, and plays where it has one", async () => {
  const page = await browser.page();
  await page.goto(`${platform.http}/watch/hevc`);
  const decodes = await page.evaluate(() => MediaSource.isTypeSupported('video/mp4; codecs="hvc1.1.6.L60.90"'));
  if (decodes) {
    await eventually(25_000, "a picture", async () => ((await playbackOf(page))?.frames ?? 0) > 30 || undefined);
  } else {
    await eventually(25_000, "the message", async () => {
      const text = await page.evaluate(() => document.body.innerText);
      return /browser cannot play/i.test(text) ? true : undefined;
    });
  }
  await page.close();
}, 60_000);
