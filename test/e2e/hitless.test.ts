import { expect, test } from "bun:test";
import { readChunks } from "#probe/cmaf/chunk.ts";
import { readInitSegment } from "#probe/cmaf/init-segment.ts";
import { randomFrom } from "#timeline/test-encoder.ts";
import { eventually } from "./deadline.ts";
import { x264 } from "./encoder-matrix.ts";
import { namedSegmentsOf } from "./ladder-segments.ts";
import { carry, type SentFrame, startOneEncode } from "./one-encode.ts";
import { type PathRelay, startPathRelay } from "./path-relay.ts";
import { MAIN_KEY, type Platform, startPlatform, untilOnAir } from "./platform.ts";
import { healthOf, untilStates } from "./stream-health.ts";
import { complaintsOf, watch, withoutStarvation } from "./watching.ts";

/** Other faults each time; the same ones again with TEST_SEED. */
const SEED = Number(process.env["TEST_SEED"] ?? Math.floor(Math.random() * 0xff_ff_ff_ff));
/** One after the other, some two seconds each. */
const FAULTS = Number(process.env["TEST_FAULTS"] ?? 16);
/** What all of them take at most, and what comes before and after, seconds. */
const SECONDS_MAX = 60 + FAULTS * 4;
/** For how long the strict player looks at it, seconds. */
const PROBED_SECONDS = 15;
/** The longest stall and lag, milliseconds. */
const LATE_MS_MAX = 3000;

/** A track as HLS serves it: whole segments, one after the other. */
interface Served {
  readonly playlist: string;
  readonly timelines: ReadonlySet<string>;
  readonly numbers: readonly number[];
  readonly timescale: number;
  readonly payloads: readonly Uint8Array[];
  /** Decode times in ticks. */
  readonly times: readonly number[];
  /** Samples that begin elsewhere than where the one before ends. */
  readonly holes: number;
}

async function servedTrack(platform: Platform, track: string): Promise<Served> {
  const folder = `${platform.http}/live/main/${track}`;
  const bytesOf = async (name: string): Promise<Uint8Array> => (await fetch(`${folder}/${name}`)).bytes();
  const playlist = await (await fetch(`${folder}/index.m3u8`)).text();
  const named = namedSegmentsOf(playlist);
  const init = readInitSegment(await bytesOf(named[0]?.initUri ?? ""));
  const [payloads, times]: [Uint8Array[], number[]] = [[], []];
  let holes = 0;
  let end: number | undefined;
  for (const { uri } of named) {
    const bytes = await bytesOf(uri);
    for (const { dataStart, startDts, samples } of readChunks(bytes, init)) {
      if (end !== undefined && end !== startDts) holes++;
      end = startDts;
      let at = dataStart;
      for (const { sizeBytes, duration } of samples) {
        payloads.push(bytes.subarray(at, at + sizeBytes));
        times.push(end);
        at += sizeBytes;
        end += duration;
      }
    }
  }
  const timelines = new Set(named.map(({ uri }) => uri.split("-")[0] ?? ""));
  return {
    playlist,
    timelines,
    numbers: named.map(({ number }) => number),
    timescale: init.timescale,
    payloads,
    times,
    holes,
  };
}

/** What a viewer was served is what the encoder made: from some frame on, every byte, in its order and at its time. */
function expectUndisturbed(served: Served, sent: readonly SentFrame[]): void {
  const { playlist, timelines, numbers, timescale, payloads, times, holes } = served;
  expect(playlist).not.toContain("#EXT-X-DISCONTINUITY\n");
  expect(playlist).not.toContain("#EXT-X-GAP");
  expect(timelines.size).toBe(1);
  expect(numbers).toEqual(numbers.map((_, i) => (numbers[0] ?? 0) + i));
  expect(holes).toBe(0);
  const [first] = payloads;
  const from = sent.findIndex(({ payload }) => first !== undefined && Buffer.compare(payload, first) === 0);
  expect(from).toBeGreaterThanOrEqual(0);
  const wrong = payloads.findIndex(
    (payload, i) => Buffer.compare(payload, sent[from + i]?.payload ?? new Uint8Array(0)) !== 0,
  );
  const instead = sent.findIndex(({ payload }) => Buffer.compare(payload, payloads[wrong] ?? new Uint8Array(0)) === 0);
  expect({ wrong, instead: wrong < 0 ? -1 : instead - from }).toEqual({ wrong: -1, instead: -1 });
  // Encoders round to milliseconds.
  const off = times.map((ticks, i) => {
    const served = ((ticks - (times[0] ?? 0)) * 1000) / timescale;
    return Math.abs(served - ((sent[from + i]?.timestamp ?? 0) - (sent[from]?.timestamp ?? 0)));
  });
  expect(Math.max(...off)).toBeLessThan(3);
}

