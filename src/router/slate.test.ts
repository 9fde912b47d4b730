import { describe, expect, test } from "bun:test";
import type { LinkRecord } from "#link/record.ts";
import type { BroadcastEvent } from "#link/stream-event.ts";
import { TimelineChecker } from "#timeline/timeline-checker.ts";
import { AUDIO, AUDIO_CONFIG, type Encoder, SETTINGS, SLATE_MARK, Stage } from "./router-rig.ts";

/** A subscriber that checks every rule of the timeline and notes who was seen when. */
class Watcher {
  readonly checker = new TimelineChecker();
  readonly #stage: Stage;
  readonly #take: () => LinkRecord[];
  /** Marks of pictures with the time they came at, milliseconds, without repetitions. */
  readonly seen: { readonly mark: number; readonly atMs: number }[] = [];
  /** Longest time between two pictures, milliseconds. */
  longestPauseMs = 0;
  #lastMs: number | undefined;

  constructor(stage: Stage) {
    this.#stage = stage;
    const subscription = stage.router.find("main")?.subscribe({ name: "watcher", from: "window" });
    this.#take = () => subscription?.take() ?? [];
    stage.onStep = () => this.#look();
  }

  #look(): void {
    const nowMs = this.#stage.clock.nowMs();
    for (const record of this.#take()) {
      this.checker.take(record);
      if (record.type !== "frame" || record.frame.track !== 0) continue;
      if (this.#lastMs !== undefined) this.longestPauseMs = Math.max(this.longestPauseMs, nowMs - this.#lastMs);
      this.#lastMs = nowMs;
      const mark = record.frame.payload.at(-1) ?? -1;
      if (this.seen.at(-1)?.mark !== mark) this.seen.push({ mark, atMs: nowMs });
    }
  }

  get marks(): number[] {
    return this.seen.map(({ mark }) => mark);
  }

  get discontinuities(): number {
    return this.checker.cuts.filter(({ discontinuity }) => discontinuity).length;
  }

  /** How far the ends of picture and sound lie apart, milliseconds. */
  get skewMs(): number {
    return Math.abs(this.checker.endMicros(0) - this.checker.endMicros(1)) / 1000;
  }

  /** How far stream time is behind the clock, milliseconds. */
  get behindMs(): number {
    return this.#stage.clock.wallMs() - this.checker.endMicros(0) / 1000;
  }
}

const SLATE = { continuity: "slate" } as const;

async function onAir(settings: Parameters<Stage["open"]>[1] = SLATE): Promise<{
  stage: Stage;
  encoder: Encoder;
  watcher: Watcher;
  events: BroadcastEvent[];
}> {
  const stage = await Stage.open();
  const events: BroadcastEvent[] = [];
  stage.router.onEvent((event) => events.push(event));
  const encoder = stage.open({}, settings);
  encoder.mark = 1;
  await stage.run(6, encoder);
  return { stage, encoder, watcher: new Watcher(stage), events };
}

const types = (events: readonly BroadcastEvent[]): string[] => events.map(({ type }) => type);

describe("an encoder that is lost", () => {
  test("leaves its last picture for a second, then the slate, and is back with its first keyframe", async () => {
    const { stage, encoder, watcher, events } = await onAir();
    await stage.run(2, encoder);
    const lostMs = stage.clock.nowMs();
    encoder.sink.end("lost", lostMs);
    await stage.run(5);
    expect(stage.router.health("main")?.state).toBe("slate");
    expect(watcher.marks).toEqual([1, SLATE_MARK]);
    expect((watcher.seen[1]?.atMs ?? 0) - lostMs).toBeWithin(900, 1200);
    const again = stage.open({ address: "192.0.2.7" }, SLATE);
    again.mark = 2;
    const backMs = stage.clock.nowMs();
    await stage.run(4, again);
    expect(watcher.marks).toEqual([1, SLATE_MARK, 2]);
    expect((watcher.seen[2]?.atMs ?? 0) - backMs).toBeLessThan(100);
    expect(stage.router.health("main")).toMatchObject({ state: "live", counters: { reconnects: 1, switches: 0 } });
    expect(types(events)).toEqual(["stream.live", "stream.interrupted", "stream.slate", "stream.resumed"]);
    expect(watcher.discontinuities).toBe(2);
    expect(watcher.longestPauseMs).toBeLessThan(600);
    expect(watcher.skewMs).toBeLessThan(200);
    expect(Math.abs(watcher.behindMs)).toBeLessThan(600);
    await stage.router.close();
  });

  test("and back within the second never shows the slate", async () => {
    const { stage, encoder, watcher } = await onAir();
    encoder.sink.end("lost", stage.clock.nowMs());
    await stage.run(0.8);
    const again = stage.open({}, SLATE);
    again.mark = 2;
    await stage.run(4, again);
    expect(watcher.marks).toEqual([1, 2]);
    expect(watcher.discontinuities).toBe(0);
    await stage.router.close();
  });

  test("leaves the slate until the grace is over", async () => {
    const { stage, encoder, watcher, events } = await onAir({ ...SLATE, graceSeconds: 20 });
    encoder.sink.end("finished", stage.clock.nowMs());
    await stage.run(22);
    expect(types(events).slice(-2)).toEqual(["stream.slate", "stream.ended"]);
    expect(watcher.checker.ended).toBe(true);
    await stage.router.close();
  });
});

