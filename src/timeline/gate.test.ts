import { describe, expect, test } from "bun:test";
import { FrameFlag } from "#media/frame.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { GateRig, EPOCH_OFFSET_MS } from "./gate-rig.ts";
import {
  AUDIO,
  audioConfig,
  encode,
  type EncoderOptions,
  type Fault,
  idOf,
  randomFrom,
  VIDEO,
  videoConfig,
} from "./test-encoder.ts";

const RATES = [
  { num: 24000, den: 1001 },
  { num: 24, den: 1 },
  { num: 25, den: 1 },
  { num: 30000, den: 1001 },
  { num: 30, den: 1 },
  { num: 50, den: 1 },
  { num: 60000, den: 1001 },
  { num: 60, den: 1 },
] as const;

function pick<T>(random: () => number, from: readonly T[]): T {
  const value = from[Math.floor(random() * from.length)];
  if (value === undefined) throw new Error("nothing to pick");
  return value;
}

function randomFaults(random: () => number, seconds: number): Fault[] {
  const faults: Fault[] = [];
  const at = (): number => 3 + random() * (seconds - 5);
  if (random() < 0.3) faults.push({ kind: "corrupt", atSeconds: at(), ms: Math.round((random() - 0.5) * 2 ** 32) });
  if (random() < 0.2)
    faults.push({ kind: "jump", atSeconds: at(), ms: pick(random, [3_600_000, -3_600_000, 30_000, -5_000]) });
  if (random() < 0.15) faults.push({ kind: "hole", atSeconds: at(), ms: 100 + random() * 3_000 });
  if (random() < 0.15) faults.push({ kind: "stall", atSeconds: at(), ms: 100 + random() * 900 });
  return faults;
}

function randomSession(random: () => number, seconds: number): EncoderOptions {
  const rate = pick(random, RATES);
  const fps = rate.num / rate.den;
  const gopFrames = pick(random, [Math.round(fps), Math.round(2 * fps), 250, Math.round(4 * fps)]);
  const kind = random();
  return {
    seconds,
    seed: Math.floor(random() * 1e9),
    startStamp: pick(random, [0, 0, 2 ** 24 - 5_000, 2 ** 32 - 5_000, 2 ** 31 - 5_000, Math.floor(random() * 2 ** 32)]),
    skewMs: Math.round((random() - 0.5) * 400),
    jitterMs: pick(random, [0, 2, 20, 60]),
    faults: randomFaults(random, seconds),
    ...(kind < 0.08
      ? {}
      : {
          video: {
            rate,
            gopFrames,
            irregular: random() < 0.2,
            bFrames: pick(random, [0, 0, 1, 2]),
            variable: random() < 0.15,
            claimsRate: random() < 0.7,
          },
        }),
    ...(kind > 0.92 ? {} : { audio: { sampleRate: pick(random, [44_100, 48_000]) } }),
  };
}

/** Every frame sent came out once and in order, but for those counted as dropped. */
function expectNothingLost(rig: GateRig): void {
  const seen = new Set<number>();
  for (const track of rig.checker.everyTrack.values()) {
    let last = 0;
    for (const frame of rig.checker.frames(track.id)) {
      if ((frame.flags & FrameFlag.SLATE) !== 0) continue;
      const id = idOf(frame.payload) ?? 0;
      if (seen.has(id)) throw new Error(`frame ${id} came out twice`);
      if (id <= last) throw new Error(`frame ${id} came out after ${last}`);
      seen.add(id);
      last = id;
    }
  }
  const missing = rig.sent.size - seen.size;
  if (missing !== rig.gate.counters.dropped) {
    throw new Error(`${missing} frames are missing, ${rig.gate.counters.dropped} are counted as dropped`);
  }
}

function expectSegmentsFit(rig: GateRig): void {
  const { checker } = rig;
  const target = checker.hello?.targetDurationSeconds ?? 0;
  for (const track of checker.everyTrack.values()) {
    for (const segment of checker.segments(track.id)) {
      if (!segment.sealed) continue;
      const seconds = checker.durationMicros(track, segment) / 1e6;
      if (seconds >= target + 0.5) {
        throw new Error(`${track.name} ${segment.number} lasts ${seconds} s, target ${target}`);
      }
    }
  }
}

/** A broadcast of one or two random sessions, with everything that must hold of it. */
function randomBroadcast(random: () => number): void {
  const rig = new GateRig();
  rig.session(randomSession(random, 12 + random() * 10));
  if (random() < 0.4) {
    rig.idle(random() * 8_000);
    rig.session(randomSession(random, 8));
  }
  rig.gate.end("stopped", rig.nowMs);
  expectNothingLost(rig);
  expectSegmentsFit(rig);
}

const SEED = Number(process.env["GRANDSTAND_SEED"] ?? Math.floor(Math.random() * 1e9));

describe("whatever encoders send", () => {
  test("stream time and numbers only grow, no frame is lost or repeated, every segment keeps its promise", () => {
    const startedMs = performance.now();
    let runs = 0;
    for (; runs < 400 && performance.now() - startedMs < 4_000; runs++) {
      const seed = SEED + runs;
      const random = randomFrom(seed);
      try {
        randomBroadcast(random);
      } catch (error) {
        throw new Error(`seed ${seed}: ${error instanceof Error ? error.stack : String(error)}`);
      }
    }
    expect(runs).toBeGreaterThan(20);
  });
});
