import { afterEach, expect, test } from "bun:test";
import type { Fault } from "#faults/fault.ts";
import type { Slate, SlateRequest } from "#media/slate.ts";
import type { VideoCodec } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Slates, startSlates } from "./index.ts";
import { keyframeOf, lookAt, requestOf, type Seen, videoOf } from "./slate-rig.ts";

const DEADLINE_MS = 30_000;
const started: Slates[] = [];
const calm = (): AbortSignal => new AbortController().signal;

afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.close()));
});

async function start(): Promise<{ slates: Slates; observer: RecordingObserver }> {
  const observer = new RecordingObserver();
  const slates = await startSlates({ observer, clock: systemClock });
  started.push(slates);
  return { slates, observer };
}

/** A card in that format, one loop as it is seen. */
async function cardOf(changes: Partial<SlateRequest>): Promise<{ slate: Slate; seen: Seen[] }> {
  const { slates } = await start();
  const slate = await slates.make(requestOf(changes), calm());
  return { slate, seen: lookAt(slate) };
}

/** Rows and columns of a picture that have bright letters: the first and the last of each. */
function lettersOf({ luma, width }: Seen): { top: number; bottom: number; left: number; right: number } {
  const found = { top: Number.POSITIVE_INFINITY, bottom: -1, left: Number.POSITIVE_INFINITY, right: -1 };
  for (const [at, value] of luma.entries()) {
    if (value <= 200) continue;
    const [x, y] = [at % width, Math.floor(at / width)];
    found.top = Math.min(found.top, y);
    found.bottom = Math.max(found.bottom, y);
    found.left = Math.min(found.left, x);
    found.right = Math.max(found.right, x);
  }
  return found;
}

/** Shares of a picture that are bright letters and dark ground. */
function shares({ luma }: Seen): { letters: number; ground: number } {
  let [letters, ground] = [0, 0];
  for (const value of luma) {
    if (value > 200) letters++;
    if (value < 70) ground++;
  }
  return { letters: letters / luma.byteLength, ground: ground / luma.byteLength };
}

for (const codec of ["avc", "hevc", "av1"] satisfies VideoCodec[]) {
  test(
    `a card in ${codec} has the size that was asked for, bright words on dark ground, and repeats without an error`,
    async () => {
      const { slates } = await start();
      const request = requestOf({ video: videoOf(codec) });
      const slate = await slates.make(request, calm());
      expect(slate.video).toMatchObject({ codec, width: 640, height: 360 });
      expect(slate.pictures).toHaveLength(50);
      expect(slate.pictures.map(({ keyframe }) => keyframe).lastIndexOf(true)).toBe(0);
      const seen = lookAt(slate, 3);
      expect(seen).toHaveLength(150);
      for (const picture of seen) {
        expect([picture.width, picture.height]).toEqual([640, 360]);
        const { letters, ground } = shares(picture);
        expect(letters).toBeGreaterThan(0.02);
        expect(ground).toBeGreaterThan(0.8);
      }
      const later = slate.pictures.slice(1).reduce((sum, { payload }) => sum + payload.byteLength, 0);
      expect(later / 49).toBeLessThan(100);
      expect(slate.sound?.config).toBe(request.audio);
      expect(slate.sound?.frames).toHaveLength(1);
    },
    DEADLINE_MS,
  );
}

test.each([
  ["avc", "160x90", [160, 90]],
  ["avc", "360x640", [360, 640]],
  ["avc", "641x361", [640, 360]],
  ["avc", "1000x120", [1000, 120]],
  ["hevc", "362x646", [362, 646]],
  ["hevc", "161x95", [160, 94]],
  ["av1", "162x288", [162, 288]],
] as const)(
  "the words of a card in %s of %s are inside it and in its middle",
  async (codec, size, [width, height]) => {
    const { slate, seen } = await cardOf({ video: videoOf(codec, size) });
    expect(slate.video).toMatchObject({ width, height });
    const [picture] = seen;
    if (picture === undefined) throw new Error("no picture");
    expect([picture.width, picture.height]).toEqual([width, height]);
    const { top, bottom, left, right } = lettersOf(picture);
    expect(Math.min(left, width - 1 - right)).toBeGreaterThan(width * 0.04);
    expect(Math.abs(left + right + 1 - width)).toBeLessThan(width * 0.06);
    expect(top).toBeGreaterThan(height * 0.1);
    expect(bottom).toBeLessThan(height * 0.9);
    expect(right - left).toBeGreaterThan(width * 0.15);
  },
  DEADLINE_MS,
);

test(
  "the loop of an odd frame rate has a keyframe at least every two seconds, and the broadcast's colours and shape of samples stay",
  async () => {
    const colour = { primaries: 9, transfer: 16, matrix: 9, fullRange: false };
    const pixelAspect = { num: 4, den: 3 };
    const video = videoOf("hevc", "720x480", { colour, pixelAspect });
    const { slate, seen } = await cardOf({ video, frameRate: { num: 30_000, den: 1001 } });
    expect(slate.pictures).toHaveLength(59);
    expect(slate.video).toMatchObject({ colour, pixelAspect, width: 720, height: 480 });
    // In PQ the usual white is a little above the middle.
    const brightest = Math.max(...(seen[0]?.luma.subarray(0) ?? []));
    expect(brightest).toBeGreaterThan(120);
    expect(brightest).toBeLessThan(170);
  },
  DEADLINE_MS,
);

test(
  "a keyframe of the broadcast is dark and blurred behind the words; one that cannot be decoded is done without",
  async () => {
    const keyframe = keyframeOf("white", "640x360");
    const { slate, seen } = await cardOf({ background: keyframe });
    const corner = seen[0]?.luma[5 * 640 + 5] ?? 0;
    expect(corner).toBeGreaterThan(70);
    expect(corner).toBeLessThan(110);
    expect(shares(seen[0] as Seen).letters).toBeGreaterThan(0.02);
    expect(slate.pictures[0]?.payload.byteLength).toBeLessThan(20_000);
    const broken = { ...keyframe, payload: keyframe.payload.map((byte, i) => (i < 4 ? byte : (i * 7919) & 0xff)) };
    const plain = await cardOf({ background: broken });
    expect(plain.seen[0]?.luma[5 * 640 + 5]).toBeLessThan(40);
  },
  DEADLINE_MS,
);

test(
  "long words are broken and made smaller, a long title is cut; a card without words is a plain one",
  async () => {
    const long = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen ".repeat(6);
    const full = await cardOf({ title: long, words: long });
    expect(shares(full.seen[0] as Seen).letters).toBeGreaterThan(0.015);
    expect(lettersOf(full.seen[0] as Seen).right).toBeLessThan(640 * 0.96);
    const empty = await cardOf({ title: " \n", words: "" });
    expect(shares(empty.seen[0] as Seen).letters).toBe(0);
  },
  DEADLINE_MS,
);

test("a picture that is never encoded is refused in words", async () => {
  const { slates } = await start();
  const vp9 = slates.make(requestOf({ video: videoOf("vp9") }), calm());
  expect(await vp9.catch((error: Fault) => error)).toMatchObject({ code: "CODEC_UNSUPPORTED", name: "Fault" });
  const huge = slates.make(requestOf({ video: videoOf("avc", "16000x16000") }), calm());
  expect(await huge.catch((error: Fault) => error)).toMatchObject({ code: "LIMIT_REACHED" });
});
