import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Browser, playbackOf, startBrowser } from "./browser.ts";
import { verdictsOf } from "./conformance.ts";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { eventually, within } from "./deadline.ts";
import { startTool, type Tool } from "./platform.ts";
import { type PlayerPages, startPlayerPages } from "./player-pages.ts";
import { type RecordedBroadcast, startRecordedBroadcast } from "./recorded-broadcast.ts";

/*
 * A ladder with a small version of the sound, in front of every player there is: they begin with the best sound, change to the small one with the
 * picture and back, and never play the sound alone where there is a picture.
 */

let broadcast: RecordedBroadcast;
let pages: PlayerPages;
let browser: Browser;

beforeAll(async () => {
  broadcast = await startRecordedBroadcast([
    { name: "source", id: 0, content: { kind: "video", width: 854, height: 480, kilobits: 1500 } },
    { name: "360p", id: 2000, madeFrom: 0, content: { kind: "video", width: 640, height: 360, kilobits: 600 } },
    { name: "240p", id: 2001, madeFrom: 0, content: { kind: "video", width: 426, height: 240, kilobits: 250 } },
    { name: "audio", id: 1, content: { kind: "audio", kilobits: 160 } },
    { name: "audio-64k", id: 3000, madeFrom: 1, content: { kind: "audio", kilobits: 64 } },
  ]);
  pages = startPlayerPages();
  browser = await startBrowser();
}, 60_000);

afterAll(async () => {
  await browser[Symbol.asyncDispose]();
  pages[Symbol.dispose]();
  await broadcast[Symbol.asyncDispose]();
}, 30_000);

const addressOf = (name: string): string => `${broadcast.origin}/live/main/${name}`;

/** Media segments and parts asked for from the `from`th request on, by track. */
function mediaAskedFor(from: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const request of broadcast.requests.slice(from)) {
    const [track = "", file = ""] = request.split("/");
    if (file.endsWith(".m4s")) counts.set(track, (counts.get(track) ?? 0) + 1);
  }
  return counts;
}

test("the playlists and the manifest are conforming", async () => {
  for (const { protocol, complaints } of await verdictsOf(`${broadcast.origin}/live/main`, {
    seconds: 10,
    timing: false,
  })) {
    expect(`${protocol}: ${complaints.join("; ")}`).toBe(`${protocol}: `);
  }
}, 40_000);

const PLAYERS = [
  ["hls.js", "/hls.html", "index.m3u8"],
  ["Shaka with the HLS playlist", "/shaka.html", "index.m3u8"],
  ["Shaka with the DASH manifest", "/shaka.html", "manifest.mpd"],
  ["dash.js", "/dashjs.html", "manifest.mpd"],
] as const;

/** Opens a player's page and waits until its picture has moved for two seconds. */
async function open(path: string, manifest: string): Promise<Page> {
  const page = await browser.page();
  await page.goto(`${pages.origin}${path}?url=${encodeURIComponent(addressOf(manifest))}`);
  const first = await eventually(20_000, "a first picture", async () => {
    const playback = await playbackOf(page);
    return playback !== undefined && playback.frames > 5 ? playback : undefined;
  });
  await eventually(15_000, "two seconds more", async () => {
    const now = await playbackOf(page);
    return now !== undefined && now.currentTime > first.currentTime + 2 ? now : undefined;
  });
  return page;
}

const severeProblems = async (page: Page): Promise<string[]> =>
  ((await page.evaluate("window.problems ?? []")) as string[]).filter((problem) =>
    /fatal|shaka|dash\.js/.test(problem),
  );

/** Waits for a picture of that height and for that sound's media. */
async function untilPlaying(page: Page, height: number, sound: string): Promise<void> {
  const from = broadcast.requests.length;
  await eventually(20_000, `${height} lines with ${sound}`, async () =>
    (await playbackOf(page))?.height === height && (mediaAskedFor(from).get(sound) ?? 0) > 1 ? true : undefined,
  );
}

