import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { MULTITRACK_PICTURES_MAX, type MultitrackPicture, planMultitrack } from "./multitrack-ladder.ts";

const FPS_30 = { num: 30, den: 1 };
const FPS_60 = { num: 60, den: 1 };

function planned(options: Partial<Parameters<typeof planMultitrack>[0]>): readonly MultitrackPicture[] {
  const limits = { width: 1920, height: 1080, frameRate: FPS_30, tracksMax: 4, bitrateMax: undefined, ...options };
  const pictures = planMultitrack(limits);
  if (typeof pictures === "number") throw new Error(`it needs ${pictures} bit/s`);
  return pictures;
}

const sizes = (pictures: readonly MultitrackPicture[]): string[] =>
  pictures.map(({ width, height }) => `${width}x${height}`);
const kilobits = (pictures: readonly MultitrackPicture[]): number[] =>
  pictures.map(({ bitrate }) => Math.floor(bitrate / 1000));

describe("the pictures an encoder is asked for", () => {
  test("are its own and the usual ones below it", () => {
    const pictures = planned({});
    expect(sizes(pictures)).toEqual(["1920x1080", "1280x720", "854x480", "640x360"]);
    expect(kilobits(pictures)).toEqual([6000, 3000, 1200, 700]);
    expect(sizes(planned({ width: 1280, height: 720 }))).toEqual(["1280x720", "854x480", "640x360"]);
    expect(sizes(planned({ width: 640, height: 360 }))).toEqual(["640x360", "426x240"]);
    expect(sizes(planned({ width: 320, height: 180 }))).toEqual(["320x180"]);
  });

  test("are spread over all sizes where few tracks are allowed", () => {
    expect(sizes(planned({ tracksMax: 3 }))).toEqual(["1920x1080", "1280x720", "640x360"]);
    expect(sizes(planned({ tracksMax: 2 }))).toEqual(["1920x1080", "640x360"]);
    expect(sizes(planned({ tracksMax: 1 }))).toEqual(["1920x1080"]);
  });

  test("keep the shape of tall and of odd pictures", () => {
    expect(sizes(planned({ width: 1080, height: 1920 }))).toEqual(["1080x1920", "720x1280", "480x854", "360x640"]);
    expect(sizes(planned({ width: 2560, height: 1080, tracksMax: 2 }))).toEqual(["2560x1080", "854x360"]);
  });

  test("are given more bits where they are fast, and small ones half the rate", () => {
    const pictures = planned({ frameRate: FPS_60 });
    expect(pictures.map(({ frameRateDivisor }) => frameRateDivisor)).toEqual([1, 1, 2, 2]);
    expect(kilobits(pictures)).toEqual([9000, 4500, 1200, 700]);
    const [only] = planned({ width: 854, height: 480, frameRate: FPS_60, tracksMax: 1 });
    expect(only).toMatchObject({ frameRateDivisor: 1, bitrate: 1_800_000 });
  });

  test("shrink a little, then fewer are sent, then the best one is smaller", () => {
    const at = (bitrateMax: number): string[] =>
      planned({ bitrateMax }).map(({ height, bitrate }) => `${height}@${Math.floor(bitrate / 1000)}`);
    expect(at(9_000_000)).toEqual(["1080@4954", "720@2477", "480@990", "360@577"]);
    expect(at(6_000_000)).toEqual(["1080@4556", "480@911", "360@531"]);
    expect(at(3_000_000)).toEqual(["720@1836", "480@734", "360@428"]);
    expect(at(800_000)).toEqual(["360@509", "240@290"]);
    expect(at(600_000)).toEqual(["360@600"]);
    expect(at(400_000)).toEqual(["240@400"]);
    const limits = { width: 1920, height: 1080, frameRate: FPS_30, tracksMax: 4, bitrateMax: 200_000 };
    expect(planMultitrack(limits)).toBe(240_000);
  });

  test("keep every limit, whatever it is", () => {
    const limits = fc.record({
      width: fc.integer({ min: 16, max: 16_384 }),
      height: fc.integer({ min: 16, max: 16_384 }),
      frameRate: fc.constantFrom(FPS_30, FPS_60, { num: 24_000, den: 1001 }, { num: 1, den: 1000 }),
      tracksMax: fc.integer({ min: 1, max: MULTITRACK_PICTURES_MAX }),
      bitrateMax: fc.option(fc.integer({ min: -100_000, max: 60_000_000 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(limits, (given) => {
        const pictures = planMultitrack(given);
        if (typeof pictures === "number") {
          expect(pictures).toBeGreaterThan(given.bitrateMax ?? Number.POSITIVE_INFINITY);
          expect(typeof planMultitrack({ ...given, bitrateMax: pictures })).toBe("object");
          return;
        }
        expect(pictures.length).toBeGreaterThan(0);
        expect(pictures.length).toBeLessThanOrEqual(given.tracksMax);
        const sum = pictures.reduce((total, { bitrate }) => total + bitrate, 0);
        expect(sum).toBeLessThanOrEqual(given.bitrateMax ?? Number.POSITIVE_INFINITY);
        for (const [i, { width, height, bitrate }] of pictures.entries()) {
          expect(width % 2 === 0 && height % 2 === 0 && bitrate > 0).toBe(true);
          // An odd size is rounded to an even one.
          expect(width).toBeLessThanOrEqual(pictures[i - 1]?.width ?? given.width + 1);
          expect(height).toBeLessThanOrEqual(pictures[i - 1]?.height ?? given.height + 1);
        }
      }),
    );
  });
});
