import { describe, expect, test } from "bun:test";
import { parseLadder } from "./ladder.ts";

describe("a ladder as the configuration has it", () => {
  test("is off, default, or heights with or without bitrates", () => {
    expect(parseLadder("off")).toBe("off");
    expect(parseLadder("default")).toBe("default");
    expect(parseLadder("720:2500k, 480p,360:700k")).toEqual([
      { height: 720, bitrate: 2_500_000 },
      { height: 480, bitrate: undefined },
      { height: 360, bitrate: 700_000 },
    ]);
  });

  test.each([
    "",
    "on",
    "720,",
    "99",
    "4321",
    "720:49k",
    "720:2500",
    "720:x",
    "-720",
    "1,2,3,4,5,6,7,8,9",
    `480,${" ".repeat(200)}360`,
  ])("is not %p", (text) => {
    expect(parseLadder(text)).toBeUndefined();
  });
});