describe("players in Chromium", () => {
  for (const [name, path, manifest] of PLAYERS) {
    test(`${name} plays picture and sound`, async () => {
      const from = broadcast.requests.length;
      const page = await open(path, manifest);
      expect([...mediaAskedFor(from).keys()].some((track) => track.startsWith("audio"))).toBe(true);
      expect(await severeProblems(page)).toEqual([]);
      await page.close();
    }, 45_000);
  }

  // By itself it may stand still for seconds after a change; our player does not, see `quality-changes.test.ts`.
  test("hls.js has a level for each picture, and changes the sound with it", async () => {
    const page = await open("/hls.html", "index.m3u8");
    const heights = (await page.evaluate("window.player.levels.map((level) => level.height)")) as number[];
    expect(heights).toEqual([240, 360, 480]);
    for (const [height, sound] of [
      [240, "audio-64k"],
      [480, "audio"],
      [360, "audio-64k"],
      [480, "audio"],
    ] as const) {
      await page.evaluate(`window.player.nextLevel = ${heights.indexOf(height)}`);
      await untilPlaying(page, height, sound);
    }
    expect(await severeProblems(page)).toEqual([]);
    await page.close();
  }, 90_000);

  for (const [name, path, manifest] of PLAYERS.slice(1, 3)) {
    test(`${name} changes the sound without a stall`, async () => {
      const page = await open(path, manifest);
      await page.evaluate("window.player.configure({ abr: { enabled: false } })");
      const pressure = measureCpuPressure();
      const before = (await page.evaluate("window.stalls")) as number;
      for (const [height, kilobits, sound] of [
        [240, 64, "audio-64k"],
        [480, 160, "audio"],
      ] as const) {
        await page.evaluate(`{
          const near = (track) => Math.abs(track.height - ${height}) * 1e9 + Math.abs((track.audioBandwidth ?? 0) - ${kilobits} * 1000);
          const [best] = window.player.getVariantTracks().sort((a, b) => near(a) - near(b));
          window.player.selectVariantTrack(best, false);
        }`);
        await untilPlaying(page, height, sound);
      }
      expect(await severeProblems(page)).toEqual([]);
      if (pressure() < PRESSURE_MAX) expect((await page.evaluate("window.stalls")) as number).toBe(before);
      await page.close();
    }, 90_000);
  }
});

/** VLC 3 hangs before its first picture in about one start of ten, with one sound as with two. */
const VLC_STARTS = 3;

function startVlc(args: readonly string[]): Tool {
  const options = ["-I", "dummy", "--no-color", "-vv", "--aout", "dummy", "--run-time", "30", ...args, "vlc://quit"];
  return startTool("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", "cvlc", ...options], {
    HOME: "/tmp",
  });
}

describe("players on the command line", () => {
  for (const manifest of ["index.m3u8", "manifest.mpd"]) {
    test(`ffmpeg takes the best picture and the best sound of ${manifest}`, async () => {
      const args = ["-hide_banner", "-xerror", "-i", addressOf(manifest), "-t", "4", "-f", "null", "-"];
      await using tool = startTool("ffmpeg", args);
      expect(await within(30_000, "ffmpeg", tool.exited)).toBe(0);
      const inputs = tool.output().split("Stream mapping:")[0] ?? "";
      const streams = [...inputs.matchAll(/Stream #0:(\d+)[^\n]*: (Audio|Video)[^\n]*/g)].map(([, index, kind]) => ({
        index,
        kind,
      }));
      const mapped = [...tool.output().matchAll(/Stream #0:(\d+) -> #0:/g)].map(([, index]) => index);
      expect(mapped).toContain(streams.find(({ kind }) => kind === "Audio")?.index);
      expect(tool.output()).toMatch(/Stream #0:0: Video:[^\n]*854x480/);
    }, 40_000);
  }

  test("GStreamer begins with the source and its sound", async () => {
    const from = broadcast.requests.length;
    const sinks = ["video-sink=fakesink sync=false", "audio-sink=fakesink sync=false"];
    await using tool = startTool("gst-launch-1.0", ["-q", "playbin3", `uri=${addressOf("index.m3u8")}`, ...sinks]);
    await eventually(30_000, "GStreamer's pictures and sound", () =>
      ["source", "audio"].every((track) => (mediaAskedFor(from).get(track) ?? 0) > 2) ? true : undefined,
    );
    expect([...mediaAskedFor(from).keys()].sort()).toEqual(["audio", "source"]);
    expect(tool.output()).not.toContain("ERROR");
  }, 40_000);

  for (const manifest of ["index.m3u8", "manifest.mpd"]) {
    test(`VLC shows the picture of ${manifest}`, async () => {
      let shown = false;
      for (let starts = 0; starts < VLC_STARTS && !shown; starts++) {
        await using vlc = startVlc(["--vout", "dummy", addressOf(manifest)]);
        shown = await eventually(12_000, "VLC's first picture", () =>
          vlc.output().includes("Received first picture") ? true : undefined,
        ).catch(() => false);
      }
      expect(shown).toBe(true);
    }, 45_000);
  }

  test("the sound alone has a playlist: ffmpeg and VLC play it, best first", async () => {
    const address = addressOf("audio.m3u8");
    const from = broadcast.requests.length;
    await using tool = startTool("ffmpeg", ["-v", "error", "-xerror", "-i", address, "-t", "4", "-f", "null", "-"]);
    expect(await within(30_000, "ffmpeg", tool.exited)).toBe(0);
    expect(tool.output()).toBe("");
    expect([...mediaAskedFor(from).keys()].sort()).toEqual(["audio", "audio-64k"]);
    const vlcFrom = broadcast.requests.length;
    await using vlc = startVlc([address]);
    await eventually(30_000, `VLC to play on (${vlc.process.pid})`, () =>
      (mediaAskedFor(vlcFrom).get("audio") ?? 0) > 3 ? true : undefined,
    );
  }, 70_000);
});
