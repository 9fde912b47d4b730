import { afterAll, describe, expect, test } from "bun:test";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually, within } from "./deadline.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, startTool, untilOnAir } from "./platform.ts";
import { transcoderPids } from "./transcoder-pids.ts";

const SECOND_KEY = "second-key-0123456789abcdefghi";
const folders: string[] = [];

afterAll(async () => {
  for (const folder of folders) await rm(folder, { recursive: true, force: true });
});

async function renditions(platform: Platform, stream: string): Promise<string[]> {
  const playlist = await (await fetch(`${platform.http}/live/${stream}/index.m3u8`)).text();
  return playlist.split("\n").flatMap((line) => /^(\w+)\/index\.m3u8$/.exec(line)?.[1] ?? []);
}

interface Warning {
  readonly code: string;
  readonly sentence: string;
}

async function warnings(platform: Platform, stream: string): Promise<readonly Warning[]> {
  const answer = await fetch(`${platform.http}/api/v1/streams/${stream}`, {
    headers: { authorization: `Bearer ${platform.adminToken}` },
  });
  const { health } = (await answer.json()) as { health: { warnings: readonly Warning[] } | null };
  return health?.warnings ?? [];
}

async function megapixels(platform: Platform, state: "used" | "free"): Promise<number> {
  const text = await (await fetch(`${platform.http}/metrics`)).text();
  const found = new RegExp(`^grandstand_transcoder_megapixels_per_second\\{state="${state}"\\} (.+)$`, "m").exec(text);
  return Number(found?.[1]);
}

describe("a machine with room for one rung", () => {
  test("makes the smallest, says what it has no room for, and makes more when there is room", async () => {
    // 426x240 at 30 a second is 3.1 megapixels, 640x360 is 6.9: one of the small ones fits, and nothing beside it.
    const platform = await startPlatform({
      streams: { second: SECOND_KEY },
      flags: ["--transcode-ladder", "360,240", "--transcode-megapixels-per-second", "4"],
    });
    try {
      const source = { size: "854x480", video: ["-b:v", "1500k"] };
      await using first = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, ...source });
      await untilOnAir(platform, "main", 30_000);
      expect(await renditions(platform, "main")).toEqual(["source", "240p"]);
      expect(await megapixels(platform, "used")).toBeCloseTo(3.1, 1);
      expect(await megapixels(platform, "free")).toBeCloseTo(0.9, 1);
      await using second = startEncoder({ url: `${platform.rtmp}/${SECOND_KEY}`, ...source });
      await untilOnAir(platform, "second", 30_000);
      expect(await renditions(platform, "second")).toEqual(["source"]);
      const [warning] = (await warnings(platform, "second")).filter(({ code }) => code === "LADDER_FULL");
      expect(warning?.sentence).toContain("360p and 240p");
      expect(await transcoderPids(platform)).toHaveLength(1);
      await first[Symbol.asyncDispose]();
      const headers = { authorization: `Bearer ${platform.adminToken}` };
      await fetch(`${platform.http}/api/v1/streams/main/stop`, { method: "POST", headers });
      await eventually(30_000, "the rung of the second stream", async () =>
        (await renditions(platform, "second")).includes("240p") ? true : undefined,
      );
      expect(second.output()).not.toContain("rror");
    } finally {
      await platform.stop();
    }
  }, 120_000);
});

/** A clip of 2160 lines, made once and sent again and again as it is. */
async function largeClip(): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "grandstand-clip-"));
  folders.push(folder);
  const path = join(folder, "large.flv");
  const input = ["-f", "lavfi", "-i", "testsrc2=size=3840x2160:rate=30:duration=4"];
  const video = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-crf",
    "35",
    "-g",
    "60",
    "-bf",
    "0",
    "-pix_fmt",
    "yuv420p",
  ];
  await using tool = startTool("ffmpeg", ["-v", "error", ...input, ...video, "-y", path]);
  expect(await within(60_000, "the clip", tool.exited)).toBe(0);
  return path;
}

async function residentBytes(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

describe("a ladder of thirty times what the machine can do", () => {
  test("costs the source nothing: its rungs are given up, and that is said", async () => {
    const clip = await largeClip();
    // Eight rungs of nearly 4K in quality: some 1,900 megapixels a second, where two processors do about 60.
    const ladder = [2150, 2140, 2130, 2120, 2110, 2100, 2090, 2080].join(",");
    const platform = await startPlatform({
      flags: [
        "--transcode-ladder",
        ladder,
        "--transcode-profile",
        "quality",
        "--transcode-megapixels-per-second",
        "100000",
      ],
    });
    try {
      const send = ["-re", "-stream_loop", "-1", "-i", clip, "-c", "copy", "-f", "flv", `${platform.rtmp}/${MAIN_KEY}`];
      await using encoder = startTool("ffmpeg", ["-v", "error", ...send]);
      await untilOnAir(platform, "main", 30_000);
      let workerBytes = 0;
      await eventually(60_000, "the rungs to be given up", async () => {
        for (const pid of await transcoderPids(platform)) {
          workerBytes = Math.max(workerBytes, await residentBytes(pid).catch(() => 0));
        }
        return (await transcoderPids(platform)).length === 0 ? true : undefined;
      });
      const reduced = (await warnings(platform, "main")).find(({ code }) => code === "LADDER_REDUCED");
      expect(reduced?.sentence).toContain("2150p and 2140p");
      expect(platform.output()).toContain("transcoder.overloaded");
      await eventually(30_000, "the source alone", async () =>
        (await renditions(platform, "main")).join() === "source" ? true : undefined,
      );
      const playlist = await (await fetch(`${platform.http}/live/main/source/index.m3u8`)).text();
      expect(playlist).not.toContain("#EXT-X-GAP");
      expect(playlist).not.toContain("#EXT-X-ENDLIST");
      expect(encoder.output()).toBe("");
      // Pictures that wait are few, whatever the load: of the source, and of each encoder.
      expect(workerBytes).toBeLessThan(3e9);
    } finally {
      await platform.stop();
    }
  }, 180_000);
});
