import { afterEach, describe, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import type { LiveBroadcast } from "#link/live-broadcast.ts";
import { FrameFlag, type RawFrame } from "#media/frame.ts";
import type { Track } from "#media/track.ts";
import { RecordingObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import { systemClock } from "#time/system-clock.ts";
import {
  audioTrack,
  AVC_RECORD,
  DirectoryUnderTest,
  PICTURES,
  publishSegments,
  segmentRecords,
  videoTrack,
} from "./broadcast-under-test.ts";
import { type Restream, startRestream } from "./index.ts";
import type { RestreamTarget, TargetDirectory, TargetStatus } from "./ports.ts";
import { type ReceiverUnderTest, startReceiver } from "./receiver-under-test.ts";

/** Of x264, for another picture than the source's. */
const SLATE_RECORD = Uint8Array.fromHex(
  "014d4015ffe10019674d4015eca0f047f580880000030008000003019078b16cb001000568ebe3cb20",
);
const TRACKS: readonly Track[] = [videoTrack(0, "source"), audioTrack(1, "audio")];
const KEY = "key-0123456789-abcdef";

/** The catalogue's targets of stream `main`. */
class TargetsUnderTest implements TargetDirectory {
  #targets: readonly RestreamTarget[] = [];
  readonly #listeners = new Set<(stream: string) => void>();

  targetsOf(stream: string): readonly RestreamTarget[] {
    return stream === "main" ? this.#targets : [];
  }

  onChange(listener: (stream: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(...targets: RestreamTarget[]): void {
    this.#targets = targets;
    for (const listener of this.#listeners) listener("main");
  }
}

interface Stage {
  readonly restream: Restream;
  readonly directory: DirectoryUnderTest;
  readonly targets: TargetsUnderTest;
  readonly observer: RecordingObserver;
  readonly metrics: Metrics;
  /** Of the target with this id. */
  status(id: string): TargetStatus;
}

const stages: Stage[] = [];
const receivers: ReceiverUnderTest[] = [];

afterEach(async () => {
  await Promise.all(stages.splice(0).map(({ restream }) => restream.close()));
  for (const receiver of receivers.splice(0)) await receiver[Symbol.asyncDispose]();
});

async function makeStage(...targets: RestreamTarget[]): Promise<Stage> {
  const around = { directory: new DirectoryUnderTest(), observer: new RecordingObserver(), metrics: new Metrics() };
  const catalogue = new TargetsUnderTest();
  catalogue.set(...targets);
  const restream = await startRestream({ ...around, targets: catalogue, clock: systemClock });
  const status = (id: string): TargetStatus => {
    const found = restream.statusOf("main").find((one) => one.id === id);
    if (found === undefined) throw new Error(`no target ${id}`);
    return found;
  };
  const stage = { ...around, targets: catalogue, restream, status };
  stages.push(stage);
  return stage;
}

async function receive(): Promise<ReceiverUnderTest> {
  const receiver = await startReceiver();
  receivers.push(receiver);
  return receiver;
}

function targetAt({ url }: ReceiverUnderTest, change: Partial<RestreamTarget> = {}): RestreamTarget {
  return { id: "a", name: "Elsewhere", url, key: KEY, rendition: "source", enabled: true, ...change };
}

function pictures(receiver: ReceiverUnderTest, publication = 0): number[] {
  const frames = receiver.publications[publication]?.frames ?? [];
  return frames.filter(({ track }) => track.kind === "video").map(({ dts }) => dts);
}

/** Publishes further segments until told to stop, as fast as everybody else lets it. */
function goOn(broadcast: LiveBroadcast, first: number, payloadBytes: number): { stop: () => number } {
  let segment = first;
  const timer = setInterval(() => publishSegments(broadcast, TRACKS, [segment++], { payloadBytes }), 20);
  return {
    stop: () => {
      clearInterval(timer);
      return segment;
    },
  };
}

describe("a target", () => {
  test("gets what is on air from a keyframe on, and a goodbye at the end; then it waits for the next broadcast", async () => {
    const receiver = await receive();
    const stage = await makeStage(targetAt(receiver));
    expect(stage.status("a").state).toBe("waiting");
    const broadcast = stage.directory.start(TRACKS);
    publishSegments(broadcast, TRACKS, [1, 2]);
    await receiver.until("the pictures", () => pictures(receiver).length >= PICTURES);
    expect(receiver.publications[0]?.path).toBe(KEY);
    expect(pictures(receiver)[0]).toBe(0);
    expect(receiver.publications[0]?.configs.map(({ codec }) => codec)).toEqual(["avc", "aac"]);
    expect(receiver.publications[0]?.metadata).toMatchObject([
      { width: 640, height: 360, videocodecid: 7, audiocodecid: 10, audiosamplerate: 48_000 },
    ]);
    expect(stage.status("a")).toMatchObject({ state: "live", reconnects: 0, droppedGops: 0 });
    expect(stage.metrics.render()).toContain(
      'grandstand_restream_state{stream="main",target="Elsewhere",state="live"} 1',
    );
    stage.directory.end(broadcast);
    await receiver.until("the goodbye", () => receiver.publications[0]?.finished === true);
    await receiver.until("the wait", () => stage.status("a").state === "waiting");
    publishSegments(stage.directory.start(TRACKS), TRACKS, [7]);
    await receiver.until("the next broadcast", () => pictures(receiver, 1).length > 0);
    expect(pictures(receiver, 1)[0]).toBe(0);
  }, 30_000);

  test("is started, changed, stopped and removed while on air; others notice nothing", async () => {
    const [one, two] = [await receive(), await receive()];
    const steady = targetAt(two, { id: "b", name: "Steady" });
    const stage = await makeStage(steady, targetAt(one, { enabled: false }));
    const broadcast = stage.directory.start(TRACKS);
    const source = goOn(broadcast, 1, 100);
    await two.until("the steady target", () => stage.status("b").state === "live");
    expect([stage.status("a").state, one.publications.length]).toEqual(["stopped", 0]);
    stage.targets.set(steady, targetAt(one));
    await one.until("the start", () => stage.status("a").state === "live");
    stage.targets.set(steady, targetAt(one, { key: "another-key-0123456789" }));
    await one.until("the new key", () => pictures(one, 1).length > 0);
    stage.targets.set(steady, targetAt(one, { key: "another-key-0123456789", enabled: false }));
    await one.until("the stop", () => one.publications[1]?.finished === true);
    expect(stage.status("a").state).toBe("stopped");
    stage.targets.set(steady);
    expect(stage.metrics.render()).not.toContain("Elsewhere");
    source.stop();
    expect(one.publications.map(({ path, finished }) => [path, finished])).toEqual([
      [KEY, true],
      ["another-key-0123456789", true],
    ]);
    expect([two.publications.length, stage.status("b").reconnects]).toEqual([1, 0]);
  }, 30_000);

  test("that hangs loses whole groups of pictures and nothing else: no other target, no order, no memory", async () => {
    const [slow, quick] = [await receive(), await receive()];
    const stage = await makeStage(targetAt(slow), targetAt(quick, { id: "b", name: "Quick" }));
    const broadcast = stage.directory.start(TRACKS);
    const source = goOn(broadcast, 1, 20_000);
    await slow.until("the beginning", () => pictures(slow).length > PICTURES);
    slow.hang(true);
    const before = pictures(quick).length;
    await quick.until("further segments", () => pictures(quick).length > before + 30 * PICTURES);
    slow.hang(false);
    await slow.until("the loss to be counted", () => stage.status("a").droppedGops > 0);
    const jumps = (): RawFrame[] => {
      const frames = slow.publications[0]?.frames.filter(({ track }) => track.kind === "video") ?? [];
      return frames.filter(({ dts }, i) => i > 0 && dts !== (frames[i - 1]?.dts ?? 0) + 40);
    };
    await slow.until("what came after it", () => jumps().length > 0);
    source.stop();
    const times = pictures(slow);
    expect(times.filter((time, i) => i > 0 && time <= (times[i - 1] ?? 0))).toEqual([]);
    expect(jumps().filter(({ keyframe }) => !keyframe)).toEqual([]);
    expect([slow.publications.length, stage.status("a").reconnects]).toEqual([1, 0]);
    await slow.until("the loss to be told", () => stage.observer.named("restream.lagged").length > 0);
    expect(stage.observer.named("restream.lagged")[0]?.fields).toMatchObject({ target: "Elsewhere" });
    expect(stage.status("b")).toMatchObject({ state: "live", droppedGops: 0, reconnects: 0 });
  }, 40_000);

  test("whose connection breaks is served again after a pause", async () => {
    const receiver = await receive();
    const stage = await makeStage(targetAt(receiver));
    const source = goOn(stage.directory.start(TRACKS), 1, 100);
    await receiver.until("the beginning", () => stage.status("a").state === "live");
    receiver.breakConnections();
    await receiver.until("the loss", () => stage.status("a").state === "retrying");
    const { lastProblem, nextTryMs } = stage.status("a");
    expect(lastProblem?.code).toBe("CONNECTION_LOST");
    expect((nextTryMs ?? 0) - (lastProblem?.atMs ?? 0)).toBeWithin(1000, 1600);
    await receiver.until("the next connection", () => pictures(receiver, 1).length > 0);
    source.stop();
    expect(pictures(receiver, 1)[0]).toBe(0);
    expect(stage.status("a").reconnects).toBe(1);
  }, 30_000);

  test("gets each encode's parameters before its first keyframe, a slate's too, and times without a break", async () => {
    const receiver = await receive();
    const stage = await makeStage(targetAt(receiver));
    const broadcast = stage.directory.start(TRACKS);
    publishSegments(broadcast, TRACKS, [1, 2]);
    await receiver.until("the first encode", () => pictures(receiver).length >= PICTURES);
    const slate = [videoTrack(0, "source", { record: SLATE_RECORD }), audioTrack(1, "audio")];
    for (const [segment, tracks] of [
      [3, slate],
      [4, slate],
      [5, TRACKS],
    ] as const) {
      if (segment !== 4) broadcast.publish({ type: "tracks", tracks });
      for (const record of segmentRecords(segment, tracks)) {
        if (record.type === "cut") broadcast.publish({ ...record, discontinuity: segment !== 4 });
        else if (record.type !== "frame") broadcast.publish(record);
        else {
          const { flags } = record.frame;
          const made = (segment === 5 ? 0 : FrameFlag.SLATE) | (flags & FrameFlag.CUT ? FrameFlag.DISCONTINUITY : 0);
          broadcast.publish({ type: "frame", frame: { ...record.frame, flags: flags | made } });
        }
      }
    }
    stage.directory.end(broadcast);
    await receiver.until("the goodbye", () => receiver.publications[0]?.finished === true);
    const video = (receiver.publications[0]?.media ?? []).filter((one) => {
      return (
        (one.kind === "config" && one.track.kind === "video") ||
        (one.kind === "frame" && one.frame.track.kind === "video")
      );
    });
    const told = video.flatMap((one, i) => (one.kind === "config" ? [{ config: one.config, next: video[i + 1] }] : []));
    expect(told.map(({ config }) => config.record)).toEqual([AVC_RECORD, SLATE_RECORD, AVC_RECORD]);
    expect(told.map(({ next }) => next?.kind === "frame" && next.frame.keyframe)).toEqual([true, true, true]);
    const times = pictures(receiver);
    expect(times).toEqual(times.map((_, i) => 40 * i));
  }, 30_000);

  test("sees no jump where the time of its connection passes 2^32 milliseconds", async () => {
    const receiver = await receive();
    const stage = await makeStage(targetAt(receiver));
    const broadcast = stage.directory.start(TRACKS);
    publishSegments(broadcast, TRACKS, [1, 2]);
    await receiver.until("the beginning", () => pictures(receiver).length >= PICTURES);
    // A segment lasts two seconds, and the first one began at 0: the first of these two passes the 2^32nd millisecond.
    const passing = Math.floor(2 ** 32 / 2000) + 1;
    publishSegments(broadcast, TRACKS, [passing, passing + 1]);
    stage.directory.end(broadcast);
    await receiver.until("the goodbye", () => receiver.publications[0]?.finished === true);
    const frames = receiver.publications[0]?.frames ?? [];
    for (const [kind, stepMs, count] of [
      ["video", 40, 2 * PICTURES],
      ["audio", 20, 200],
    ] as const) {
      const times = frames.filter(({ track }) => track.kind === kind).map(({ dts }) => dts);
      const newest = times.slice(-count);
      expect([Math.max(...newest) > 2 ** 31, Math.min(...newest) < 10_000]).toEqual([true, true]);
      expect(newest.slice(1).filter((time, i) => (time - (newest[i] ?? 0) + 2 ** 32) % 2 ** 32 !== stepMs)).toEqual([]);
    }
  }, 30_000);

  test("that refuses its key is told so without the key, and served once the key is right", async () => {
    const receiver = await receive();
    receiver.refusal = new Fault("KEY_REFUSED", `${KEY} opens nothing`);
    const stage = await makeStage(targetAt(receiver));
    const source = goOn(stage.directory.start(TRACKS), 1, 100);
    await receiver.until("the refusal", () => stage.status("a").state === "refused");
    expect(stage.status("a").lastProblem).toMatchObject({
      code: "RTMP_REFUSED",
      message: expect.stringContaining("<key> opens nothing"),
    });
    expect(JSON.stringify(stage.observer.events)).not.toContain(KEY);
    receiver.refusal = undefined;
    stage.targets.set(targetAt(receiver, { key: "the-right-key-0123456789" }));
    await receiver.until("the right key", () => stage.status("a").state === "live");
    source.stop();
  }, 30_000);

  test("whose key cannot be read, or whose rendition is not there, is told so", async () => {
    const receiver = await receive();
    const stage = await makeStage(
      targetAt(receiver, { key: undefined }),
      targetAt(receiver, { id: "b", name: "Small", rendition: "240p" }),
    );
    publishSegments(stage.directory.start(TRACKS), TRACKS, [1]);
    await receiver.until("both", () => stage.restream.statusOf("main").every((one) => one.lastProblem !== undefined));
    expect(stage.status("a")).toMatchObject({ state: "refused", lastProblem: { code: "CONFIG_INVALID" } });
    expect(stage.status("b")).toMatchObject({
      state: "retrying",
      lastProblem: { code: "RENDITION_ABSENT", hint: "It has source." },
    });
    expect(receiver.publications).toEqual([]);
  }, 30_000);
});
