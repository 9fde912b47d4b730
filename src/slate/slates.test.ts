import { afterEach, expect, test } from "bun:test";
import type { VideoCodec } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Slates, startSlates } from "./index.ts";
import { lookAt, requestOf, type Seen, videoOf } from "./slate-rig.ts";

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
