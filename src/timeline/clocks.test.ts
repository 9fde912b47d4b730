import { describe, expect, test } from "bun:test";
import { type Frame, FrameFlag } from "#media/frame.ts";
import { ticksToMicros } from "#time/ticks.ts";
import { GateRig } from "./gate-rig.ts";
import {
  AUDIO,
  encode,
  type EncoderOptions,
  type Fault,
  idOf,
  randomFrom,
  type SimulatedFrame,
  VIDEO,
} from "./test-encoder.ts";

/*
 * Clocks of encoders at their worst, with B-frames, and sessions that are cut off anywhere: what is shown is in order, sound stays with its picture,
 * and nothing is lost that viewers could have had.
 */

const RATES = [24_000, 25_000, 29_970, 30_000, 50_000, 60_000] as const;
/** Stamps that encoders begin with: just before the wraps, and anywhere. */
const STARTS = [0, 2 ** 31 - 3_000, 2 ** 32 - 3_000, 123_456_789] as const;
const JUMPS = [3_600_000, -3_600_000, 5_000, -5_000, 100, -100] as const;
/** After this long without a fault sound and picture are together again, milliseconds. */
const SETTLED_MS = 2_000;
/** Of two sessions' sound at a change one has to go: that much of it, milliseconds. */
const JOINT_MS = 150;
/** How far they may then be apart, milliseconds. */
const LIPS_MS_MAX = 50;

function pick<T>(random: () => number, from: readonly T[]): T {
  const value = from[Math.floor(random() * from.length)];
  if (value === undefined) throw new Error("nothing to pick");
  return value;
}

/** One session, and how much of it arrives. */
interface Take {
  readonly options: EncoderOptions;
  readonly frames: readonly SimulatedFrame[];
  readonly kept: number;
}

function randomFaults(random: () => number, seconds: number, startStamp: number): Fault[] {
  const faults: Fault[] = [];
  let stamp = startStamp;
  for (let at = 2 + random() * 2; at < seconds - 3; at += 2.5 + random() * 2) {
    const kind = random();
    const atSeconds = at;
    if (kind < 0.25) faults.push({ kind: "corrupt", atSeconds, ms: Math.round((random() - 0.5) * 2 ** 32) });
    else if (kind < 0.85) {
      const restart = -(stamp + Math.floor(at * 1000));
      const ms = random() < 0.3 ? restart : pick(random, JUMPS);
      const soundLaterMs = random() < 0.5 ? 0 : Math.round((random() - 0.5) * 200);
      faults.push({ kind: "jump", atSeconds, ms, soundLaterMs });
      stamp += ms;
    }
  }
  return faults;
}

function randomSession(random: () => number, seconds: number): EncoderOptions {
  const rate = { num: pick(random, RATES), den: 1000 };
  const startStamp = pick(random, STARTS);
  const bFrames = pick(random, [0, 2, 2, 3]);
  return {
    seconds,
    seed: Math.floor(random() * 1e9),
    startStamp,
    skewMs: Math.round((random() - 0.5) * 200),
    jitterMs: pick(random, [0, 2, 20]),
    faults: randomFaults(random, seconds, startStamp),
    video: {
      rate,
      gopFrames: Math.round((rate.num / 1000) * pick(random, [1, 2, 2.3])),
      irregular: random() < 0.2,
      bFrames,
      pyramid: random() < 0.5,
      claimsRate: random() < 0.7,
    },
    audio: { sampleRate: 48_000 },
  };
}

function play(rig: GateRig, options: EncoderOptions, keptShare: number): Take {
  const frames = encode(options, rig.nowMs);
  const kept = Math.ceil(frames.length * keptShare);
  rig.gate.openSession(rig.nowMs);
  rig.announce(options);
  rig.feed(frames.slice(0, kept));
  return { options, frames, kept };
}

