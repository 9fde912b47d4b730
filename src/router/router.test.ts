import { describe, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import type { BroadcastEvent } from "#link/stream-event.ts";
import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import { Stage } from "./router-rig.ts";

function codeOf(run: () => unknown): string | undefined {
  try {
    run();
  } catch (error) {
    return error instanceof Fault ? error.code : String(error);
  }
  return undefined;
}

describe("a broadcast", () => {
  test("begins with the first keyframe and is told once", async () => {
    const stage = await Stage.open();
    const started: string[] = [];
    stage.router.onStarted((live) => started.push(live.stream));
    const encoder = stage.open();
    expect(stage.router.onAir()).toEqual([]);
    expect(stage.router.health("main")).toBeUndefined();
    await encoder.run(3);
    expect(started).toEqual(["main"]);
    expect(stage.router.onAir()).toEqual(["main"]);
    expect(stage.router.health("main")?.state).toBe("live");
    await stage.router.close();
  });

  test("waits for its encoder, holds the picture meanwhile, and goes on", async () => {
    const stage = await Stage.open();
    const first = stage.open();
    await first.run(5);
    first.end();
    const { timelineId } = stage.router.find("main") ?? {};
    const segments = stage.router.health("main")?.segments ?? 0;
    await stage.clock.advance(30_000);
    const waiting = stage.router.health("main");
    expect(waiting?.state).toBe("interrupted");
    expect(waiting?.sessions).toEqual([]);
    expect(waiting?.segments ?? 0).toBeGreaterThan(segments + 12);
    const second = stage.open();
    await second.run(5);
    expect(stage.router.find("main")?.timelineId).toBe(timelineId ?? "");
    expect(stage.router.health("main")).toMatchObject({ state: "live", counters: { reconnects: 1 } });
    expect(stage.events("broadcast.interrupted")).toBe(1);
    expect(stage.events("broadcast.started")).toBe(1);
    await stage.router.close();
  });

  test("tells its subscribers that it is silent, and that it goes on", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    await encoder.run(3);
    const subscription = stage.router.find("main")?.subscribe({ name: "test", from: "live" });
    await stage.clock.advance(4000);
    await encoder.run(4);
    const records = subscription?.take() ?? [];
    const names = records.flatMap((record) => (record.type === "event" ? [record.name] : []));
    expect(names).toEqual(["silent", "resumed"]);
    await stage.router.close();
  });

  test("says four times a second that it lives, and how long nothing came", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    await encoder.run(3);
    const subscription = stage.router.find("main")?.subscribe({ name: "test", from: "live" });
    subscription?.take();
    const ages: number[] = [];
    for (let i = 0; i < 10; i++) {
      await stage.clock.advance(300);
      for (const record of subscription?.take() ?? []) if (record.type === "head") ages.push(record.inputAgeMs);
    }
    expect(ages.length).toBeGreaterThanOrEqual(9);
    expect(ages.at(-1)).toBeGreaterThan(2500);
    expect(ages).toEqual([...ages].sort((a, b) => a - b));
    await stage.router.close();
  });

  test("ends when nobody came back within the grace", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    await encoder.run(3);
    encoder.end();
    const subscription = stage.router.find("main")?.subscribe({ name: "test", from: "live" });
    await stage.clock.advance(59_000);
    expect(stage.router.onAir()).toEqual(["main"]);
    subscription?.take();
    await stage.clock.advance(1500);
    expect(stage.router.onAir()).toEqual([]);
    expect(subscription?.take().at(-1)).toEqual({ type: "end", why: "grace-over" });
    expect(stage.stored.get("main")?.ended).toBe(true);
    await stage.router.close();
  });

  test("that ended is followed by another timeline with higher numbers", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    await encoder.run(3);
    const before = stage.router.find("main")?.timelineId;
    const number = stage.stored.get("main")?.segment ?? 0;
    stage.router.stop("main", new Fault("STREAM_UNKNOWN", "removed"));
    expect(encoder.sink.expelled.aborted).toBe(true);
    const again = stage.open();
    await again.run(3);
    expect(stage.router.find("main")?.timelineId).not.toBe(before ?? "");
    expect(stage.stored.get("main")?.segment).toBeGreaterThan(number);
    await stage.router.close();
  });

  test("leaves nothing behind when its encoder goes before the first keyframe", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    encoder.end();
    expect(stage.router.onAir()).toEqual([]);
    const again = stage.open();
    await again.run(3);
    expect(stage.router.onAir()).toEqual(["main"]);
    await stage.router.close();
  });
});

