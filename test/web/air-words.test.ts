import { describe, expect, test } from "bun:test";
import { airParts, airTicks, lastingText } from "#web/admin/air-words.ts";
import type { AirReason, AirSource, AirStretch } from "#web/wire.ts";

const OBS = "FMLE/3.0 (compatible; obs-studio/30.2)";

function encoder(session: number, change: Partial<Extract<AirSource, { kind: "encoder" }>> = {}): AirSource {
  const one = { kind: "encoder", role: "primary", address: "192.0.2.1", protocol: "rtmp", encoder: OBS } as const;
  return { ...one, session, ...change };
}

const backup = (session: number): AirSource => encoder(session, { role: "backup" });

/** Stretches of a second each. */
function parts(...stretches: readonly (readonly [AirSource, AirReason])[]): ReturnType<typeof airParts> {
  const timed: AirStretch[] = stretches.map(([source, why], i) => ({ fromMs: i * 1000, source, why }));
  return airParts({ stretches: timed, untilMs: stretches.length * 1000 });
}

describe("the time line in words", () => {
  test("says who was on air from when to when, and why", () => {
    const line = parts(
      [encoder(1), "started"],
      [encoder(2, { encoder: "Lavf59" }), "silent"],
      [{ kind: "held" }, "lost"],
      [{ kind: "slate" }, "lost"],
      [encoder(3), "back"],
    );
    expect(line).toEqual([
      { fromMs: 0, toMs: 1000, mark: 1, name: "OBS 30.2", reason: "The broadcast began." },
      { fromMs: 1000, toMs: 2000, mark: 2, name: "Lavf59", reason: "OBS 30.2 was silent." },
      { fromMs: 2000, toMs: 3000, mark: "held", name: "Last picture held", reason: "The connection of Lavf59 broke." },
      { fromMs: 3000, toMs: 4000, mark: "slate", name: "Slate", reason: "The connection of Lavf59 broke." },
      { fromMs: 4000, toMs: 5000, mark: 1, name: "OBS 30.2", reason: "It delivers again." },
    ]);
  });

  test("has a sentence for every reason", () => {
    const reasons = [
      ...(["finished", "refused", "undecodable", "late", "primary-is-back"] as const),
      ...(["by-hand", "replaced", "merged-path-lost", "restarted"] as const),
    ];
    const line = parts(
      [encoder(1), "started"],
      ...reasons.map((why, i) => [i % 2 === 0 ? backup(2) : encoder(1), why] as const),
    );
    expect(line.slice(1).map(({ reason }) => reason)).toEqual([
      "OBS 30.2 (primary) ended its stream.",
      "OBS 30.2 (backup) was disconnected by this server.",
      "OBS 30.2 (primary) sent nothing that can be decoded.",
      "OBS 30.2 (backup) delivered too slowly.",
      "The primary encoder is steady again, and this stream prefers it.",
      "Switched by hand.",
      "It came last, and this stream takes the encoder that comes last.",
      "OBS 30.2 (backup) is gone. Both carried the same, so nothing was lost.",
      "This server was restarted.",
    ]);
  });

  test("names encoders as shortly as tells them apart", () => {
    const names = (...sources: readonly AirSource[]): unknown =>
      parts(...sources.map((source) => [source, "by-hand"] as const)).map(({ name }) => name);
    expect(names(encoder(1))).toEqual(["OBS 30.2"]);
    expect(names(encoder(1), backup(2))).toEqual(["OBS 30.2 (primary)", "OBS 30.2 (backup)"]);
    expect(names(encoder(1), encoder(2, { address: "192.0.2.7" }))).toEqual([
      "OBS 30.2 from 192.0.2.1",
      "OBS 30.2 from 192.0.2.7",
    ]);
    expect(names(encoder(1), encoder(2))).toEqual([
      "OBS 30.2 1 (primary) from 192.0.2.1",
      "OBS 30.2 2 (primary) from 192.0.2.1",
    ]);
    expect(names(encoder(1, { encoder: null }))).toEqual(["Unknown"]);
  });

  test("knows an encoder again that reconnects, and two that are alike apart", () => {
    const marks = (...sources: readonly AirSource[]): unknown =>
      parts(...sources.map((source) => [source, "lost"] as const)).map(({ mark }) => mark);
    const held: AirSource = { kind: "held" };
    expect(marks(encoder(1), held, encoder(2), backup(3), encoder(4))).toEqual([1, "held", 1, 2, 1]);
    expect(marks(encoder(1), encoder(2), encoder(1), held, encoder(2))).toEqual([1, 2, 1, "held", 2]);
  });

  test("says how long in seconds, or as a clock does", () => {
    const lasting = [0, 440, 9999, 10_000, 754_000].map((toMs) => lastingText({ fromMs: 0, toMs }));
    expect(lasting).toEqual(["0.0 s", "0.4 s", "10.0 s", "0:10", "12:34"]);
  });

  test("has ticks at round times, at most eight of them", () => {
    const startMs = Date.UTC(2026, 2, 1, 18, 3, 41);
    for (const seconds of [3, 17, 60, 599, 600, 3600, 10_000, 86_400, 700_000]) {
      const ticks = airTicks(startMs, startMs + seconds * 1000);
      expect(ticks.length).toBeWithin(1, 9);
      const [first, second] = ticks;
      const stepMs = (second?.atMs ?? 0) - (first?.atMs ?? 0);
      for (const [i, { atMs, isMinor }] of ticks.entries()) {
        expect(atMs).toBeWithin(startMs, startMs + seconds * 1000 + 1);
        if (i > 0) expect(atMs - (ticks[i - 1]?.atMs ?? 0)).toBe(stepMs);
        if (i > 0) expect(isMinor).not.toBe(ticks[i - 1]?.isMinor);
      }
    }
    const offsetMs = new Date(startMs).getTimezoneOffset() * 60_000;
    expect(airTicks(startMs, startMs + 600_000).every(({ atMs }) => (atMs - offsetMs) % 120_000 === 0)).toBe(true);
  });
});
