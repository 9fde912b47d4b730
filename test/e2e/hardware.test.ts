import { expect, test } from "bun:test";
import { hashesOf } from "#transcoder/rung-rig.ts";
import { eventually } from "./deadline.ts";
import { MAIN_KEY, startEncoder, startPlatform, untilOnAir } from "./platform.ts";
import { readServedTrack, segmentNamesOf } from "./served-track.ts";

test("hardware that is wanted and not there is told in one line, and the rung is there all the same", async () => {
  const flags = ["--transcode-ladder", "180,120", "--transcode-hardware", "auto", "--segment-seconds", "1"];
  await using platform = await startPlatform({ flags });
  await using _encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "426x240", gop: 30 });
  const playlist = await untilOnAir(platform, "main", 30_000);
  expect(playlist).toContain("180p/index.m3u8");
  await eventually(20_000, "two segments", async () =>
    (await segmentNamesOf(platform, "180p")).length >= 2 ? true : undefined,
  );
  const { config, frames, hasGap } = await readServedTrack(platform, "180p");
  const { errors, pictures } = hashesOf(
    config,
    frames.map(({ payload }) => payload),
  );
  expect({ errors, pictures: pictures.length, hasGap }).toEqual({ errors: "", pictures: frames.length, hasGap: false });
  const lines = platform.output().split("\n");
  const told = lines.filter((line) => line.includes("transcoder.encoder.fallback"));
  // A machine that has the hardware has nothing to tell.
  expect(told.length).toBeLessThanOrEqual(1);
  for (const line of told) {
    expect(line).toContain("libx264 encodes main in place of h264_nvenc");
    expect(line).toMatch(/open h264_nvenc: \w+/);
  }
}, 60_000);
