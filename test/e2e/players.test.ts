import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Browser, type Playback, playbackOf, startBrowser } from "./browser.ts";
import { eventually, within } from "./deadline.ts";
import { type PlayerPages, startPlayerPages } from "./player-pages.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, startTool, type Tool, untilOnAir } from "./platform.ts";

/** Segments in the window before VLC is let in. */
const VLC_SEGMENTS = 8;

let platform: Platform;
let encoder: Tool;
let pages: PlayerPages;
let browser: Browser;

beforeAll(async () => {
  platform = await startPlatform();
  encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
  pages = startPlayerPages();
  browser = await startBrowser();
  await untilOnAir(platform);
}, 60_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  pages[Symbol.dispose]();
  await encoder[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

/** Opens a page and waits until its video has moved for three seconds. */
async function watch(url: string): Promise<{ playback: Playback; problems: string[] }> {
  const page = await browser.page();
  try {
    await page.goto(url);
    const start = await eventually(20_000, "a first picture", async () => {
      const playback = await playbackOf(page);
      return playback !== undefined && playback.frames > 5 ? playback : undefined;
    });
    const playback = await eventually(15_000, "three seconds of moving picture", async () => {
      const now = await playbackOf(page);
      return now !== undefined && now.currentTime > start.currentTime + 3 && now.frames > start.frames + 60
        ? now
        : undefined;
    }).catch(async (error: unknown) => {
      const problems: unknown = await page.evaluate("window.problems");
      throw new Error(`${String(error)}; player said ${JSON.stringify(problems)}`);
    });
    const problems = (await page.evaluate("window.problems ?? []")) as string[];
    return { playback, problems };
  } finally {
    await page.close();
  }
}

describe("players in Chromium", () => {
  test("our watch page", async () => {
    const { playback } = await watch(`${platform.http}/watch/main`);
    expect([playback.width, playback.height]).toEqual([640, 360]);
  }, 45_000);

  test("our embed page", async () => {
    const { playback } = await watch(`${platform.http}/embed/main?autoplay=1&muted=1`);
    expect(playback.width).toBe(640);
  }, 45_000);

  for (const [name, path, manifest] of [
    ["hls.js in low-latency mode", "/hls.html", "index.m3u8"],
    ["Shaka with the DASH manifest", "/shaka.html", "manifest.mpd"],
    ["Shaka with the HLS playlist", "/shaka.html", "index.m3u8"],
    ["dash.js with the DASH manifest", "/dashjs.html", "manifest.mpd"],
  ] as const) {
    test(name, async () => {
      const media = encodeURIComponent(`${platform.http}/live/main/${manifest}`);
      const { playback, problems } = await watch(`${pages.origin}${path}?url=${media}`);
      expect(playback.width).toBe(640);
      expect(problems.filter((problem) => problem.includes("fatal") || problem.includes("shaka"))).toEqual([]);
    }, 45_000);
  }
});

describe("players on the command line", () => {
  for (const manifest of ["index.m3u8", "manifest.mpd"]) {
    test(`ffmpeg reads ${manifest} without an error`, async () => {
      const url = `${platform.http}/live/main/${manifest}`;
      await using tool = startTool("ffmpeg", [
        "-hide_banner",
        "-v",
        "error",
        "-xerror",
        "-i",
        url,
        "-t",
        "4",
        "-f",
        "null",
        "-",
      ]);
      expect(await within(30_000, "ffmpeg", tool.exited)).toBe(0);
      expect(tool.output()).toBe("");
    }, 40_000);
  }

  for (const manifest of ["index.m3u8", "manifest.mpd"]) {
    test(`VLC plays ${manifest}`, async () => {
      // VLC takes the manifest of a broadcast that has just begun for one at its end, more often than not.
      await eventually(30_000, `${VLC_SEGMENTS} segments`, async () => {
        const playlist = await (await fetch(`${platform.http}/live/main/source/index.m3u8`)).text();
        return playlist.split("#EXTINF").length > VLC_SEGMENTS ? true : undefined;
      });
      const url = `${platform.http}/live/main/${manifest}`;
      const args = [
        "-I",
        "dummy",
        "--no-color",
        "-vv",
        "--vout",
        "dummy",
        "--aout",
        "dummy",
        // Counted from when it opens the manifest: buffering is part of it.
        "--run-time",
        "25",
        url,
        "vlc://quit",
      ];
      await using tool = startTool("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "cvlc", ...args], {
        HOME: "/tmp",
      });
      await eventually(30_000, "VLC's first picture", () =>
        /Received first picture|first picture/.test(tool.output()) ? true : undefined,
      );
    }, 75_000);
  }

  // Not the manifest: GStreamer's DASH demuxer finds its place in a SegmentTimeline by adding the first segment's start to the distance from it, so a
  // live window that no longer begins at availabilityStartTime puts it far in the future, where it waits.
  test("GStreamer plays index.m3u8", async () => {
    const url = `${platform.http}/live/main/index.m3u8`;
    const pipeline = `uridecodebin3 uri=${url} name=d d. ! video/x-raw ! fakesink num-buffers=60 sync=false`.split(" ");
    await using tool = startTool("gst-launch-1.0", ["-q", ...pipeline]);
    expect(await within(40_000, "sixty pictures in GStreamer", tool.exited)).toBe(0);
  }, 45_000);
});