describe("an encoder whose connection stays", () => {
  test("is followed by the slate when it falls silent, and comes back at a keyframe", async () => {
    const { stage, encoder, watcher, events } = await onAir();
    await stage.run(10);
    expect(watcher.marks).toEqual([1, SLATE_MARK]);
    await stage.run(5, encoder);
    expect(watcher.marks).toEqual([1, SLATE_MARK, 1]);
    expect(events.at(1)).toMatchObject({ type: "stream.interrupted", why: "silent" });
    expect(watcher.longestPauseMs).toBeLessThan(1200);
    await stage.router.close();
  });

  test("is followed by the slate when it delivers a fifth of real time, and is back once it has caught up", async () => {
    const { stage, encoder, watcher, events } = await onAir();
    await stage.run(2, encoder);
    encoder.pace = 0.2;
    await stage.run(20, encoder);
    expect(watcher.marks).toEqual([1, SLATE_MARK]);
    expect(events.find(({ type }) => type === "stream.interrupted")).toMatchObject({ why: "late" });
    const message = expect.stringContaining("lower its bitrate");
    expect(stage.observer.named("broadcast.interrupted")).toMatchObject([{ fields: { why: "late" }, message }]);
    expect(watcher.longestPauseMs).toBeLessThan(600);
    expect(Math.abs(watcher.behindMs)).toBeLessThan(600);
    encoder.pace = 1;
    const backMs = stage.clock.nowMs();
    await stage.run(8, encoder);
    expect(watcher.marks).toEqual([1, SLATE_MARK, 1]);
    expect((watcher.seen[2]?.atMs ?? 0) - backMs).toBeLessThan(2100);
    expect(Math.abs(watcher.behindMs)).toBeLessThan(600);
    await stage.router.close();
  });

  test("is followed by the slate a second after its pictures were due, late ones and missing ones together", async () => {
    const { stage, encoder, watcher, events } = await onAir();
    await stage.run(2, encoder);
    const thinMs = stage.clock.nowMs();
    encoder.pace = 0.2;
    await stage.run(0.75, encoder);
    await stage.run(0.7);
    expect(events.at(-1)).toMatchObject({ type: "stream.slate" });
    expect((watcher.seen[1]?.atMs ?? 0) - thinMs).toBeWithin(1100, 1300);
    await stage.router.close();
  });

  test("is followed by the slate as soon where a return has brought stream time ahead", async () => {
    const { stage, encoder, watcher } = await onAir();
    await stage.run(3);
    await stage.run(4, encoder);
    expect(watcher.marks).toEqual([1, SLATE_MARK, 1]);
    const thinMs = stage.clock.nowMs();
    encoder.pace = 0.2;
    await stage.run(3, encoder);
    expect(watcher.marks).toEqual([1, SLATE_MARK, 1, SLATE_MARK]);
    expect((watcher.seen[3]?.atMs ?? 0) - thinMs).toBeWithin(1100, 1300);
    await stage.router.close();
  });

  test("is followed by the slate when nothing of it can be decoded", async () => {
    const { stage, encoder, watcher, events } = await onAir();
    // After a pause a picture can only begin with a keyframe.
    await stage.run(0.95);
    encoder.fault = "no-keyframes";
    await stage.run(5, encoder);
    encoder.fault = "no-pictures";
    await stage.run(4, encoder);
    expect(watcher.marks).toEqual([1, SLATE_MARK]);
    encoder.fault = "none";
    await stage.run(4, encoder);
    expect(watcher.marks).toEqual([1, SLATE_MARK, 1]);
    expect(types(events).filter((type) => type === "stream.slate")).toHaveLength(1);
    await stage.router.close();
  });
});

