import { afterEach, expect, test } from "bun:test";
import { LiveBroadcast } from "#link/live-broadcast.ts";
import type { EndReason } from "#link/record.ts";
import type { LinkSource } from "#link/subscription.ts";
import { FrameFlag } from "#media/frame.ts";
import { VIDEO_TIMESCALE } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { systemClock } from "#time/system-clock.ts";
import { type KeyframeReport, type PictureMaker, type Pictures, startPictures } from "./index.ts";
import { type CodedKeyframe, makeKeyframe } from "./keyframe-rig.ts";
import { type PictureOutcome, PictureProcess } from "./picture-process.ts";
import type { KeyframeVerdict, PictureJob } from "./picture-wire.ts";
import type { Picture, Still } from "./storyboard.ts";

const RED = makeKeyframe("avc", { size: "640x360", source: "color=red:" });
const BLUE = makeKeyframe("avc", { size: "640x360", source: "color=blue:" });
const rigs: Rig[] = [];

afterEach(async () => {
  await Promise.all(rigs.splice(0).map(({ pictures }) => pictures.close()));
});

interface Rig {
  readonly pictures: Pictures;
  readonly clock: SimulatedClock;
  readonly observer: RecordingObserver;
  readonly metrics: Metrics;
  broadcast(stream: string, options?: { readonly windowSeconds: number }): Broadcast;
}

/** A broadcast that a test feeds by hand. */
class Broadcast {
  readonly live: LiveBroadcast;
  #segment = 100;

  constructor(stream: string, { config }: CodedKeyframe, windowSeconds: number) {
    const track = { id: 0, name: "source", timescale: VIDEO_TIMESCALE, config };
    this.live = new LiveBroadcast({
      type: "hello",
      stream,
      timelineId: `${stream}-timeline`,
      fence: 1,
      originMicros: 0,
      tracks: [track],
      segmentDurationMicros: 2_000_000,
      targetDurationSeconds: 2,
      partTargetMicros: 500_000,
      windowMicros: windowSeconds * 1_000_000,
    });
  }

  /** Publishes a segment of two frames, of which the first is the keyframe. */
  segment({ payload }: { payload: Uint8Array }, further = 0): void {
    const segment = this.#segment++;
    const startMicros = segment * 2_000_000;
    this.live.publish({
      type: "cut",
      segment,
      startMicros,
      discontinuitySequence: 0,
      periodStartMicros: 0,
      discontinuity: false,
    });
    const frame = { track: 0, segment, dts: segment * 180_000, ptsOffset: 4500, duration: 90_000 };
    const flags = FrameFlag.KEY | FrameFlag.CUT | FrameFlag.INDEPENDENT | further;
    this.live.publish({ type: "frame", frame: { ...frame, index: 0, flags, payload } });
    const rest = { index: 1, dts: frame.dts + 90_000, flags: 0, payload: new Uint8Array(9) };
    this.live.publish({ type: "frame", frame: { ...frame, ...rest } });
  }

  end(why: EndReason): void {
    this.live.publish({ type: "end", why });
  }
}

async function start(process: PictureMaker): Promise<Rig> {
  const [clock, observer, metrics] = [new SimulatedClock(), new RecordingObserver(), new Metrics()];
  const listeners: ((source: LinkSource) => void)[] = [];
  const directory = {
    broadcasts: () => [],
    onStarted: (listener: (source: LinkSource) => void) => {
      listeners.push(listener);
      return () => undefined;
    },
  };
  const pictures = await startPictures({ directory, clock, observer, metrics, process });
  const broadcast = (stream: string, { windowSeconds } = { windowSeconds: 30 }): Broadcast => {
    const made = new Broadcast(stream, RED, windowSeconds);
    for (const listener of listeners) listener(made.live);
    return made;
  };
  const rig = { pictures, clock, observer, metrics, broadcast };
  rigs.push(rig);
  return rig;
}