/** What is shown follows what was shown: each picture that begins anew comes after all before it, and the others in the order they were made in. */
function expectInOrder(rig: GateRig, takes: readonly Take[]): void {
  const stepped = steppedFrames(takes);
  let latest = Number.NEGATIVE_INFINITY;
  let group: { pts: number; meant: number }[] = [];
  let isStepped = false;
  const closeGroup = (): void => {
    const shown = isStepped ? [] : group.toSorted((a, b) => a.pts - b.pts);
    isStepped = false;
    for (const [i, { pts, meant }] of shown.entries()) {
      const before = shown[i - 1];
      if (before !== undefined && (before.pts === pts || before.meant >= meant))
        throw new Error(`what was meant for ${meant} is shown at ${pts}, ${before.meant} at ${before.pts}`);
    }
    group = [];
  };
  for (const frame of rig.checker.frames(0)) {
    const pts = frame.dts + frame.ptsOffset;
    const name = `picture ${frame.segment}/${frame.index}`;
    if ((frame.flags & FrameFlag.KEY) !== 0) {
      closeGroup();
      if (pts <= latest) throw new Error(`${name} begins ${latest - pts} ticks before one that came before it`);
      group.push({ pts, meant: meantOf(rig, frame) ?? Number.NEGATIVE_INFINITY });
    } else group.push({ pts, meant: meantOf(rig, frame) ?? 0 });
    if (stepped.has(idOf(frame.payload) ?? 0)) isStepped = true;
    latest = Math.max(latest, pts);
    if (frame.ptsOffset < -40_000 || frame.ptsOffset > 100_000)
      throw new Error(`${name} is shown ${frame.ptsOffset} ticks after its decode time`);
  }
  closeGroup();
}

/** Frames at which a clock steps by so little that pictures may be missing as well: around them stamps are taken as they are. */
function steppedFrames(takes: readonly Take[]): Set<number> {
  const stepped = new Set<number>();
  for (const { options, frames } of takes) {
    for (const { kind, ms, atSeconds } of options.faults ?? []) {
      if (kind !== "jump" || Math.abs(ms | 0) > 300) continue;
      for (const { id, presentedMs } of frames) if (Math.abs(presentedMs - atSeconds * 1000) < 400) stepped.add(id);
    }
  }
  return stepped;
}

function meantOf(rig: GateRig, frame: Frame): number | undefined {
  const id = idOf(frame.payload);
  return id === undefined || (frame.flags & FrameFlag.SLATE) !== 0 ? undefined : rig.sent.get(id)?.presentedMs;
}

/** When each frame came out, milliseconds of stream time, by its number. */
function shownTimes(rig: GateRig): Map<number, number> {
  const times = new Map<number, number>();
  for (const [id, track] of rig.checker.everyTrack) {
    for (const frame of rig.checker.frames(id)) {
      const number = idOf(frame.payload);
      if (number === undefined || (frame.flags & FrameFlag.SLATE) !== 0) continue;
      if (times.has(number)) throw new Error(`frame ${number} comes twice`);
      times.set(number, ticksToMicros(frame.dts + frame.ptsOffset, track.timescale) / 1000);
    }
  }
  return times;
}

/** All that was delivered is there, but for sound from before the first picture. */
function expectNothingLost({ frames, kept }: Take, shown: ReadonlyMap<number, number>): void {
  const first = frames.find(({ raw }) => raw.track === VIDEO)?.presentedMs ?? 0;
  const last = frames[kept - 1]?.presentedMs ?? 0;
  for (const { raw, id, presentedMs } of frames.slice(0, kept)) {
    if (shown.has(id) || (raw.track === AUDIO && (presentedMs < first + JOINT_MS || presentedMs > last - JOINT_MS)))
      continue;
    throw new Error(`${raw.track.kind} of ${presentedMs} ms is lost`);
  }
}

function hasHole({ options }: Take): boolean {
  return options.faults?.some(({ kind }) => kind === "hole") ?? false;
}