describe("what a stream wants otherwise", () => {
  test("hold: the last picture stays", async () => {
    const { stage, encoder, watcher } = await onAir({ continuity: "hold" });
    encoder.sink.end("lost", stage.clock.nowMs());
    await stage.run(5);
    expect(watcher.marks).toEqual([1]);
    expect(watcher.discontinuities).toBe(0);
    expect(stage.router.health("main")?.state).toBe("interrupted");
    await stage.router.close();
  });

  test("end: the broadcast is over after a second", async () => {
    const { stage, encoder, watcher, events } = await onAir({ continuity: "end" });
    encoder.sink.end("lost", stage.clock.nowMs());
    await stage.run(0.8);
    expect(watcher.checker.ended).toBe(false);
    await stage.run(0.4);
    expect(watcher.checker.ended).toBe(true);
    expect(events.at(-1)).toMatchObject({ type: "stream.ended", why: "grace-over" });
    await stage.router.close();
  });

  test("a slate that cannot be made leaves the last picture, and is tried again", async () => {
    const stage = await Stage.open();
    stage.refusesSlates = true;
    const encoder = stage.open({}, SLATE);
    await stage.run(6, encoder);
    encoder.sink.end("lost", stage.clock.nowMs());
    await stage.run(5);
    expect(stage.router.health("main")?.state).toBe("interrupted");
    expect(stage.events("slate.failed")).toBe(1);
    stage.refusesSlates = false;
    const again = stage.open({}, SLATE);
    await stage.run(35, again);
    again.sink.end("lost", stage.clock.nowMs());
    await stage.run(3);
    expect(stage.router.health("main")?.state).toBe("slate");
    await stage.router.close();
  });
});

test("while the slate of a file is still being made, the card stands in for it", async () => {
  const { stage, encoder, watcher } = await onAir({ ...SLATE, slateFile: "/clips/a-long-one.mp4" });
  encoder.sink.end("lost", stage.clock.nowMs());
  await stage.run(3);
  expect(watcher.marks).toEqual([1, SLATE_MARK]);
  await stage.router.close();
});

describe("a stream that is always on", () => {
  test("shows its slate before the first encoder and after the last, on one timeline", async () => {
    const stage = await Stage.open();
    const events: BroadcastEvent[] = [];
    stage.router.onEvent((event) => events.push(event));
    const settings = { ...SETTINGS, ...SLATE, alwaysOn: true, graceSeconds: 5 };
    stage.router.keepOnAir(settings);
    await stage.run(5);
    const watcher = new Watcher(stage);
    expect(stage.router.health("main")).toMatchObject({ state: "slate", sessions: [] });
    const encoder = stage.open({}, settings);
    encoder.mark = 1;
    await stage.run(5, encoder);
    encoder.sink.end("finished", stage.clock.nowMs());
    await stage.run(60);
    expect(watcher.marks).toEqual([SLATE_MARK, 1, SLATE_MARK]);
    expect(watcher.longestPauseMs).toBeLessThan(1100);
    expect(types(events)).toEqual(["stream.live", "stream.interrupted", "stream.slate"]);
    const told = stage.router.health("main");
    const stretches = told?.airtime.stretches ?? [];
    expect(stretches.map(({ source, why }) => `${source.kind} ${why}`)).toEqual([
      ...["slate started", "encoder started"],
      ...["held finished", "slate finished"],
    ]);
    expect(stretches[0]?.fromMs).toBe(told?.sinceMs ?? 0);
    stage.router.letGo("main");
    await stage.run(6);
    expect(watcher.checker.ended).toBe(true);
    await stage.router.close();
  });

  test("keeps its slate while an encoder sends sound alone, and says so", async () => {
    const stage = await Stage.open();
    const settings = { ...SETTINGS, ...SLATE, alwaysOn: true };
    stage.router.keepOnAir(settings);
    await stage.run(5);
    const sink = stage.session({}, settings);
    sink.configure(AUDIO, AUDIO_CONFIG, stage.clock.nowMs());
    for (let i = 0; i < 500; i++) {
      const nowMs = stage.clock.nowMs();
      const dts = Math.round((i * 1024) / 48);
      sink.frame({ track: AUDIO, dts, ptsOffset: 0, keyframe: true, payload: Uint8Array.of(1, 2, 3) }, nowMs);
      await stage.run(0.02);
    }
    expect(stage.events("session.pictureless")).toBe(1);
    expect([stage.events("broadcast.slate"), stage.events("broadcast.live")]).toEqual([1, 0]);
    expect(stage.router.health("main")).toMatchObject({ state: "slate", sessions: [{ state: "standby" }] });
    await stage.router.close();
  });

  test("has the format of its last broadcast", async () => {
    const stage = await Stage.open();
    const settings = { ...SETTINGS, ...SLATE, alwaysOn: true, graceSeconds: 1 };
    const encoder = stage.open({}, settings);
    await stage.run(5, encoder);
    encoder.sink.end("finished", stage.clock.nowMs());
    await stage.run(3);
    stage.router.keepOnAir(settings);
    await stage.run(5);
    const [picture] = stage.router.find("main")?.subscribe({ name: "test", from: "live" }).take() ?? [];
    expect(picture).toMatchObject({ type: "hello", tracks: [{ config: { width: 1280, height: 720 } }, {}] });
    await stage.router.close();
  });
});