async function eventually(condition: () => boolean, what: string): Promise<void> {
  const deadlineMs = systemClock.nowMs() + 8000;
  while (!condition()) {
    if (systemClock.nowMs() > deadlineMs) throw new Error(`waited in vain for ${what}`);
    await new Promise(setImmediate);
  }
}

/** Lets everything run that is ready to. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
}

/** Answers when the test says so. */
class SlowMaker implements PictureMaker {
  readonly jobs: PictureJob[] = [];
  stops = 0;
  #answer: ((outcome: PictureOutcome) => void) | undefined;

  make(job: PictureJob): Promise<PictureOutcome> {
    this.jobs.push(job);
    const { promise, resolve } = Promise.withResolvers<PictureOutcome>();
    this.#answer = resolve;
    return promise;
  }

  stop(): Promise<void> {
    this.stops++;
    this.answer({ kind: "lost", why: "it was stopped" });
    return Promise.resolve();
  }

  answer(outcome: { kind: "lost" | "none"; why: string } | { kind: "picture"; verdict?: KeyframeVerdict }): void {
    const id = this.jobs.at(-1)?.id ?? 0;
    const bytes = Uint8Array.of(this.jobs.length);
    if (outcome.kind === "picture") this.#answer?.({ id, verdict: "intact", why: "", bytes, still: bytes, ...outcome });
    else this.#answer?.({ id, verdict: "damaged", ...outcome });
  }
}

test("a stream has the picture of its first keyframe, and a newer one about every five seconds", async () => {
  const worker = new PictureProcess(systemClock);
  const { pictures, clock, broadcast, observer } = await start(worker);
  const main = broadcast("main");
  expect(pictures.poster("main")).toBeUndefined();
  main.segment(RED);
  await eventually(() => pictures.poster("main") !== undefined, "the first picture");
  const first = pictures.poster("main");
  expect(first).toMatchObject({ contentType: "image/webp", version: "main-timeline-100-0" });
  await clock.advance(2000);
  main.segment(BLUE);
  await settle();
  expect(pictures.poster("main")).toBe(first);
  await clock.advance(3000);
  main.segment(BLUE);
  await eventually(() => pictures.poster("main") !== first, "the second picture");
  expect(pictures.poster("main")?.version).toBe("main-timeline-102-0");
  expect(pictures.poster("main")?.bytes).not.toEqual(first?.bytes);
  main.end("stopped");
  await eventually(() => worker.pid === undefined, "the end of the worker");
  expect(observer.events).toEqual([]);
}, 15_000);

test("the last picture stays for a minute after the end, and through the start of the next broadcast", async () => {
  const maker = new SlowMaker();
  const { pictures, clock, broadcast } = await start(maker);
  const first = broadcast("main");
  first.segment(RED);
  await settle();
  maker.answer({ kind: "picture" });
  await settle();
  const poster = pictures.poster("main");
  expect(poster).toBeDefined();
  first.end("grace-over");
  await settle();
  expect(maker.stops).toBe(1);
  await clock.advance(59_000);
  expect(pictures.poster("main")).toBe(poster);
  const second = broadcast("main");
  await clock.advance(2000);
  await settle();
  expect(pictures.poster("main")).toBe(poster);
  second.end("stopped");
  await settle();
  await clock.advance(60_000);
  await settle();
  expect(pictures.poster("main")).toBeUndefined();
});

