import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { picture, tone, x264 } from "./encoder-matrix.ts";
import { eventually, within } from "./deadline.ts";
import { fetchPlaylist } from "./media-playlist.ts";
import { MAIN_KEY, startPlatform, startTool, type Tool, untilOnAir } from "./platform.ts";
import { healthOf, untilStates } from "./stream-health.ts";
import { complaintsOf, watch, withoutStarvation } from "./watching.ts";

/** Copies a file to the platform in real time. */
function copy(file: string, url: string): Tool {
  return startTool("ffmpeg", ["-v", "error", "-re", "-i", file, "-c", "copy", "-f", "flv", url]);
}

test("two paths of one encode: the death of the first one is seen by nobody", async () => {
  const folder = await mkdtemp(join(tmpdir(), "grandstand-paths-"));
  try {
    const file = join(folder, "encode.mkv");
    const sources = [
      "-f",
      "lavfi",
      "-i",
      "testsrc2=size=320x180:rate=30",
      "-f",
      "lavfi",
      "-i",
      "sine=sample_rate=48000",
    ];
    const coded = [...x264(60), "-c:a", "aac", "-t", "40", "-y", file];
    await within(60_000, "the file", startTool("ffmpeg", ["-v", "error", ...sources, ...coded]).exited);
    await using platform = await startPlatform();
    const first = copy(file, `${platform.rtmp}/${MAIN_KEY}?role=primary`);
    await using _second = copy(file, `${platform.rtmp}/${MAIN_KEY}?role=backup`);
    await untilOnAir(platform);
    await untilStates(platform, ["on-air", "merged"]);
    const watched = watch(`${platform.http}/live/main/index.m3u8`, { seconds: 10 });
    await eventually(
      8000,
      "pictures",
      async () =>
        ((await fetchPlaylist(`${platform.http}/live/main/source/index.m3u8`))?.segments.length ?? 0) > 2 || undefined,
    );
    first.kill("SIGKILL");
    const after = await untilStates(platform, ["on-air"]);
    expect(after.sessions[0]?.role).toBe("backup");
    expect(withoutStarvation(complaintsOf(await watched, { timing: false }))).toEqual([]);
    expect((await healthOf(platform))?.counters).toMatchObject({ switches: 0 });
    const facts = await fetchPlaylist(`${platform.http}/live/main/source/index.m3u8`);
    expect(facts?.discontinuities).toBe(0);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}, 120_000);

test("another encode steps in when the first one is killed: one discontinuity, and the stream conforms", async () => {
  await using platform = await startPlatform();
  const encode = (size: string, role: string): Tool => {
    const coded = [...picture(size, "30"), ...tone(), ...x264(30), "-c:a", "aac", "-f", "flv"];
    return startTool("ffmpeg", ["-v", "error", ...coded, `${platform.rtmp}/${MAIN_KEY}?role=${role}`]);
  };
  const first = encode("320x180", "primary");
  await untilOnAir(platform);
  await using _second = encode("384x216", "backup");
  await eventually(15_000, "both encoders", async () =>
    (await healthOf(platform))?.sessions.length === 2 ? true : undefined,
  );
  const watched = watch(`${platform.http}/live/main/index.m3u8`, { seconds: 10 });
  const killedMs = performance.now();
  first.kill("SIGKILL");
  await eventually(10_000, "the switch", async () =>
    (await healthOf(platform))?.counters.switches === 1 ? true : undefined,
  );
  expect(performance.now() - killedMs).toBeLessThan(3000);
  const complaints = withoutStarvation(complaintsOf(await watched, { timing: false }));
  // The size is another one by design; the multivariant playlist that was read at the start says the first.
  expect(complaints.filter((line) => !line.startsWith("resolution-true"))).toEqual([]);
  const facts = await fetchPlaylist(`${platform.http}/live/main/source/index.m3u8`);
  expect(facts?.discontinuities).toBe(1);
}, 120_000);