/** Wherever the clock was right for a while, sound and picture are as the encoder meant them. */
function expectLips({ options, frames, kept }: Take, shown: ReadonlyMap<number, number>): void {
  const calm = (ms: number): boolean =>
    ms > SETTLED_MS &&
    (options.faults ?? []).every(({ atSeconds, kind, ms: lasts }) => {
      const since = ms - atSeconds * 1000 - (kind === "hole" ? lasts : 0);
      return since < -300 || since > SETTLED_MS;
    });
  const late = { video: [] as { at: number; ms: number }[], audio: [] as { at: number; ms: number }[] };
  for (const { raw, id, presentedMs } of frames.slice(0, kept)) {
    const at = shown.get(id);
    if (at !== undefined && calm(presentedMs)) late[raw.track.kind].push({ at: presentedMs, ms: at - presentedMs });
  }
  let from = 0;
  for (const { at, ms } of late.video) {
    while ((late.audio[from]?.at ?? Number.POSITIVE_INFINITY) < at - 25) from++;
    const sound = late.audio[from];
    if (sound === undefined || Math.abs(sound.at - at) > 50) continue;
    if (Math.abs(sound.ms - ms) > LIPS_MS_MAX)
      throw new Error(`sound of ${at} ms is ${Math.round(sound.ms - ms)} ms late against its picture`);
  }
}

/** Ends the broadcast and looks at all of it. */
function expectWell(rig: GateRig, takes: readonly Take[]): void {
  rig.gate.end("stopped", rig.nowMs);
  expectInOrder(rig, takes);
  const shown = shownTimes(rig);
  for (const take of takes) {
    if (!hasHole(take)) expectNothingLost(take, shown);
    expectLips(take, shown);
  }
}

/** The same broadcasts each time; `GRANDSTAND_SEED=n` tries others, and a failure names its seed. */
const SEED = Number(process.env["GRANDSTAND_SEED"] ?? 1);
const RUNS = 60;

