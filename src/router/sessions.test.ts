import { describe, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import type { LinkRecord } from "#link/record.ts";
import type { BroadcastEvent } from "#link/stream-event.ts";
import { FrameFlag } from "#media/frame.ts";
import { type Encoder, Stage, VIDEO, VIDEO_CONFIG } from "./router-rig.ts";

/** What came out of the gate, checked as it comes: stream time of a track never has a hole and never goes back. */
class Viewer {
  readonly #take: () => LinkRecord[];
  readonly #ends = new Map<number, number>();
  /** Marks of the payloads of pictures, without repetitions. */
  readonly marks: number[] = [];
  /** For how long a picture was held, milliseconds. */
  heldMs = 0;
  discontinuities = 0;
  pictures = 0;
  /** The encoder's stamps, from the payloads of encoders that are distinct. */
  readonly stamps: number[] = [];

  constructor(stage: Stage) {
    const subscription = stage.router.find("main")?.subscribe({ name: "viewer", from: "live" });
    this.#take = () => subscription?.take() ?? [];
    stage.onStep = () => void this.look();
  }

  look(): this {
    for (const record of this.#take()) {
      if (record.type === "cut" && record.discontinuity) this.discontinuities++;
      if (record.type !== "frame") continue;
      const { track, dts, duration, flags, payload } = record.frame;
      const end = this.#ends.get(track);
      if (end !== undefined) expect(dts).toBe(end);
      expect(duration).toBeGreaterThan(0);
      this.#ends.set(track, dts + duration);
      if (track !== 0) continue;
      this.pictures++;
      this.stamps.push(new DataView(payload.buffer, payload.byteOffset).getUint32(0));
      const mark = payload.at(-1) ?? -1;
      if ((flags & FrameFlag.SLATE) !== 0) this.heldMs += duration / 90;
      else if (this.marks.at(-1) !== mark) this.marks.push(mark);
    }
    return this;
  }

  /** How far the ends of picture and sound lie apart, milliseconds. */
  get skewMs(): number {
    return Math.abs((this.#ends.get(0) ?? 0) / 90 - (this.#ends.get(1) ?? 0) / 48);
  }
}

function marked(encoder: Encoder, mark: number, clockMs = 0): Encoder {
  encoder.mark = mark;
  encoder.clockMs = clockMs;
  return encoder;
}

async function two(settings = {}): Promise<{
  stage: Stage;
  first: Encoder;
  second: Encoder;
  viewer: Viewer;
  events: BroadcastEvent[];
}> {
  const stage = await Stage.open();
  const events: BroadcastEvent[] = [];
  stage.router.onEvent((event) => events.push(event));
  const first = marked(stage.open({ address: "192.0.2.1" }, settings), 1);
  await stage.run(3, first);
  const second = marked(stage.open({ address: "192.0.2.2" }, settings), 2, 1_000_000_000);
  const viewer = new Viewer(stage);
  await stage.run(3, first, second);
  return { stage, first, second, viewer, events };
}

const switches = (events: readonly BroadcastEvent[]): unknown[] =>
  events.flatMap((event) => (event.type === "stream.switched" ? [[event.toAddress, event.why]] : []));

const statesOf = (stage: Stage): unknown[] =>
  stage.router.health("main")?.sessions.map(({ address, role, state }) => `${address.at(-1)} ${role} ${state}`) ?? [];

describe("a second encoder", () => {
  test("stands by, with figures of its own, and its frames are nowhere", async () => {
    const { stage, viewer, events } = await two();
    expect(statesOf(stage)).toEqual(["1 primary on-air", "2 backup standby"]);
    for (const { bitrate, silentMs } of stage.router.health("main")?.sessions ?? []) {
      expect(bitrate).toBeGreaterThan(900_000);
      expect(silentMs).toBeLessThan(50);
    }
    expect(viewer.look().marks).toEqual([1]);
    expect(events.map(({ type }) => type)).toEqual(["stream.live"]);
    expect(stage.router.health("main")?.counters).toMatchObject({ reconnects: 0, switches: 0 });
    await stage.router.close();
  });

  test("has the role its address asks for", async () => {
    const stage = await Stage.open();
    stage.open({ params: { role: "backup" }, address: "192.0.2.1" });
    const first = stage.open({ address: "192.0.2.2" });
    stage.open({ params: { role: "primary" }, address: "192.0.2.3" });
    await stage.run(4, first);
    expect(statesOf(stage)).toEqual(["1 backup standby", "2 primary on-air", "3 primary standby"]);
    await stage.router.close();
  });

  test("steps in at once when the first one's connection ends, without a held picture, and stays", async () => {
    const { stage, first, second, viewer, events } = await two();
    first.end();
    await stage.run(3, second);
    expect(viewer.look().marks).toEqual([1, 2]);
    expect([viewer.discontinuities, viewer.heldMs]).toEqual([0, 0]);
    expect(viewer.skewMs).toBeLessThan(400);
    expect(stage.router.health("main")).toMatchObject({ state: "live", counters: { switches: 1 } });
    const again = marked(stage.open({ address: "192.0.2.1" }), 3);
    await stage.run(15, second, again);
    expect(statesOf(stage)).toEqual(["2 backup on-air", "1 primary standby"]);
    expect(switches(events)).toEqual([["192.0.2.2", "finished"]]);
    expect(events.map(({ type }) => type)).toEqual(["stream.live", "stream.switched"]);
    await stage.router.close();
  });

  test("steps in when the first one is silent for half a second: a live picture within a second", async () => {
    const { stage, second, viewer, events } = await two();
    viewer.look();
    await stage.run(1, second);
    expect(viewer.look().marks.at(-1)).toBe(2);
    await stage.run(3, second);
    expect(switches(events)).toEqual([["192.0.2.2", "silent"]]);
    expect(viewer.look().marks).toEqual([1, 2]);
    expect(statesOf(stage)).toEqual(["1 primary standby", "2 backup on-air"]);
    await stage.router.close();
  });

  test("with another picture size brings one discontinuity, for picture and sound together", async () => {
    const { stage, first, second, viewer } = await two();
    const record = Uint8Array.of(1, 100, 0, 40);
    second.sink.configure(VIDEO, { ...VIDEO_CONFIG, record, width: 1920, height: 1080 }, stage.clock.nowMs());
    await stage.run(2.5, first, second);
    first.end();
    await stage.run(4, second);
    expect(viewer.look().discontinuities).toBe(1);
    expect(stage.router.health("main")?.tracks[0]).toMatchObject({ width: 1920 });
    await stage.router.close();
  });

  test("steps in when the first one sends only sound, or no keyframes after a pause", async () => {
    const { stage, first, second, events } = await two();
    first.fault = "no-pictures";
    await stage.run(3, first, second);
    expect(switches(events)).toEqual([["192.0.2.2", "silent"]]);
    first.fault = "none";
    await stage.run(3, first, second);
    second.fault = "no-keyframes";
    await stage.run(20, first, second);
    expect(switches(events)).toEqual([
      ["192.0.2.2", "silent"],
      ["192.0.2.1", "undecodable"],
    ]);
    await stage.router.close();
  });
});

describe("who is on air", () => {
  test("is the primary encoder again after ten steady seconds, where the stream prefers it", async () => {
    const { stage, first, second, viewer, events } = await two({ switchBack: "prefer-primary" });
    await stage.run(3, second);
    await stage.run(9, first, second);
    expect(statesOf(stage)).toEqual(["1 primary standby", "2 backup on-air"]);
    await stage.run(5, first, second);
    expect(statesOf(stage)).toEqual(["1 primary on-air", "2 backup standby"]);
    expect(switches(events)).toEqual([
      ["192.0.2.2", "silent"],
      ["192.0.2.1", "primary-is-back"],
    ]);
    expect(viewer.look().marks).toEqual([1, 2, 1]);
    await stage.router.close();
  });

  test("is chosen by hand, at the next keyframe, and stays so against the policy", async () => {
    const { stage, first, second, viewer, events } = await two({ switchBack: "prefer-primary" });
    stage.router.switchTo("main", 2);
    await stage.run(2.5, first, second);
    expect(statesOf(stage)).toEqual(["1 primary standby", "2 backup on-air"]);
    await stage.run(15, first, second);
    expect(switches(events)).toEqual([["192.0.2.2", "by-hand"]]);
    expect(viewer.look().marks).toEqual([1, 2]);
    expect(() => stage.router.switchTo("main", 9)).toThrow("no encoder session 9");
    expect(() => stage.router.switchTo("other", 1)).toThrow("no encoder session");
    await stage.router.close();
  });

  test("ten switches leave sound and picture in step, and stream time within a second of the clock", async () => {
    const { stage, first, second, viewer } = await two();
    const before = viewer.look().skewMs;
    for (let i = 0; i < 10; i++) {
      stage.router.switchTo("main", i % 2 === 0 ? 2 : 1);
      await stage.run(4, first, second);
    }
    viewer.look();
    expect(viewer.marks).toEqual([1, 2, 1, 2, 1, 2, 1, 2, 1, 2, 1]);
    expect(Math.abs(viewer.skewMs - before)).toBeLessThan(50);
    expect(viewer.discontinuities).toBe(0);
    expect(viewer.heldMs).toBeLessThan(10 * 34);
    await stage.router.close();
  });
});

describe("room for encoders", () => {
  test("a fifth one is never refused: the one that is silent longest goes", async () => {
    const { stage, first, second } = await two();
    const third = marked(stage.open({ address: "192.0.2.3" }), 3);
    await stage.run(1, first, second, third);
    const fourth = marked(stage.open({ address: "192.0.2.4" }), 4);
    await stage.run(1, first, third, fourth);
    stage.open({ address: "192.0.2.5" });
    expect(second.sink.expelled.aborted).toBe(true);
    expect((second.sink.expelled.reason as Fault).code).toBe("STREAM_BUSY");
    expect(statesOf(stage).map((text) => String(text)[0])).toEqual(["1", "3", "4", "5"]);
    await stage.router.close();
  });

  test("one that replaces is on air from its first keyframe on, and the other one goes only then", async () => {
    const { stage, first, second, viewer, events } = await two();
    const third = marked(stage.open({ address: "192.0.2.3" }, { whenBusy: "replace" }), 3);
    await stage.run(2, first, second, third);
    expect(viewer.look().marks).toEqual([1]);
    expect(third.sink.expelled.aborted).toBe(false);
    await stage.router.close();
    const lone = await Stage.open();
    const old = marked(lone.open({}, { whenBusy: "replace" }), 1);
    await lone.run(3, old);
    const fresh = marked(lone.open({ address: "192.0.2.9" }, { whenBusy: "replace" }), 2);
    expect(old.sink.expelled.aborted).toBe(false);
    await lone.run(1, old, fresh);
    expect(old.sink.expelled.aborted).toBe(true);
    expect(statesOf(lone)).toEqual(["9 backup on-air"]);
    expect(switches(events)).toEqual([]);
    await lone.router.close();
  });

  test("all of them go when the key is revoked, and none steps in", async () => {
    const { stage, first, second, events } = await two();
    stage.router.expel("main", new Fault("KEY_REFUSED", "revoked"));
    expect([first.sink.expelled.aborted, second.sink.expelled.aborted]).toEqual([true, true]);
    expect(events.at(-1)).toMatchObject({ type: "stream.interrupted", why: "refused" });
    await stage.router.close();
  });
});

describe("two paths of one encode", () => {
  async function paths(lagMs: number): Promise<Awaited<ReturnType<typeof two>>> {
    const stage = await Stage.open();
    const events: BroadcastEvent[] = [];
    stage.router.onEvent((event) => events.push(event));
    const first = marked(stage.open({ address: "192.0.2.1" }), 1);
    const second = marked(stage.open({ address: "192.0.2.2" }), 1, 1_000_000_000);
    first.isDistinct = true;
    second.isDistinct = true;
    await stage.run(lagMs / 1000, first);
    await stage.run(5, first, second);
    return { stage, first, second, viewer: new Viewer(stage), events };
  }

  test("are on air together; when the first dies, nothing is lost, held, repeated or told as a switch", async () => {
    const { stage, first, second, viewer, events } = await paths(0);
    expect(statesOf(stage)).toEqual(["1 primary on-air", "2 backup merged"]);
    await stage.run(3, first, second);
    const before = viewer.pictures;
    first.end();
    await stage.run(3, second);
    expect(statesOf(stage)).toEqual(["2 backup on-air"]);
    expect(viewer.pictures - before).toBeWithin(88, 92);
    const third = marked(stage.open({ address: "192.0.2.3" }), 1, 77);
    third.isDistinct = true;
    third.follow(second);
    await stage.run(3, second, third);
    expect(statesOf(stage)).toEqual(["2 backup on-air", "3 primary merged"]);
    second.end();
    await stage.run(3, third);
    expect([viewer.heldMs, viewer.discontinuities]).toEqual([0, 0]);
    expect(events.map(({ type }) => type)).toEqual(["stream.live"]);
    expect(stage.router.health("main")?.counters).toMatchObject({ switches: 0, interpolated: 0, clamped: 0 });
    await stage.router.close();
  });

  test("one that is two seconds behind goes on where the first one ended, and no picture is held meanwhile", async () => {
    const { stage, first, second, viewer, events } = await paths(2000);
    expect(statesOf(stage)).toEqual(["1 primary on-air", "2 backup merged"]);
    await stage.run(2, first, second);
    first.end();
    await stage.run(6, second);
    expect(viewer.stamps.length).toBeGreaterThan(150);
    for (const [i, stamp] of viewer.stamps.entries()) {
      const before = viewer.stamps[i - 1];
      if (before !== undefined) expect(stamp - before).toBeWithin(32, 35);
    }
    expect([viewer.heldMs, viewer.discontinuities]).toEqual([0, 0]);
    expect(events.map(({ type }) => type)).toEqual(["stream.live"]);
    await stage.router.close();
  });
});
