import { expect, test } from "bun:test";
import * as fc from "fast-check";
import type { AudioConfig } from "#media/track.ts";
import { SOUND_BLOCK_SAMPLES, SOUND_FRAME_SAMPLES_MAX, SoundGrid, type SoundSpan } from "./sound-grid.ts";

function gridOf(source: Partial<AudioConfig>, timescale = 48_000, sampleRate = timescale): SoundGrid {
  const record = new Uint8Array(0);
  const plain = { kind: "audio", codec: "opus", record, sampleRate: timescale, channels: 2, codecs: "" } as const;
  return new SoundGrid({ source: { ...plain, samplesPerFrame: 0, ...source }, timescale, sampleRate });
}

/** Frames one behind the other. */
function spansOf(startDts: number, durations: readonly number[]): SoundSpan[] {
  let dts = startDts;
  return durations.map((duration) => {
    dts += duration;
    return { dts: dts - duration, duration };
  });
}

const arbitrarySpans = fc
  .tuple(fc.integer({ min: 0, max: 2 ** 48 }), fc.array(fc.integer({ min: 1, max: 600_000 }), { maxLength: 40 }))
  .map(([startDts, durations]) => spansOf(startDts, durations));

function endOf(span: SoundSpan | undefined): number {
  return (span?.dts ?? 0) + (span?.duration ?? 0);
}

test("on a fixed grid each of the rung's frames begins at a multiple of 1024 within its frame of the source, and they are contiguous", () => {
  const rates = fc.constantFrom([48_000, 48_000], [192_000, 96_000], [37_000, 32_000], [44_100, 44_100]);
  fc.assert(
    fc.property(arbitrarySpans, rates, (spans, [timescale = 0, sampleRate = 0]) => {
      const grid = gridOf({}, timescale, sampleRate);
      const made = spans.flatMap((span) => {
        const frames = grid.framesOf(span);
        for (const { dts } of frames) {
          expect(dts % SOUND_BLOCK_SAMPLES).toBe(0);
          expect(dts / sampleRate).toBeGreaterThan(span.dts / timescale - 1.001 / sampleRate);
          expect(dts / sampleRate).toBeLessThan(endOf(span) / timescale);
        }
        return frames;
      });
      for (const [i, frame] of made.entries()) {
        const next = made[i + 1];
        if (next !== undefined) expect(endOf(frame)).toBe(next.dts);
        expect(frame.duration).toBeGreaterThanOrEqual(SOUND_BLOCK_SAMPLES);
      }
      if (made.length > 0) {
        expect(made[0]?.dts).toBe(grid.firstDts(spans[0]?.dts ?? 0));
        expect(endOf(made.at(-1))).toBe(grid.firstDts(endOf(spans.at(-1))));
      }
    }),
  );
});

test("the samples of the source's frames fill exactly the blocks of the rung's", () => {
  const kinds = fc.constantFrom(
    gridOf({}),
    gridOf({ codec: "aac", samplesPerFrame: 1024 }),
    gridOf({ codec: "aac", samplesPerFrame: 2048 }),
    gridOf({ codec: "aac", samplesPerFrame: 960 }),
  );
  fc.assert(
    fc.property(arbitrarySpans, kinds, (spans, grid) => {
      let samples = grid.phaseOf(spans[0]?.dts ?? 0);
      let frames = samples > 0 ? 1 : 0;
      for (const span of spans) {
        samples += grid.samplesOf(span);
        frames += grid.framesOf(span).length;
        expect(grid.samplesOf(span)).toBeLessThanOrEqual(SOUND_FRAME_SAMPLES_MAX);
        // The newest frame may be under way.
        expect(frames).toBe(Math.ceil(samples / SOUND_BLOCK_SAMPLES));
      }
    }),
  );
});

test("a worker that begins anywhere knows the same frames", () => {
  fc.assert(
    fc.property(arbitrarySpans, fc.nat(), (spans, from) => {
      const grid = gridOf({});
      const later = spans.slice(from % (spans.length + 1));
      const all = spans.flatMap((span) => grid.framesOf(span));
      const made = later.flatMap((span) => grid.framesOf(span));
      expect(made).toEqual(all.slice(all.length - made.length));
    }),
  );
});

test("AAC has its own frames in the rung; those of 2048 samples have two", () => {
  const short = gridOf({ codec: "aac", samplesPerFrame: 1024 });
  expect(short.framesOf({ dts: 77, duration: 1024 })).toEqual([{ dts: 77, duration: 1024 }]);
  expect(short.framesOf({ dts: 77, duration: 1033 })).toEqual([{ dts: 77, duration: 1033 }]);
  const long = gridOf({ codec: "aac", samplesPerFrame: 2048 });
  expect(long.framesOf({ dts: 77, duration: 2049 })).toEqual([
    { dts: 77, duration: 1024 },
    { dts: 77 + 1024, duration: 1025 },
  ]);
  expect(long.framesOf({ dts: 77, duration: 1 })).toEqual([{ dts: 77, duration: 1 }]);
});

test("AAC of another sample rate than its track's is on the fixed grid", () => {
  const grid = gridOf({ codec: "aac", samplesPerFrame: 1024, sampleRate: 44_100 });
  expect(grid.framesOf({ dts: 1000, duration: 1115 })).toEqual([
    { dts: 1024, duration: 2048 - 1024 },
    { dts: 2048, duration: 1024 },
  ]);
});

test("a frame that lasts long gives silence for a while, and then one long frame", () => {
  const grid = gridOf({});
  const frames = grid.framesOf({ dts: 1024, duration: 2 ** 32 - 1 });
  expect(frames.length).toBeLessThanOrEqual(SOUND_FRAME_SAMPLES_MAX / SOUND_BLOCK_SAMPLES);
  expect(endOf(frames.at(-1))).toBe(1024 + 2 ** 32);
});