test("the stills of the live window have the times of their keyframes, and outlive a broadcast as its window does", async () => {
  const maker = new SlowMaker();
  const { pictures, clock, broadcast } = await start(maker);
  const main = broadcast("main", { windowSeconds: 90 });
  expect(pictures.storyboard("main")).toBeUndefined();
  for (let i = 0; i < 40; i++) {
    main.segment(RED);
    await settle();
    if (i % 3 === 0) maker.answer({ kind: "picture" });
    await settle();
    await clock.advance(2000);
  }
  const { timelineId, originMicros, stills = [] } = pictures.storyboard("main") ?? {};
  expect([timelineId, originMicros]).toEqual(["main-timeline", 0]);
  expect(stills.map(({ version }) => version)).toEqual(
    Array.from({ length: 14 }, (_, i) => `main-timeline-${100 + 3 * i}-0`),
  );
  // Shown a twentieth of a second after their decode time.
  expect(stills.map(({ atMicros }) => atMicros)).toEqual(
    Array.from({ length: 14 }, (_, i) => (100 + 3 * i) * 2_000_000 + 50_000),
  );
  expect(stills[0]).toMatchObject({ contentType: "image/webp", width: 160, height: 90, bytes: Uint8Array.of(1) });
  expect(pictures.still("main", "main-timeline-103-0")).toBe(stills[1] as Still);
  for (const version of ["main-timeline-104-0", "", "__proto__"])
    expect(pictures.still("main", version)).toBeUndefined();
  expect(pictures.still("other", "main-timeline-103-0")).toBeUndefined();
  for (let i = 0; i < 10; i++) main.segment(RED);
  await settle();
  expect(pictures.storyboard("main")?.stills[0]?.version).toBe("main-timeline-103-0");
  main.end("stopped");
  await settle();
  await clock.advance(89_000);
  expect(pictures.poster("main")).toBeUndefined();
  expect(pictures.storyboard("main")?.stills.length).toBe(13);
  await clock.advance(1000);
  await settle();
  expect(pictures.storyboard("main")).toBeUndefined();
});

test("a stream that is removed takes its picture with it", async () => {
  const maker = new SlowMaker();
  const { pictures, broadcast } = await start(maker);
  const main = broadcast("main");
  main.segment(RED);
  await settle();
  maker.answer({ kind: "picture" });
  await settle();
  expect(pictures.poster("main")).toBeDefined();
  main.end("removed");
  await settle();
  expect(pictures.poster("main")).toBeUndefined();
});

test("while the worker is busy one keyframe of each stream waits: the newest", async () => {
  const maker = new SlowMaker();
  const { pictures, clock, broadcast } = await start(maker);
  const [one, two] = [broadcast("one"), broadcast("two")];
  one.segment(RED);
  await settle();
  two.segment(RED);
  two.segment(BLUE);
  await settle();
  await clock.advance(5000);
  for (let i = 0; i < 5; i++) one.segment(RED);
  one.segment(BLUE);
  await settle();
  expect(maker.jobs.length).toBe(1);
  for (const count of [2, 3, 3]) {
    maker.answer({ kind: "picture" });
    await settle();
    expect(maker.jobs.length).toBe(count);
  }
  expect(maker.jobs.map(({ keyframe }) => keyframe)).toEqual([RED.payload, BLUE.payload, BLUE.payload]);
  expect(pictures.poster("one")?.version).toBe("one-timeline-106-0");
  expect(pictures.poster("two")?.version).toBe("two-timeline-101-0");
});

test("a keyframe that costs a worker is told in one line; its stream pauses, others go on", async () => {
  const maker = new SlowMaker();
  const { pictures, clock, broadcast, observer, metrics } = await start(maker);
  const [bad, good] = [broadcast("bad"), broadcast("good")];
  bad.segment(RED);
  await settle();
  maker.answer({ kind: "lost", why: "it ended with SIGSEGV" });
  good.segment(RED);
  await settle();
  maker.answer({ kind: "picture" });
  await settle();
  expect(pictures.poster("good")).toBeDefined();
  const lost = { stream: "bad", why: "it ended with SIGSEGV" };
  expect(observer.events.map(({ name, fields }) => [name, fields])).toEqual([["pictures.worker.lost", lost]]);
  await clock.advance(29_000);
  bad.segment(RED);
  await settle();
  expect(maker.jobs.length).toBe(2);
  await clock.advance(1000);
  bad.segment(RED);
  await settle();
  expect(maker.jobs.length).toBe(3);
  maker.answer({ kind: "picture" });
  await settle();
  expect(pictures.poster("bad")).toBeDefined();
  expect(metrics.render()).toContain("grandstand_pictures_made_total 2");
  expect(metrics.render()).toContain("grandstand_pictures_failed_total 1");
});

