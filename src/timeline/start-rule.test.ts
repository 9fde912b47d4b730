import { describe, expect, test } from "bun:test";
import type { RawTrack } from "#media/frame.ts";
import { type PendingFrame, StartRule } from "./start-rule.ts";
import { AUDIO, audioConfig, VIDEO, videoConfig } from "./test-encoder.ts";

const SECOND: RawTrack = { kind: "video", number: 1 };

function frame(track: RawTrack, ms: number, keyframe = true): PendingFrame {
  return {
    raw: { track, dts: ms, ptsOffset: 0, keyframe, payload: new Uint8Array(100) },
    stampMs: ms,
    nowMs: 10_000 + ms,
  };
}

function ruleWith(...tracks: RawTrack[]): StartRule {
  const rule = new StartRule({ measuresGop: false });
  for (const track of tracks) rule.configure(track, track.kind === "video" ? videoConfig() : audioConfig());
  return rule;
}

describe("a session begins", () => {
  test("with its first keyframe when the parameters of picture and sound are there", () => {
    const rule = ruleWith(VIDEO, AUDIO);
    rule.keep(frame(VIDEO, 0, false));
    rule.keep(frame(AUDIO, 20));
    expect(rule.ready(10_020)).toBeUndefined();
    rule.keep(frame(VIDEO, 33));
    const ready = rule.ready(10_033);
    expect(ready?.leader.stampMs).toBe(33);
    expect(ready?.frames.map(({ stampMs }) => stampMs)).toEqual([20, 33]);
    expect(rule.takeDropped()).toBe(1);
  });

  test("a second after its first keyframe when nobody said anything of sound", () => {
    const rule = ruleWith(VIDEO);
    rule.keep(frame(VIDEO, 0));
    expect(rule.ready(10_999)).toBeUndefined();
    expect(rule.ready(11_000)?.frames.length).toBe(1);
  });

  test("at once when the metadata names no sound", () => {
    const rule = ruleWith(VIDEO);
    rule.metadata = { width: 1280, audiocodecid: 0 };
    rule.keep(frame(VIDEO, 0));
    expect(rule.ready(10_000)?.frames.length).toBe(1);
  });

  test("with sound alone when the metadata names no picture, after a second when it says nothing", () => {
    const told = ruleWith(AUDIO);
    told.metadata = { audiocodecid: 10 };
    told.keep(frame(AUDIO, 0));
    expect(told.ready(10_000)).toBeDefined();
    const untold = ruleWith(AUDIO);
    untold.keep(frame(AUDIO, 0));
    expect(untold.ready(10_999)).toBeUndefined();
    expect(untold.ready(11_000)).toBeDefined();
  });

  test("with the first picture's keyframe, not with another's that comes sooner", () => {
    const rule = ruleWith(SECOND, VIDEO, AUDIO);
    rule.keep(frame(SECOND, 0));
    expect(rule.ready(10_000)).toBeUndefined();
    rule.keep(frame(VIDEO, 1));
    const ready = rule.ready(10_001);
    expect(ready?.leader.raw.track).toBe(VIDEO);
    expect(ready?.frames.length).toBe(2);
  });
});

describe("before a session begins", () => {
  test("frames of unknown tracks are dropped and counted", () => {
    const rule = ruleWith();
    rule.keep(frame(AUDIO, 0));
    rule.keep(frame(VIDEO, 0));
    expect(rule.ready(20_000)).toBeUndefined();
    expect(rule.takeDropped()).toBe(2);
  });

  test("a picture without keyframes keeps no more than half a second of sound", () => {
    const rule = ruleWith(VIDEO, AUDIO);
    for (let ms = 0; ms < 60_000; ms += 20) {
      rule.keep(frame(AUDIO, ms));
      rule.keep(frame(VIDEO, ms, false));
      expect(rule.ready(10_000 + ms)).toBeUndefined();
    }
    expect(rule.takeDropped() + 26).toBe(6_000);
    expect(rule.abandon()).toBe(26);
  });

  test("what was kept in vain is counted once", () => {
    const rule = ruleWith(VIDEO);
    rule.keep(frame(VIDEO, 0));
    expect(rule.abandon()).toBe(1);
    expect(rule.abandon()).toBe(0);
  });

  test("with its second keyframe where the distance must be measured, and with a guess after four seconds", () => {
    const rule = new StartRule({ measuresGop: true });
    rule.configure(VIDEO, videoConfig());
    rule.configure(AUDIO, audioConfig());
    rule.keep(frame(VIDEO, 0));
    rule.keep(frame(VIDEO, 33, false));
    expect(rule.ready(11_999)).toBeUndefined();
    rule.keep(frame(VIDEO, 2000));
    expect(rule.ready(12_000)).toMatchObject({ gopMicros: 2_000_000, leader: { stampMs: 0 } });

    const slow = new StartRule({ measuresGop: true });
    slow.configure(VIDEO, videoConfig());
    slow.configure(AUDIO, audioConfig());
    slow.keep(frame(VIDEO, 0));
    expect(slow.ready(13_999)).toBeUndefined();
    expect(slow.ready(14_000)?.gopMicros).toBeGreaterThan(8_000_000);
  });
});
