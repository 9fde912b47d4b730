import { expect, test } from "bun:test";
import { renderManifest } from "#packaging/dash/manifest.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { renderMediaPlaylist } from "#packaging/hls/media-playlist.ts";
import { renderMultivariantPlaylist } from "#packaging/hls/multivariant-playlist.ts";
import { GateRig } from "#timeline/gate-rig.ts";
import { type EncoderOptions, type Fault, randomFrom } from "#timeline/test-encoder.ts";

/*
 * What the gate writes, read by the live window that players are served from: random encoder sessions with faults, reconnects and changes of rate.
 */

const SEED = Number(process.env["GRANDSTAND_SEED"] ?? Math.floor(Math.random() * 1e9));
const RATES = [
  { num: 24_000, den: 1001 },
  { num: 25, den: 1 },
  { num: 30_000, den: 1001 },
  { num: 30, den: 1 },
  { num: 60, den: 1 },
];

function pick<T>(random: () => number, from: readonly [T, ...T[]]): T {
  return from[Math.floor(random() * from.length)] ?? from[0];
}

function randomSession(random: () => number): EncoderOptions {
  const rate = RATES[Math.floor(random() * RATES.length)] ?? { num: 30, den: 1 };
  const kinds: readonly [Fault["kind"], ...Fault["kind"][]] = ["corrupt", "jump", "hole", "stall"];
  const fault: Fault = { kind: pick(random, kinds), atSeconds: 3 + random() * 4, ms: Math.round(random() * 2500) };
  const kind = random();
  return {
    seconds: 9,
    seed: Math.floor(random() * 1e9),
    skewMs: Math.round((random() - 0.5) * 400),
    jitterMs: pick(random, [0, 5, 40]),
    faults: random() < 0.5 ? [fault] : [],
    ...(kind < 0.1
      ? {}
      : {
          video: {
            rate,
            gopFrames: pick(random, [30, 60, 250]),
            bFrames: pick(random, [0, 2]),
            variable: random() < 0.2,
          },
        }),
    ...(kind > 0.9 ? {} : { audio: { sampleRate: pick(random, [44_100, 48_000]) } }),
  };
}

/** Durations that a playlist states, and its target. */
function facts(text: string): { readonly target: number; readonly durations: readonly number[] } {
  const target = Number(/#EXT-X-TARGETDURATION:(\d+)/.exec(text)?.[1]);
  const durations = [...text.matchAll(/#EXTINF:([\d.]+)/g)].map((match) => Number(match[1]));
  return { target, durations };
}

function readByWindow(rig: GateRig): void {
  const [hello, ...records] = rig.records;
  if (hello?.type !== "hello") throw new Error("the hello comes first");
  const window = new BroadcastWindow(hello);
  for (const [i, record] of records.entries()) {
    window.apply(record);
    if (record.type !== "seal" && i % 500 !== 0) continue;
    for (const { track } of window.tracks) {
      const { target, durations } = facts(renderMediaPlaylist(window, track.name));
      for (const seconds of durations) {
        if (Math.round(seconds) > target) throw new Error(`${track.name}: EXTINF ${seconds} above target ${target}`);
      }
    }
  }
  for (const { segments, track } of window.tracks) {
    expect(segments.length).toBeGreaterThan(0);
    for (const [i, segment] of segments.entries()) {
      const before = segments[i - 1];
      if (before !== undefined && segment.number !== before.number + 1) throw new Error(`${track.name}: numbers`);
      if (segment.gap) throw new Error(`${track.name}: segment ${segment.number} is a gap`);
      const end = before === undefined ? segment.startDts : before.startDts + before.duration;
      if (segment.startDts !== end)
        throw new Error(`${track.name}: segment ${segment.number} does not begin where the last ended`);
    }
  }
  expect(renderMultivariantPlaylist(window)).toStartWith("#EXTM3U");
  expect(renderManifest(window)).toContain("<MPD");
}

test("whatever encoders send, the window has every segment whole and its playlists keep their target duration", () => {
  const startedMs = performance.now();
  let runs = 0;
  for (; runs < 150 && performance.now() - startedMs < 3000; runs++) {
    const seed = SEED + runs;
    const random = randomFrom(seed);
    try {
      const rig = new GateRig();
      rig.session(randomSession(random));
      rig.idle(random() * 5000);
      if (random() < 0.6) rig.session(randomSession(random));
      rig.gate.end("stopped", rig.nowMs);
      readByWindow(rig);
    } catch (error) {
      throw new Error(`seed ${seed}`, { cause: error });
    }
  }
  expect(runs).toBeGreaterThan(10);
});