function forSeeds(run: (random: () => number, rig: GateRig) => void, runs: number = RUNS): void {
  for (let seed = SEED; seed < SEED + runs; seed++) {
    try {
      run(randomFrom(seed), new GateRig());
    } catch (error) {
      throw new Error(`seed ${seed}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
    }
  }
}

/** Sessions one after the other, each cut off anywhere, with or without a pause between. */
function playCutOff(random: () => number, rig: GateRig, sessions: readonly EncoderOptions[]): Take[] {
  return sessions.map((options) => {
    const take = play(rig, options, 0.4 + random() * 0.6);
    if (random() < 0.5) {
      if (random() < 0.7) rig.gate.closeSession(rig.nowMs);
      rig.idle(random() * pick(random, [50, 400, 3_000]));
    }
    return take;
  });
}

describe("encoders whose clocks go wrong", () => {
  test("within a session: wraps, restarts, jumps, corrupt stamps", () => {
    forSeeds((random, rig) => expectWell(rig, [play(rig, randomSession(random, 14), 1)]));
  });

  test("not at all, but sessions are cut off anywhere", () => {
    forSeeds((random, rig) => {
      const sessions = [1, 2, 3, 4].map(() => ({ ...randomSession(random, 8), faults: [] }));
      expectWell(rig, playCutOff(random, rig, sessions));
    });
  });

  test("in sessions that are cut off anywhere", () => {
    forSeeds((random, rig) => {
      const sessions = [1, 2, 3].map(() => randomSession(random, 12));
      expectWell(rig, playCutOff(random, rig, sessions));
    });
  });

  test("while a track is away for a minute", () => {
    forSeeds((random, rig) => {
      const track = random() < 0.5 ? AUDIO : VIDEO;
      const away: Fault = { kind: "hole", atSeconds: 4, ms: 60_000, track };
      const jump: Fault = { kind: "jump", atSeconds: 20 + random() * 20, ms: pick(random, JUMPS) };
      const faults = random() < 0.5 ? [away] : [away, jump];
      expectWell(rig, [play(rig, { ...randomSession(random, 75), faults }, 1)]);
    }, 10);
  });
});

const CLEAN = {
  seconds: 12,
  video: { rate: { num: 30, den: 1 }, gopFrames: 60, bFrames: 2 },
  audio: { sampleRate: 48_000 },
} as const satisfies EncoderOptions;

function stampsOf(rig: GateRig): number[][] {
  return [0, 1].flatMap((id) =>
    rig.checker
      .frames(id)
      .map(({ segment, index, dts, ptsOffset, duration, flags }) => [segment, index, dts, ptsOffset, duration, flags]),
  );
}

describe("a clock that jumps", () => {
  for (const ms of [3_600_000, -3_600_000, 5_000, -5_000, -100, -5_300, 2 ** 31]) {
    for (const soundLaterMs of [0, 70, -70]) {
      test(`by ${ms} ms, sound ${soundLaterMs} ms after picture, changes no stamp of ours`, () => {
        const [plain, hurt] = [[], [{ kind: "jump" as const, atSeconds: 5.3, ms, soundLaterMs }]].map((faults) => {
          const rig = new GateRig();
          rig.session({ ...CLEAN, faults });
          rig.gate.end("stopped", rig.nowMs);
          return stampsOf(rig);
        });
        expect(hurt).toEqual(plain ?? []);
      });
    }
  }

  test("because the encoder was away for three seconds goes on after them", () => {
    const rig = new GateRig();
    const faults: Fault[] = [
      { kind: "hole", atSeconds: 5, ms: 3_000 },
      { kind: "jump", atSeconds: 5, ms: -5_000 },
    ];
    expectWell(rig, [play(rig, { ...CLEAN, faults }, 1)]);
    const [first, last] = [rig.checker.frames(0)[0], rig.checker.frames(0).at(-1)];
    expect(Math.abs(((last?.dts ?? 0) - (first?.dts ?? 0)) / 90_000 - 12)).toBeLessThan(0.3);
  });
});

describe("pictures at a change of sessions", () => {
  test("are shown in order where those that belong between never came", () => {
    const rig = new GateRig();
    const frames = encode(CLEAN, 0).filter(({ raw }) => raw.track === VIDEO);
    // The last one that comes is shown four frames after it is decoded: two that are shown before it are lost.
    const last = frames.findLastIndex(({ raw }) => raw.ptsOffset > 120);
    rig.gate.openSession(0);
    rig.announce({ seconds: 12, video: CLEAN.video });
    rig.feed(frames.slice(0, last + 1));
    const [before] = rig.checker.frames(0).slice(-1);
    expectWell(rig, [play(rig, { seconds: 12, video: CLEAN.video }, 1)]);
    const after = rig.checker.frames(0)[last + 1];
    const shown = (frame: Frame | undefined): number => (frame?.dts ?? 0) + (frame?.ptsOffset ?? 0);
    expect((after?.flags ?? 0) & (FrameFlag.KEY | FrameFlag.SLATE)).toBe(FrameFlag.KEY);
    expect(shown(after) - shown(before)).toBe(3_000);
  });

  test("have no older one between them, also where sound had come further than its picture", () => {
    for (const skewMs of [-80, -40, 0, 40]) {
      const rig = new GateRig();
      const takes = [0.7, 0.8, 1].map((share) => play(rig, { ...CLEAN, skewMs }, share));
      expectWell(rig, takes);
      expect(rig.gate.counters.held).toBe(0);
    }
  });

  test("that are shown before the first keyframe refer to what is not there: they are left out, once", () => {
    const rig = new GateRig();
    // Open groups: the two pictures after each keyframe are shown before it.
    const session = encode(CLEAN, 0).map((frame) => {
      const { raw } = frame;
      const isLeading = raw.track === VIDEO && !raw.keyframe && raw.dts % 2_000 > 0 && raw.dts % 2_000 < 80;
      return isLeading ? { ...frame, raw: { ...raw, ptsOffset: -33 } } : frame;
    });
    rig.gate.openSession(0);
    rig.announce(CLEAN);
    rig.feed(session);
    rig.gate.end("stopped", rig.nowMs);
    const leading = session.filter(({ raw }) => raw.track === VIDEO && raw.dts % 2_000 > 0 && raw.dts % 2_000 < 80);
    const shown = shownTimes(rig);
    expect(leading.filter(({ id }) => !shown.has(id)).map(({ raw }) => raw.dts)).toEqual([33, 66]);
    expect(leading.length).toBeGreaterThan(8);
  });
});
