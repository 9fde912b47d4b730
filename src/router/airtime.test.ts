import { describe, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import type { AirStretch } from "./air-log.ts";
import { type Encoder, SETTINGS, Stage } from "./router-rig.ts";

/** The time line: who, since when (seconds since the stage was set), why. */
function airtime(stage: Stage, startMs: number): unknown[] {
  return (stage.router.health("main")?.airtime.stretches ?? []).map(({ fromMs, source, why }: AirStretch) => [
    source.kind === "encoder" ? `${source.role} ${source.address.at(-1)}` : source.kind,
    (fromMs - startMs) / 1000,
    why,
  ]);
}

const names = (stage: Stage): unknown[] =>
  airtime(stage, 0).map((one) => [(one as unknown[])[0], (one as unknown[])[2]]);

async function two(settings = {}): Promise<{ stage: Stage; first: Encoder; second: Encoder; startMs: number }> {
  const stage = await Stage.open();
  const startMs = stage.clock.wallMs();
  const first = stage.open({ address: "192.0.2.1", encoder: "obs-studio/30.2" }, settings);
  await stage.run(3, first);
  const second = stage.open({ address: "192.0.2.2" }, settings);
  second.mark = 2;
  second.clockMs = 1_000_000_000;
  await stage.run(3, first, second);
  return { stage, first, second, startMs };
}

describe("the time line of a broadcast", () => {
  test("begins with the first picture and names the encoder", async () => {
    const { stage, startMs } = await two();
    expect(airtime(stage, startMs)).toEqual([["primary 1", 0, "started"]]);
    const { stretches, untilMs } = stage.router.health("main")?.airtime ?? { stretches: [] };
    expect(stretches[0]?.source).toEqual({
      kind: "encoder",
      session: 1,
      role: "primary",
      address: "192.0.2.1",
      protocol: "rtmp",
      encoder: "Lavf60",
    });
    expect(untilMs).toBe(stage.clock.wallMs());
    await stage.router.close();
  });

  test("tells each switch with its time and its reason", async () => {
    const { stage, first, second, startMs } = await two();
    await stage.run(4, second);
    stage.router.switchTo("main", 1);
    await stage.run(4.5, first, second);
    first.end();
    await stage.run(3, second);
    expect(names(stage)).toEqual([
      ["primary 1", "started"],
      ["backup 2", "silent"],
      ["primary 1", "by-hand"],
      ["backup 2", "finished"],
    ]);
    const [begun, silent, byHand, finished] = airtime(stage, startMs).map((one) => Number((one as unknown[])[1]));
    expect(begun).toBe(0);
    expect(silent).toBeWithin(6.4, 7.2);
    expect(byHand).toBeWithin(10, 12.2);
    expect(finished).toBeWithin(14.4, 15.6);
    await stage.router.close();
  });

  test("tells of held pictures, and who ended them", async () => {
    const stage = await Stage.open();
    const first = stage.open();
    await stage.run(3, first);
    await stage.run(4);
    await stage.run(6, first);
    first.sink.end("lost", stage.clock.nowMs());
    await stage.run(3);
    const second = stage.open({ address: "192.0.2.2" });
    await stage.run(3, second);
    stage.router.expel("main", new Fault("KEY_REFUSED", "revoked"));
    await stage.run(1);
    expect(names(stage)).toEqual([
      ["primary 1", "started"],
      ["held", "silent"],
      ["primary 1", "back"],
      ["held", "lost"],
      ["primary 2", "back"],
      ["held", "refused"],
    ]);
    await stage.router.close();
  });

  test("says why another encoder's picture is waited for, and that it is the reason it came", async () => {
    const { stage, first, second } = await two();
    second.fault = "no-keyframes";
    await stage.run(3, first, second);
    first.end();
    await stage.run(3, second);
    second.fault = "none";
    await stage.run(3, second);
    expect(names(stage)).toEqual([
      ["primary 1", "started"],
      ["held", "finished"],
      ["backup 2", "finished"],
    ]);
    await stage.router.close();
  });

  test("says that pictures cannot be decoded where frames come and none can be used", async () => {
    const { stage, first, second } = await two();
    await stage.run(3, second);
    second.fault = "no-keyframes";
    await stage.run(20, first, second);
    expect(names(stage).at(-1)).toEqual(["primary 1", "undecodable"]);
    await stage.router.close();
  });

  test("outlives the broadcast, until the next one ends", async () => {
    const { stage, first, second } = await two({ graceSeconds: 1 });
    expect(stage.router.lastAirtime("main")).toBeUndefined();
    first.end();
    second.end();
    await stage.run(3);
    expect(stage.router.health("main")).toBeUndefined();
    const last = stage.router.lastAirtime("main");
    expect(last?.endedWhy).toBe("grace-over");
    expect(last?.stretches.map(({ why }) => why)).toEqual(["started", "finished", "finished"]);
    expect((last?.untilMs ?? 0) - (last?.stretches.at(-1)?.fromMs ?? 0)).toBeWithin(900, 1300);
    const third = stage.open();
    await stage.run(3, third);
    expect(stage.router.lastAirtime("main")).toBe(last);
    stage.router.stop("main", new Fault("BROADCAST_STOPPED", "enough"));
    expect(stage.router.lastAirtime("main")?.endedWhy).toBe("removed");
    expect(stage.router.lastAirtime("main")?.stretches.length).toBe(1);
    await stage.router.close();
  });

  test("of two encoders that carry the same names the one that leads, and tells when another one does", async () => {
    const stage = await Stage.open();
    const first = stage.open({ address: "192.0.2.1" });
    const second = stage.open({ address: "192.0.2.2" });
    for (const encoder of [first, second]) encoder.isDistinct = true;
    await stage.run(6, first, second);
    stage.router.switchTo("main", 2);
    await stage.run(2, first, second);
    second.end();
    await stage.run(2, first);
    expect(names(stage)).toEqual([
      ["primary 1", "started"],
      ["backup 2", "by-hand"],
      ["primary 1", "merged-path-lost"],
    ]);
    await stage.router.close();
  });
});

describe("the time line of a broadcast whose process died", () => {
  /** Two encoders, of which the second was on air when the process was killed. What it leaves is what it had stored. */
  async function killed(settings = {}): Promise<{ stage: Stage; again: () => Promise<Stage>; killedMs: number }> {
    const { stage, first, second } = await two(settings);
    stage.router.switchTo("main", 2);
    await stage.run(3.5, first, second);
    const [stored, airtimes] = [new Map(stage.stored), new Map(stage.airtimes)];
    return {
      stage,
      killedMs: stage.clock.wallMs(),
      again: () => Stage.open(stage.clock, new Map(stored), new Map(airtimes)),
    };
  }

  test("goes on with the broadcast, and says that the picture was held meanwhile", async () => {
    const { stage, again, killedMs } = await killed();
    const before = stage.router.health("main")?.airtime.stretches ?? [];
    await stage.clock.advance(8000);
    const next = await again();
    const encoder = next.open({ address: "192.0.2.2" });
    await next.run(3, encoder);
    const { stretches, forgotten, endedWhy } = next.router.health("main")?.airtime ?? { stretches: [] };
    expect(stretches.slice(0, -2)).toEqual([...before]);
    const [held, back] = stretches.slice(-2);
    expect(held).toMatchObject({ source: { kind: "held" }, why: "restarted" });
    // The last cut is the last that is known of a process that was killed.
    expect(held?.fromMs).toBeWithin(killedMs - 2200, killedMs + 1);
    expect(back).toMatchObject({ source: { kind: "encoder", address: "192.0.2.2" }, why: "back" });
    expect(back?.fromMs).toBeWithin(killedMs + 8000, killedMs + 9000);
    expect([forgotten, endedWhy]).toEqual([0, null]);
    await next.router.close();
  });

  test("goes on after another crash, and after a clean stop, whose moment it knows", async () => {
    const { stage, again } = await killed();
    await stage.clock.advance(2000);
    const next = await again();
    await next.run(3, next.open({ address: "192.0.2.2" }));
    await next.router.close();
    const stoppedMs = next.clock.wallMs();
    expect(next.router.lastAirtime("main")).toMatchObject({ endedWhy: "shutdown", untilMs: stoppedMs });
    await next.clock.advance(5000);
    const third = await Stage.open(next.clock, next.stored, next.airtimes);
    expect(third.router.lastAirtime("main")).toEqual(next.router.lastAirtime("main"));
    await third.run(3, third.open({ address: "192.0.2.1" }));
    expect(names(third)).toEqual([
      ["primary 1", "started"],
      ["backup 2", "by-hand"],
      ["held", "restarted"],
      ["primary 2", "back"],
      ["held", "restarted"],
      ["primary 1", "back"],
    ]);
    expect(third.router.health("main")?.airtime.stretches[4]?.fromMs).toBe(stoppedMs);
    await third.router.close();
  });

  test("never takes an encoder for another one by its number", async () => {
    const { again } = await killed();
    const next = await again();
    const encoders = [next.open({ address: "192.0.2.8" }), next.open({ address: "192.0.2.9" })] as const;
    await next.run(3, ...encoders);
    next.router.switchTo("main", 4);
    await next.run(3, ...encoders);
    const health = next.router.health("main");
    expect(health?.sessions.map(({ id }) => id)).toEqual([3, 4]);
    const sessions = health?.airtime.stretches.map(({ source }) => (source.kind === "encoder" ? source.session : 0));
    expect(sessions).toEqual([1, 2, 0, 3, 4]);
    await next.router.close();
  });

  test("has an end where nobody comes back in time: the last that was known", async () => {
    const { stage, again, killedMs } = await killed();
    await stage.clock.advance(200_000);
    const next = await again();
    const last = next.router.lastAirtime("main");
    expect(last?.endedWhy).toBe("crashed");
    expect(last?.untilMs).toBeWithin(killedMs - 2200, killedMs + 1);
    expect(last?.stretches.map(({ why }) => why)).toEqual(["started", "by-hand"]);
    await next.run(3, next.open({ address: "192.0.2.3" }));
    expect(names(next)).toEqual([["primary 3", "started"]]);
    expect(next.router.health("main")?.sessions[0]?.id).toBe(1);
    next.router.stop("main", new Fault("BROADCAST_STOPPED", "enough"));
    const third = await Stage.open(next.clock, next.stored, next.airtimes);
    expect(third.router.lastAirtime("main")).toMatchObject({ endedWhy: "removed", stretches: [{ why: "started" }] });
    await Promise.all([next.router.close(), third.router.close()]);
  });

  test("has its slate for the reason that the server was restarted", async () => {
    const { again } = await killed({ continuity: "slate", alwaysOn: true });
    const next = await again();
    next.router.keepOnAir({ ...SETTINGS, continuity: "slate", alwaysOn: true });
    await next.run(3);
    expect(next.router.health("main")?.state).toBe("slate");
    expect(names(next).slice(-2)).toEqual([
      ["held", "restarted"],
      ["slate", "restarted"],
    ]);
    await next.router.close();
  });

  test("is left alone by an encoder that sends nothing", async () => {
    const { again } = await killed();
    const next = await again();
    const [stored] = next.airtimes.values();
    const silent = next.open({ address: "192.0.2.3" });
    await next.run(1);
    silent.sink.end("lost", next.clock.nowMs());
    await next.run(1);
    expect([...next.airtimes.values()]).toEqual([stored ?? ""]);
    await next.run(3, next.open({ address: "192.0.2.4" }));
    expect(names(next).slice(1)).toEqual([
      ["backup 2", "by-hand"],
      ["held", "restarted"],
      ["primary 4", "back"],
    ]);
    await next.router.close();
  });

  test("is gone with its stream, and where the store lost it the broadcast goes on with a new one", async () => {
    const { again } = await killed();
    const next = await again();
    next.router.forget("main");
    expect(next.router.lastAirtime("main")).toBeUndefined();
    expect(next.airtimes.size).toBe(0);
    await next.run(3, next.open({ address: "192.0.2.3" }));
    expect(names(next)).toEqual([["primary 3", "started"]]);
    await next.router.close();
  });
});

describe("the stored time lines", () => {
  test("are written when something changes, at most once a second, and again where the store refused", async () => {
    const { stage, first, second } = await two();
    let writes = 0;
    let text = stage.airtimes.get("main");
    stage.onStep = () => {
      const now = stage.airtimes.get("main");
      if (now !== text) writes++;
      text = now;
    };
    await stage.run(10, first, second);
    expect(writes).toBe(0);
    stage.router.switchTo("main", 2);
    await stage.run(5, first, second);
    expect(writes).toBe(1);
    stage.refusesAirtimes = true;
    stage.router.switchTo("main", 1);
    await stage.run(5, first, second);
    expect(writes).toBe(1);
    stage.refusesAirtimes = false;
    await stage.run(11, first, second);
    expect(writes).toBe(2);
    expect(text).toContain("by-hand");
    expect(names(stage).length).toBe(3);
    await stage.router.close();
  });

  test("are those of the hundred streams that ended last", async () => {
    const stage = await Stage.open();
    for (let i = 0; i < 103; i++) {
      const encoder = stage.open({}, { stream: `s${i}` });
      await stage.run(2.5, encoder);
      stage.router.stop(`s${i}`, new Fault("BROADCAST_STOPPED", "enough"));
    }
    expect(stage.airtimes.size).toBe(100);
    const next = await Stage.open(stage.clock, stage.stored, new Map([...stage.airtimes].reverse()));
    for (const { router } of [stage, next]) {
      const known = Array.from({ length: 103 }, (_, i) => router.lastAirtime(`s${i}`) !== undefined);
      expect(known.indexOf(true)).toBe(3);
      expect(known.lastIndexOf(false)).toBe(2);
    }
    await next.run(2.5, next.open({}, { stream: "one more" }));
    next.router.stop("one more", new Fault("BROADCAST_STOPPED", "enough"));
    expect([next.airtimes.size, next.airtimes.has("s3"), next.airtimes.has("one more")]).toEqual([100, false, true]);
    await Promise.all([stage.router.close(), next.router.close()]);
  });
});
