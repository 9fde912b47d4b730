import { expect, test } from "bun:test";
import type { LinkRecord } from "#link/record.ts";
import type { BroadcastEvent } from "#link/stream-event.ts";
import { FrameFlag } from "#media/frame.ts";
import { TimelineChecker } from "#timeline/timeline-checker.ts";
import { type Encoder, SLATE_MARK, Stage } from "./router-rig.ts";

/*
 * Encoders whose pictures parse and cannot be decoded: each keyframe of the broadcast is judged as it comes.
 */

const SLATE = { continuity: "slate" } as const;

/** A broadcast whose keyframes are judged, and who is seen in it. */
class Show {
  readonly stage: Stage;
  readonly events: BroadcastEvent[] = [];
  readonly checker = new TimelineChecker();
  /** Marks of pictures that are not held ones, with when they came, without repetitions. */
  readonly seen: { readonly mark: number; readonly atMs: number }[] = [];
  heldMs = 0;

  private constructor(stage: Stage) {
    this.stage = stage;
    stage.router.onEvent((event) => this.events.push(event));
  }

  /** Begins with one encoder, which delivers for six seconds. */
  static async open(settings: Parameters<Stage["open"]>[1] = {}): Promise<{ show: Show; first: Encoder }> {
    const stage = await Stage.open();
    const show = new Show(stage);
    const first = show.encoder(1, settings);
    await stage.run(3, first);
    const judge = stage.judge();
    const subscription = stage.router.find("main")?.subscribe({ name: "show", from: "window" });
    stage.onStep = () => {
      judge();
      for (const record of subscription?.take() ?? []) show.#look(record);
    };
    await stage.run(3, first);
    return { show, first };
  }

  encoder(mark: number, settings: Parameters<Stage["open"]>[1] = {}): Encoder {
    const encoder = this.stage.open({ address: `192.0.2.${mark}` }, settings);
    encoder.mark = mark;
    encoder.clockMs = mark * 1_000_000;
    return encoder;
  }

  #look(record: LinkRecord): void {
    this.checker.take(record);
    if (record.type !== "frame" || record.frame.track !== 0) return;
    const { flags, duration, payload } = record.frame;
    const mark = payload.at(-1) ?? -1;
    if ((flags & FrameFlag.SLATE) !== 0) this.heldMs += duration / 90;
    else if (this.seen.at(-1)?.mark !== mark) this.seen.push({ mark, atMs: this.stage.clock.nowMs() });
  }

  get marks(): number[] {
    return this.seen.map(({ mark }) => mark);
  }

  get switches(): unknown[] {
    return this.events.flatMap((event) =>
      event.type === "stream.switched" ? [[Number(event.toAddress.at(-1)), event.why]] : [],
    );
  }

  get problems(): unknown[] {
    return this.stage.router.health("main")?.sessions.map(({ problem }) => problem) ?? [];
  }
}

const PROBLEM = "its pictures cannot be decoded: noise";

test("an encoder whose pictures are damaged is replaced at its second damaged keyframe, and stays off air", async () => {
  const { show, first } = await Show.open();
  const { stage } = show;
  const second = show.encoder(2);
  await stage.run(3, first, second);
  first.isBroken = true;
  const brokenMs = stage.clock.nowMs();
  await stage.run(8, first, second);
  expect(show.switches).toEqual([[2, "undecodable"]]);
  expect(show.marks).toEqual([1, 2]);
  // Two keyframes, which come every two seconds.
  expect((show.seen[1]?.atMs ?? 0) - brokenMs).toBeLessThan(4100);
  expect([show.heldMs, show.problems]).toEqual([0, [PROBLEM, null]]);
  const [told] = stage.observer.named("session.undecodable");
  expect(told).toMatchObject({ level: "warn", fields: { session: 1, why: "noise" } });
  expect(stage.router.health("main")?.warnings).toMatchObject([
    { code: "PICTURES_UNDECODABLE", sentence: `Lavf60 from 192.0.2.1 is kept off air: ${PROBLEM}.` },
  ]);
  // One in two seconds is tried.
  expect(stage.tried).toBeWithin(2, 5);
  await stage.run(20, first, second);
  expect(show.marks).toEqual([1, 2]);
  expect(stage.events("session.undecodable")).toBe(1);
  await stage.router.close();
});

test("it is well again with its first intact keyframe, and steps in as any other", async () => {
  const { show, first } = await Show.open();
  const { stage } = show;
  const second = show.encoder(2);
  await stage.run(3, first, second);
  first.isBroken = true;
  await stage.run(8, first, second);
  first.isBroken = false;
  await stage.run(5, first, second);
  expect(show.problems).toEqual([null, null]);
  expect([show.marks, stage.events("session.decodable")]).toEqual([[1, 2], 1]);
  const { tried } = stage;
  await stage.run(10, first, second);
  expect(stage.tried).toBe(tried);
  second.end();
  await stage.run(3, first);
  expect(show.marks).toEqual([1, 2, 1]);
  await stage.router.close();
});

test("a primary that is preferred waits for ten steady seconds after its pictures are whole again", async () => {
  const settings = { switchBack: "prefer-primary" } as const;
  const { show, first } = await Show.open(settings);
  const { stage } = show;
  const second = show.encoder(2, settings);
  await stage.run(3, first, second);
  first.isBroken = true;
  await stage.run(20, first, second);
  expect(show.marks).toEqual([1, 2]);
  first.isBroken = false;
  const wholeMs = stage.clock.nowMs();
  await stage.run(20, first, second);
  expect(show.marks).toEqual([1, 2, 1]);
  expect((show.seen[2]?.atMs ?? 0) - wholeMs).toBeWithin(10_000, 17_000);
  await stage.router.close();
});