describe("the events of a broadcast", () => {
  async function told(): Promise<{ stage: Stage; events: BroadcastEvent[]; types: () => string[] }> {
    const stage = await Stage.open();
    const events: BroadcastEvent[] = [];
    stage.router.onEvent((event) => events.push(event));
    return { stage, events, types: () => events.map(({ type }) => type) };
  }

  test("are told in order, each with the broadcast's name, reason and times", async () => {
    const { stage, events } = await told();
    const first = stage.open({ encoder: "Lavf60" });
    await first.run(4);
    first.end();
    await stage.clock.advance(10_000);
    const second = stage.open({ address: "192.0.2.7" });
    await second.run(4);
    const broadcast = { stream: "main", timelineId: stage.router.find("main")?.timelineId ?? "" };
    expect(broadcast.timelineId).toMatch(/^[0-9a-f]{16}$/);
    await stage.clock.advance(4000);
    second.end();
    await stage.clock.advance(61_000);
    const durationMs = expect.any(Number);
    expect(events).toEqual([
      { type: "stream.live", ...broadcast, protocol: "rtmp", address: "192.0.2.1", encoder: "Lavf60" },
      { type: "stream.interrupted", ...broadcast, why: "finished" },
      { type: "stream.resumed", ...broadcast, protocol: "rtmp", address: "192.0.2.7", interruptedMs: 10_000 },
      { type: "stream.interrupted", ...broadcast, why: "silent" },
      { type: "stream.ended", ...broadcast, why: "grace-over", durationMs },
    ]);
    const last = events.at(-1);
    expect(last?.type === "stream.ended" ? last.durationMs : 0).toBeWithin(80_000, 84_000);
    await stage.router.close();
  });

  test("say why nobody delivers: taken over, thrown out, stopped, shut down", async () => {
    const { stage, events, types } = await told();
    const first = stage.open();
    await first.run(3);
    stage.router.expel("main", new Fault("KEY_REFUSED", "revoked"));
    expect(events.at(-1)).toMatchObject({ type: "stream.interrupted", why: "refused" });
    stage.router.stop("main", new Fault("BROADCAST_STOPPED", "stopped"));
    expect(events.at(-1)).toMatchObject({ type: "stream.ended", why: "removed" });
    const second = stage.open();
    await second.run(3);
    await stage.router.close();
    expect(events.at(-1)).toMatchObject({ type: "stream.ended", why: "shutdown" });
    expect(types()).toEqual(["live", "interrupted", "ended", "live", "ended"].map((name) => `stream.${name}`));
  });

  test("are none for an encoder that never sent a keyframe, and for a listener that left", async () => {
    const { stage, types } = await told();
    stage.open().end();
    expect(types()).toEqual([]);
    const heard: BroadcastEvent[] = [];
    const leave = stage.router.onEvent((event) => heard.push(event));
    leave();
    await stage.open().run(3);
    expect([types(), heard]).toEqual([["stream.live"], []]);
    await stage.router.close();
  });
});

describe("two encoders with one key", () => {
  test("one at a time: the second is refused while the first delivers, and takes over after two seconds of silence", async () => {
    const REFUSE = { whenBusy: "refuse" } as const;
    const stage = await Stage.open();
    const first = stage.open({}, REFUSE);
    await first.run(3);
    expect(codeOf(() => stage.open({ address: "192.0.2.2" }, REFUSE))).toBe("STREAM_BUSY");
    await stage.clock.advance(1900);
    expect(codeOf(() => stage.open({ address: "192.0.2.2" }, REFUSE))).toBe("STREAM_BUSY");
    await stage.clock.advance(200);
    const second = stage.open({ address: "192.0.2.2" }, REFUSE);
    expect(first.sink.expelled.aborted).toBe(true);
    await second.run(3);
    const health = stage.router.health("main");
    expect(health?.sessions.map(({ address }) => address)).toEqual(["192.0.2.2"]);
    expect(stage.events("broadcast.started")).toBe(1);
    const frames = health?.counters.framesIn ?? 0;
    await first.run(1);
    expect(stage.router.health("main")?.counters.framesIn).toBe(frames);
    await stage.router.close();
  });

  test("one that never sent a keyframe is taken over, too, and the broadcast is found", async () => {
    const stage = await Stage.open();
    stage.open();
    await stage.clock.advance(2500);
    const second = stage.open({ address: "192.0.2.2" });
    await second.run(3);
    expect(stage.router.onAir()).toEqual(["main"]);
    expect(stage.router.health("main")?.state).toBe("live");
    await stage.router.close();
  });

  test("one that is thrown out makes room for another", async () => {
    const stage = await Stage.open();
    const first = stage.open();
    await first.run(3);
    stage.router.expel("main", new Fault("KEY_REFUSED", "the key was revoked"));
    expect((first.sink.expelled.reason as Fault).code).toBe("KEY_REFUSED");
    const second = stage.open();
    await second.run(1);
    expect(stage.router.health("main")?.counters.reconnects).toBe(1);
    await stage.router.close();
  });
});

