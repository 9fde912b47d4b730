import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { silentObserver } from "#observe/event.ts";
import { SimulatedClock } from "#time/simulated-clock.ts";
import { systemClock } from "#time/system-clock.ts";
import { startProbe } from "./index.ts";
import { type ProbeReport, renderLiveLine } from "./report.ts";
import type { SyntheticOptions } from "./synthetic/synthetic-presentation.ts";
import { startSyntheticServer, type SyntheticServer } from "./synthetic/synthetic-server.ts";

interface Case extends SyntheticOptions {
  /** Rules that must be broken, and no others. */
  readonly errors: readonly string[];
  readonly seconds?: number;
  readonly dash?: boolean;
  readonly viewers?: number;
  readonly protocol?: "hls";
}

const CASES: Readonly<Record<string, Case>> = {
  "a clean presentation": { errors: [] },
  "a clean presentation in a short window": { errors: [], windowSegments: 4, seconds: 7 },
  "a clean presentation without parts": { errors: [], parts: false },
  "a clean presentation that ends": { errors: [], endsAt: 15 },
  "a clean presentation with light viewers": { errors: [], viewers: 21 },
  "a clean manifest": { errors: [], dash: true },
  "a late part": { errors: ["part-clock"], faults: { latePart: 8 } },
  "a changed target duration": {
    errors: ["same-target-duration", "server-control-minima", "target-duration-constant"],
    faults: { targetDurationChanges: 8 },
  },
  "a segment unlike its parts": { errors: ["segment-equals-parts"], faults: { segmentDiffersFromParts: 5 } },
  "a segment that changes": { errors: ["media-immutable"], faults: { segmentMutates: true } },
  "a missing frame": { errors: ["duration-true", "frames-none-missing"], faults: { frameMissing: 8 } },
  "a wrong delta update": { errors: ["delta-merges"], faults: { deltaLies: true } },
  "a hint that lies": { errors: ["hint-becomes-part"], faults: { hintLies: 8 } },
  "200 for an absurd _HLS_msn": {
    errors: ["msn-too-far-refused", "part-too-far-refused"],
    faults: { absurdMsnAccepted: true },
  },
  "_HLS_part without _HLS_msn": { errors: ["part-without-msn-refused"], faults: { partWithoutMsnAccepted: true } },
  "400 for a stale _HLS_msn": { errors: ["stale-msn-answered"], faults: { staleMsnRefused: true } },
  "blocking answers without news": { errors: ["blocking-answer-complete"], faults: { blockingAnswersEarly: 8 } },
  "no compression": { errors: ["playlist-gzip"], faults: { noGzip: true } },
  "parts that are forgotten": { errors: ["part-retained"], faults: { partsForgotten: true } },
  "segments that are forgotten": {
    errors: ["segment-retained"],
    faults: { segmentsForgotten: true },
    windowSegments: 4,
    seconds: 7,
  },
  "frozen rendition reports": { errors: ["report-not-behind"], faults: { reportsFrozen: 8 } },
  "server controls that differ": { errors: ["same-server-control"], faults: { controlDiffers: true } },
  "a date that jumps": { errors: ["dates-contiguous"], faults: { dateJumps: 8 } },
  "wrong CODECS": { errors: ["codecs-true"], faults: { wrongCodecs: true } },
  "a BANDWIDTH too low": { errors: ["bandwidth-covers-peak"], faults: { bandwidthTooLow: true } },
  "a part that is not independent": { errors: ["independent-is-decodable"], faults: { independentLie: 5 } },
  "a renamed segment": { errors: ["segments-unchanged"], faults: { segmentRenamed: 8 } },
  "200 for what does not exist": { errors: ["unknown-is-not-found"], faults: { unknownIsOk: true } },
  "a stream that stops": { errors: ["stream-goes-on"], faults: { stops: 8 }, seconds: 4 },
  "a manifest ahead of its media": {
    errors: ["dash-media-available"],
    faults: { dashAnnouncesTooEarly: true },
    dash: true,
  },
  "a manifest without a clock": { errors: ["dash-utc-timing"], faults: { dashWithoutClock: true }, dash: true },
  "a timeline beside its media": {
    errors: ["dash-media-matches-timeline", "dash-timeline-contiguous"],
    faults: { dashTimelineLies: 5 },
    dash: true,
  },
};

const WATCH_SECONDS = 4.5;
/** Simulated time moves in steps of this, once everybody waits for it. */
const STEP_MS = 5;
/** Turns of the event loop without a request or an answer after which everybody is taken to wait. */
const QUIET_TURNS = 4;

const clock = new SimulatedClock();
const reports = new Map<string, ProbeReport>();
const servers: SyntheticServer[] = [];

async function watch(name: string, options: Case, server: SyntheticServer): Promise<void> {
  const report = await startProbe({
    url: options.dash ? server.manifestUrl : server.url,
    protocol: options.protocol,
    seconds: options.seconds ?? WATCH_SECONDS,
    viewers: options.viewers,
    clock,
    observer: silentObserver,
    signal: new AbortController().signal,
  });
  reports.set(name, report);
}