test("where no other encoder delivers, the slate comes at once, and goes when its pictures are whole again", async () => {
  const { show, first } = await Show.open(SLATE);
  const { stage } = show;
  first.isBroken = true;
  await stage.run(8, first);
  expect(show.marks).toEqual([1, SLATE_MARK]);
  expect(stage.router.health("main")).toMatchObject({
    state: "slate",
    sessions: [{ state: "standby", problem: PROBLEM }],
  });
  expect(show.events.slice(1)).toMatchObject([
    { type: "stream.interrupted", why: "undecodable" },
    { type: "stream.slate" },
  ]);
  first.isBroken = false;
  await stage.run(7, first);
  expect(show.marks).toEqual([1, SLATE_MARK, 1]);
  expect(stage.router.health("main")).toMatchObject({ state: "live", sessions: [{ state: "on-air", problem: null }] });
  expect(show.checker.cuts.filter(({ discontinuity }) => discontinuity).length).toBe(2);
  await stage.router.close();
});

test("an encoder that comes meanwhile ends the slate; the damaged one stands by", async () => {
  const { show, first } = await Show.open(SLATE);
  const { stage } = show;
  first.isBroken = true;
  await stage.run(8, first);
  const second = show.encoder(2, SLATE);
  await stage.run(4, first, second);
  expect(show.marks).toEqual([1, SLATE_MARK, 2]);
  expect(show.problems).toEqual([PROBLEM, null]);
  await stage.router.close();
});

test("with `continuity: hold` the picture is held", async () => {
  const { show, first } = await Show.open();
  const { stage } = show;
  first.isBroken = true;
  await stage.run(8, first);
  expect(show.marks).toEqual([1]);
  expect(show.heldMs).toBeGreaterThan(3000);
  expect(stage.router.health("main")?.state).toBe("interrupted");
  first.isBroken = false;
  await stage.run(7, first);
  expect(stage.router.health("main")?.state).toBe("live");
  await stage.router.close();
});

test("an encoder none of whose keyframes ever decoded stays: the decoder may not know the format", async () => {
  const stage = await Stage.open();
  const first = stage.open({}, SLATE);
  first.isBroken = true;
  await stage.run(3, first);
  stage.onStep = stage.judge();
  await stage.run(20, first);
  expect(stage.router.health("main")).toMatchObject({ state: "live", sessions: [{ problem: null }] });
  await stage.router.close();
});

test("an encoder that is damaged from its first picture on is found, too, where pictures of its format were intact before", async () => {
  const { show, first } = await Show.open(SLATE);
  const { stage } = show;
  first.sink.end("lost", stage.clock.nowMs());
  await stage.run(1);
  const again = show.encoder(2, SLATE);
  again.isBroken = true;
  await stage.run(8, again);
  expect(show.problems).toEqual([PROBLEM]);
  expect(show.marks).toEqual([1, SLATE_MARK, 2, SLATE_MARK]);
  again.isBroken = false;
  await stage.run(7, again);
  expect(show.marks.at(-1)).toBe(2);
  await stage.router.close();
});

test("what is said of a keyframe counts for the encoder that sent it, not for one that came on air since", async () => {
  const { show, first } = await Show.open();
  const { stage } = show;
  const second = show.encoder(2);
  await stage.run(3, first, second);
  const beforeMicros = (stage.records().findLast((record) => record.type === "cut")?.startMicros ?? 0) + 500_000;
  first.end();
  await stage.run(4, second);
  const { stream, timelineId } = stage.router.find("main") ?? { stream: "", timelineId: "" };
  const report = (atMicros: number): void =>
    stage.router.judged({ stream, timelineId, atMicros, verdict: "damaged", why: "noise" });
  for (let i = 0; i < 3; i++) report(beforeMicros);
  expect(show.problems).toEqual([null]);
  for (let i = 0; i < 3; i++)
    stage.router.judged({ stream, timelineId: "another", atMicros: 1e17, verdict: "damaged", why: "" });
  expect(show.problems).toEqual([null]);
  for (let i = 0; i < 2; i++) report(beforeMicros + 5_000_000);
  expect(show.problems).toEqual(["its pictures cannot be decoded: noise"]);
  await stage.router.close();
});

test("paths of one encode that are damaged at its source fail together; one damaged on its way leaves alone", async () => {
  const { show, first } = await Show.open(SLATE);
  const { stage } = show;
  const second = show.encoder(2, SLATE);
  [second.mark, first.isDistinct, second.isDistinct] = [1, true, true];
  second.follow(first);
  await stage.run(8, first, second);
  expect(stage.router.health("main")?.sessions.map(({ state }) => state)).toEqual(["on-air", "merged"]);
  first.isBroken = true;
  await stage.run(8, first, second);
  // Only one of them differs: the other one is on air, whichever came first.
  expect(stage.router.health("main")).toMatchObject({ state: "live" });
  const whole = stage.router.health("main")?.sessions.find(({ state }) => state === "on-air");
  expect(whole).toMatchObject({ address: "192.0.2.2", problem: null });
  first.isBroken = false;
  await stage.run(12, first, second);
  expect(
    stage.router
      .health("main")
      ?.sessions.map(({ state }) => state)
      .toSorted(),
  ).toEqual(["merged", "on-air"]);
  [first.isBroken, second.isBroken] = [true, true];
  await stage.run(8, first, second);
  expect([stage.router.health("main")?.state, show.problems]).toEqual(["slate", [PROBLEM, PROBLEM]]);
  await stage.router.close();
});
