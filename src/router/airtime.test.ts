import { describe, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import type { AirStretch } from "./air-log.ts";
import { type Encoder, Stage } from "./router-rig.ts";

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
