import { expect, test } from "bun:test";
import { qualityLabels } from "#web/player/quality-label.ts";

const level = (width: number, height: number, frameRate = 30, bitrate = 1_000_000) => ({
  width,
  height,
  frameRate,
  bitrate,
});

test("a quality is named by the lines of its shorter side", () => {
  expect(qualityLabels([level(1280, 720), level(406, 720), level(852, 480)], 0)).toEqual(["720p", "406p", "480p"]);
});

test("a fast picture tells its rate", () => {
  expect(qualityLabels([level(1280, 720, 59.94), level(640, 360, 29.97)], 0)).toEqual(["720p60", "360p"]);
});

test("where names would be the same, bitrates tell the difference", () => {
  const levels = [level(1920, 1080, 30, 6_000_000), level(1920, 1080, 30, 3_450_000), level(640, 360)];
  expect(qualityLabels(levels, 0)).toEqual(["1080p · 6.0 Mbit/s", "1080p · 3.5 Mbit/s", "360p"]);
});

test("what the playlist does not tell is what is shown; without any picture it is sound", () => {
  expect(qualityLabels([level(0, 0)], 360)).toEqual(["360p"]);
  expect(qualityLabels([level(0, 0)], 0)).toEqual(["Sound only"]);
});