test("a damaged keyframe is told, makes no picture where others did, and the very next one is decoded", async () => {
  const maker = new SlowMaker();
  const { pictures, clock, broadcast } = await start(maker);
  const reports: KeyframeReport[] = [];
  pictures.onReport((report) => reports.push(report));
  const main = broadcast("main");
  const decode = async (verdict: KeyframeVerdict, stepMs: number): Promise<number> => {
    main.segment(RED);
    await settle();
    maker.answer({ kind: "picture", verdict });
    await settle();
    await clock.advance(stepMs);
    return maker.jobs.length;
  };
  expect(await decode("intact", 5000)).toBe(1);
  const poster = pictures.poster("main");
  expect(await decode("damaged", 100)).toBe(2);
  expect(await decode("damaged", 100)).toBe(3);
  // From the second one on it is as rare as ever.
  main.segment(RED);
  await settle();
  expect(maker.jobs.length).toBe(3);
  expect(pictures.poster("main")).toBe(poster as Picture);
  await clock.advance(5000);
  expect(await decode("unknown", 5000)).toBe(4);
  expect(await decode("intact", 5000)).toBe(5);
  const at = (segment: number): object => ({
    stream: "main",
    timelineId: "main-timeline",
    atMicros: segment * 2_000_000 + 50_000,
  });
  expect(reports).toEqual([
    { ...at(100), verdict: "intact", why: "" },
    { ...at(101), verdict: "damaged", why: "" },
    { ...at(102), verdict: "damaged", why: "" },
    { ...at(105), verdict: "intact", why: "" },
  ] as KeyframeReport[]);
});

test("a held picture is not judged, and a stream whose keyframes never decode whole has pictures all the same", async () => {
  const maker = new SlowMaker();
  const { pictures, broadcast } = await start(maker);
  const reports: KeyframeReport[] = [];
  const stop = pictures.onReport((report) => reports.push(report));
  const main = broadcast("main");
  main.segment(RED, FrameFlag.SLATE);
  await settle();
  maker.answer({ kind: "picture", verdict: "damaged" });
  await settle();
  expect(pictures.poster("main")).toBeDefined();
  expect(reports).toEqual([]);
  stop();
});

test("keyframes of encoders that are not on air are judged by the same worker, beside the pictures", async () => {
  const maker = new SlowMaker();
  const { pictures, broadcast } = await start(maker);
  expect(await pictures.judge(RED.config, RED.payload)).toMatchObject({ verdict: "unknown" });
  const main = broadcast("main");
  main.segment(RED);
  await settle();
  const judged = Array.from({ length: 9 }, () => pictures.judge(BLUE.config, BLUE.payload));
  // One more than may wait.
  expect(await judged[8]).toMatchObject({ verdict: "unknown" });
  maker.answer({ kind: "picture" });
  await settle();
  expect(maker.jobs[1]).toMatchObject({ keyframe: BLUE.payload, width: 0, height: 0 });
  maker.answer({ kind: "none", why: "broken" });
  expect(await judged[0]).toMatchObject({ verdict: "damaged", why: "broken" });
  await settle();
  maker.answer({ kind: "lost", why: "it crashed" });
  expect(await judged[1]).toMatchObject({ verdict: "unknown" });
  await settle();
  await pictures.close();
  for (const last of await Promise.all(judged.slice(2))) expect(last.verdict).toBe("unknown");
  expect(maker.jobs.length).toBe(4);
});

test("keyframes that give no picture are told once", async () => {
  const maker = new SlowMaker();
  const { pictures, clock, broadcast, observer } = await start(maker);
  const main = broadcast("main");
  for (let i = 0; i < 3; i++) {
    main.segment(RED);
    await settle();
    maker.answer({ kind: "none", why: "damaged" });
    await settle();
    await clock.advance(5000);
  }
  expect(maker.jobs.length).toBe(3);
  expect(observer.named("pictures.keyframe.refused").length).toBe(1);
  expect(pictures.poster("main")).toBeUndefined();
});