interface Fault {
  readonly path: number;
  readonly kind: "kill" | "stall" | "lag";
  readonly ms: number;
}

function randomFault(random: () => number): Fault {
  const kind = (["kill", "stall", "lag"] as const)[Math.floor(random() * 3)] ?? "kill";
  return { path: Math.floor(random() * 2), kind, ms: Math.round(random() * LATE_MS_MAX) };
}

function happen({ path, kind, ms }: Fault, relays: readonly PathRelay[]): void {
  const relay = relays[path];
  if (kind === "kill") relay?.kill();
  else if (kind === "stall") relay?.stall(ms);
  else relay?.lag(ms);
}

test(
  "one encode over two paths: kills, stalls and lags of either change no byte",
  async () => {
    const random = randomFrom(SEED);
    console.log(`TEST_SEED=${SEED} TEST_FAULTS=${FAULTS}`);
    await using platform = await startPlatform({ config: `continuity: hold\nwindowSeconds: ${SECONDS_MAX}` });
    const sources = ["testsrc2=size=320x180:rate=30", "anoisesrc=sample_rate=48000:amplitude=0.1"];
    const inputs = sources.flatMap((source) => ["-re", "-f", "lavfi", "-i", source]);
    await using encode = startOneEncode([...inputs, ...x264(30), "-c:a", "aac", "-b:a", "96k"]);
    await using first = await startPathRelay(platform.rtmpPort);
    await using second = await startPathRelay(platform.rtmpPort);
    const relays = [first, second];
    const clock = (): number => Math.floor(random() * 0xff_ff_ff_ff);
    const [one, other] = relays.map(({ port }) => carry(encode, `rtmp://127.0.0.1:${port}/live/${MAIN_KEY}`, clock));
    await using _one = one;
    await using _other = other;
    await untilOnAir(platform);
    const probed = watch(`${platform.http}/live/main/index.m3u8`, { seconds: PROBED_SECONDS });
    const done: string[] = [];
    const startMs = performance.now();
    while (done.length < FAULTS) {
      await untilStates(platform, ["on-air", "merged"]).catch((error: unknown) => {
        throw new Error(`after ${done.join(", ")}`, { cause: error });
      });
      const fault = randomFault(random);
      const pauseMs = performance.now() + random() * 600;
      await eventually(1000, "a moment", () => performance.now() >= pauseMs || undefined);
      happen(fault, relays);
      done.push(`${fault.kind} of ${fault.path} ${fault.ms}`);
      await eventually(10_000, "the path again", () => relays.every(({ isFlowing }) => isFlowing) || undefined);
    }
    const lastMs = encode.sent.video.at(-1)?.timestamp ?? 0;
    console.log(`${done.length} faults in ${Math.round((performance.now() - startMs) / 1000)} s: ${done.join(", ")}`);
    // What was made up to the last fault is served whole; lags and segments come on top.
    const [video, audio] = await eventually(20_000, "the last segments", async () => {
      const tracks = await Promise.all([servedTrack(platform, "source"), servedTrack(platform, "audio")]);
      return tracks.every(({ payloads, times, timescale }) => {
        const seconds = ((times.at(-1) ?? 0) - (times[0] ?? 0)) / timescale;
        return payloads.length > 0 && seconds * 1000 > lastMs - 3000;
      })
        ? tracks
        : undefined;
    });
    expectUndisturbed(video as Served, encode.sent.video);
    expectUndisturbed(audio as Served, encode.sent.audio);
    expect((await healthOf(platform))?.counters).toMatchObject({ switches: 0, dropped: 0 });
    expect(withoutStarvation(complaintsOf(await probed, { timing: false }))).toEqual([]);
    expect(encode.output()).toBe("");
  },
  SECONDS_MAX * 1000,
);