function turn(): Promise<void> {
  return new Promise((done) => setImmediate(done));
}

/** Real sockets, simulated time: a busy machine makes the test slower and changes nothing else. */
async function quiet(): Promise<void> {
  let seen = -1;
  for (let turns = 0; turns < QUIET_TURNS; turns++) {
    const activity = servers.reduce((sum, server) => sum + server.activity, 0);
    if (activity !== seen) turns = 0;
    seen = activity;
    await turn();
  }
}

function reportOf(name: string): ProbeReport {
  const report = reports.get(name);
  if (report === undefined) throw new Error(`no report of ${name}`);
  return report;
}

beforeAll(async () => {
  const entries = Object.entries(CASES);
  for (const [, options] of entries) servers.push(await startSyntheticServer({ ...options, clock }));
  const watches = entries.map(async ([name, options], i) => {
    const server = servers[i];
    if (server !== undefined) await watch(name, options, server);
  });
  while (reports.size < entries.length) {
    await quiet();
    await clock.advance(STEP_MS);
  }
  await Promise.all(watches);
}, 60_000);

afterAll(async () => {
  await Promise.all(servers.map((server) => server.close()));
});

describe("finds exactly what is wrong with", () => {
  for (const [name, { errors }] of Object.entries(CASES)) {
    test(name, () => {
      const report = reportOf(name);
      const found = report.errors.map((finding) => `${finding.rule}: ${finding.sentence}`);
      expect({ found, rules: report.errors.map((finding) => finding.rule).sort() }).toEqual({
        found,
        rules: [...errors],
      });
      expect(report.exitCode).toBe(errors.length === 0 ? 0 : 1);
    });
  }
});

test("a clean watch has the figures of the presentation", () => {
  const report = reportOf("a clean presentation");
  expect(report.protocol).toBe("ll-hls");
  expect(report.state).toBe("playing");
  expect(report.stallCount).toBe(0);
  expect(report.framesMissing + report.framesRepeated).toBe(0);
  expect(report.framesVideo).toBeGreaterThan(80);
  expect(report.startup.frameMs).toBeLessThan(1_500);
  expect(report.latencyMs.p50).toBeLessThan(1_500);
  expect(report.renditions.map(({ codec, frameRate }) => ({ codec, frameRate }))).toEqual([
    { codec: "avc1.4d401f", frameRate: 25 },
    { codec: "opus", frameRate: 50 },
  ]);
  expect(report.partIntervalMs.p50).toBeGreaterThan(150);
  expect(report.partIntervalMs.p50).toBeLessThan(250);
  expect(renderLiveLine(report)).toContain("ll-hls playing");
  for (const rule of ["segment-equals-parts", "delta-merges", "part-retained", "media-immutable"]) {
    expect(report.checks[rule] ?? 0).toBeGreaterThan(0);
  }
});

test("a stream that stops stalls the player model", () => {
  const report = reportOf("a stream that stops");
  expect(report.stallCount).toBe(1);
  expect(report.stallMs).toBeGreaterThan(1_000);
});

test("a presentation that ends is no stall", () => {
  const report = reportOf("a clean presentation that ends");
  expect(report.state).toBe("ended");
  expect(report.stallCount).toBe(0);
  expect(report.checks["directives-ignored-after-end"]).toBeGreaterThan(0);
});

test("light viewers play and are counted", () => {
  const { load } = reportOf("a clean presentation with light viewers");
  expect(load?.viewers).toBe(20);
  expect(load?.playing).toBe(20);
  expect(load?.failures).toBe(0);
  expect(load?.blockingMs.count).toBeGreaterThan(200);
  expect(load?.bytes).toBeGreaterThan(100_000);
});

test("DASH is watched with its clock", () => {
  const report = reportOf("a clean manifest");
  expect(report.protocol).toBe("dash");
  expect(report.framesVideo).toBeGreaterThan(60);
  expect(report.framesMissing).toBe(0);
});

describe("says in one line why it cannot watch", () => {
  const probe = async (url: string, extra: { viewers?: number; seconds?: number } = {}): Promise<ProbeReport> =>
    startProbe({
      url,
      ...extra,
      clock: systemClock,
      observer: silentObserver,
      signal: new AbortController().signal,
    });

  test("nobody listens", async () => {
    const report = await probe("http://127.0.0.1:1/index.m3u8");
    expect(report.exitCode).toBe(2);
    expect(report.state).toBe("failed");
    expect(report.failure).toContain("connection");
  });

  test("bad usage", async () => {
    expect((await probe("rtmp://host/live")).failure).toContain("http");
    expect((await probe("http://127.0.0.1:1/", { viewers: 0 })).exitCode).toBe(2);
    expect((await probe("http://127.0.0.1:1/", { seconds: -1 })).exitCode).toBe(2);
  });
});