describe("a node that starts again", () => {
  async function killed(): Promise<{ stage: Stage; stored: Map<string, GateCheckpoint>; timelineId: string }> {
    const stage = await Stage.open();
    const encoder = stage.open();
    await encoder.run(7);
    // What a process that is killed leaves is what it had stored.
    return { stage, stored: new Map(stage.stored), timelineId: stage.router.find("main")?.timelineId ?? "" };
  }

  test("goes on with the broadcast within its grace", async () => {
    const { stage, stored, timelineId } = await killed();
    const number = stored.get("main")?.segment ?? 0;
    await stage.clock.advance(3000);
    const next = await Stage.open(stage.clock, stored);
    const encoder = next.open();
    await encoder.run(3);
    expect(next.router.find("main")?.timelineId).toBe(timelineId);
    const cuts = next.records().flatMap((record) => (record.type === "cut" ? [record.segment] : []));
    expect(cuts[0]).toBeGreaterThan(number);
    await next.router.close();
  });

  test("begins a new one when the grace was over long ago, above the old numbers", async () => {
    const { stage, stored, timelineId } = await killed();
    const number = stored.get("main")?.segment ?? 0;
    await stage.clock.advance(200_000);
    const next = await Stage.open(stage.clock, stored);
    const encoder = next.open();
    await encoder.run(3);
    expect(next.router.find("main")?.timelineId).not.toBe(timelineId);
    expect(next.stored.get("main")?.segment).toBeGreaterThan(number);
    await next.router.close();
  });

  test("goes on after a clean stop as well", async () => {
    const { stage, timelineId } = await killed();
    await stage.router.close();
    const next = await Stage.open(stage.clock, stage.stored);
    const encoder = next.open();
    await encoder.run(1);
    expect(next.router.find("main")?.timelineId).toBe(timelineId);
    await next.router.close();
  });
});

describe("health", () => {
  test("measures what the encoder sends", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    await encoder.run(12);
    const health = stage.router.health("main");
    const [video, audio] = health?.tracks ?? [];
    expect(video).toMatchObject({ name: "source", codec: "avc", width: 1280, height: 720 });
    expect(Math.abs((video?.frameRate ?? 0) - 30)).toBeLessThan(0.6);
    expect(Math.abs((video?.bitrate ?? 0) / 960_000 - 1)).toBeLessThan(0.03);
    expect(audio).toMatchObject({ name: "audio", sampleRate: 48_000, channels: 2, frameRate: null });
    expect(health?.keyframeIntervalMs).toEqual({ last: 2000, average: 2000, max: 2000 });
    expect(health?.sessions[0]).toMatchObject({ encoder: "Lavf60", protocol: "rtmp" });
    expect(health?.warnings).toEqual([]);
    await stage.router.close();
  });

  test("warns of keyframes that are too far apart, with the cure for this encoder, until they are closer", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    encoder.gopFrames = 240;
    await encoder.run(20);
    const [warning] = stage.router.health("main")?.warnings ?? [];
    expect(warning?.code).toBe("KEYFRAME_INTERVAL_LONG");
    expect(warning?.sentence).toContain("8.0 s");
    expect(warning?.fix).toContain("-g 60");
    encoder.gopFrames = 60;
    await encoder.run(80);
    expect(stage.router.health("main")?.warnings.map(({ code }) => code)).not.toContain("KEYFRAME_INTERVAL_LONG");
    await stage.router.close();
  });

  test("warns of a reader inside this server that is too slow", async () => {
    const stage = await Stage.open();
    const encoder = stage.open();
    await encoder.run(3);
    stage.router.find("main")?.subscribe({ name: "slow", from: "live" });
    await encoder.run(12);
    expect(stage.router.health("main")?.warnings.map(({ code }) => code)).toEqual(["SUBSCRIBER_LAGGED"]);
    await stage.router.close();
  });
});

test("a wall clock that is set anew while on air changes nothing", async () => {
  const stage = await Stage.open();
  const encoder = stage.open();
  await encoder.run(5);
  const before = stage.stored.get("main")?.cutMicros ?? 0;
  stage.clock.stepWall(-3_600_000);
  await encoder.run(4);
  stage.clock.stepWall(7_200_000);
  await encoder.run(4);
  const after = stage.stored.get("main")?.cutMicros ?? 0;
  expect(Math.abs((after - before) / 1e6 - 8)).toBeLessThan(0.1);
  expect(stage.router.health("main")?.warnings).toEqual([]);
  await stage.router.close();
});

test("closing ends every broadcast and every session", async () => {
  const stage = await Stage.open();
  const encoder = stage.open();
  await encoder.run(3);
  const subscription = stage.router.find("main")?.subscribe({ name: "test", from: "live" });
  await stage.router.close();
  expect(encoder.sink.expelled.aborted).toBe(true);
  expect(subscription?.take().at(-1)).toEqual({ type: "end", why: "shutdown" });
  expect(await stage.router.closed).toBeNull();
});
