import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { measureCpuPressure, PRESSURE_MAX } from "./cpu-pressure.ts";
import { eventually, within } from "./deadline.ts";
import { x264 } from "./encoder-matrix.ts";
import { fetchPlaylist } from "./media-playlist.ts";
import { type PartArrival, type PartWatch, watchParts } from "./part-arrivals.ts";
import { type Platform, startPlatform, startTool, type Tool, untilOnAir } from "./platform.ts";

/*
 * Twenty streams on one machine, and each has its bad moment: the others never find out.
 */

const STREAMS = 20;
const NAMES: readonly string[] = Array.from({ length: STREAMS }, (_, i) => `stage-${i + 1}`);
const keyOf = (name: string): string => `key-of-${name}`;
/** From one fault to the next, milliseconds. */
const FAULT_EVERY_MS = 2000;
/** How long a silent encoder is stopped, milliseconds. */
const STALL_MS = 3000;
/** How much later a part may come than the stream's usual delay, milliseconds. */
const LATE_MS_MAX = 500;
/** How long after its own fault a stream may still be late, milliseconds: a restart, a keyframe, what it has to catch up. */
const RECOVERY_MS = 8000;

/** Copies a file to a stream for ever, in real time. */
function loop(file: string, url: string): Tool {
  return startTool("ffmpeg", [
    "-v",
    "error",
    "-nostdin",
    "-re",
    "-stream_loop",
    "-1",
    "-i",
    file,
    "-c",
    "copy",
    "-f",
    "flv",
    url,
  ]);
}

interface Stage {
  readonly platform: Platform;
  readonly files: readonly [string, string];
  readonly encoders: Map<string, Tool>;
  /** Everything else that was started. */
  readonly others: Tool[];
}

const urlOf = ({ platform }: Stage, key: string): string => `${platform.rtmp}/${key}`;

function restart(stage: Stage, name: string): void {
  stage.encoders.set(name, loop(stage.files[0], urlOf(stage, keyOf(name))));
}

async function after(ms: number, what: string): Promise<void> {
  const endMs = performance.now() + ms;
  await eventually(ms + 1000, what, () => performance.now() >= endMs || undefined);
}

/** What may happen, and whether the stream itself feels it. */
const FAULTS: readonly {
  readonly kind: string;
  readonly isFelt: boolean;
  readonly happen: (stage: Stage, name: string) => Promise<void>;
}[] = [
  {
    kind: "killed",
    isFelt: true,
    happen: async (stage, name) => {
      stage.encoders.get(name)?.kill("SIGKILL");
      await after(1000, "a second without an encoder");
      restart(stage, name);
    },
  },
  {
    kind: "stalled",
    isFelt: true,
    happen: async (stage, name) => {
      stage.encoders.get(name)?.kill("SIGSTOP");
      await after(STALL_MS, "the stall");
      stage.encoders.get(name)?.kill("SIGCONT");
    },
  },
  {
    kind: "random bytes",
    isFelt: false,
    happen: async ({ platform }) => {
      const socket = connect(platform.rtmpPort, "127.0.0.1");
      const ended = new Promise<void>((resolve) => socket.once("close", () => resolve()));
      socket.on("error", () => undefined);
      socket.resume();
      socket.end(crypto.getRandomValues(new Uint8Array(60_000)));
      await within(15_000, "the server to end the connection", ended);
    },
  },
  {
    kind: "begun again at 0",
    isFelt: true,
    happen: async (stage, name) => {
      const old = stage.encoders.get(name);
      old?.kill("SIGINT");
      await within(5000, "the encoder to end", old?.exited ?? Promise.resolve(null));
      restart(stage, name);
    },
  },
  {
    kind: "wrong key",
    isFelt: false,
    happen: async (stage, name) => {
      const wrong = loop(stage.files[1], urlOf(stage, `${keyOf(name)}-not`));
      stage.others.push(wrong);
      expect(await within(10_000, "ffmpeg to be refused", wrong.exited)).not.toBe(0);
    },
  },
  {
    kind: "second encoder",
    isFelt: false,
    happen: async (stage, name) => {
      const second = loop(stage.files[1], urlOf(stage, keyOf(name)));
      stage.others.push(second);
      await after(2000, "two encoders for two seconds");
      second.kill("SIGKILL");
    },
  },
];

/** Seconds of processor time of a process and its children. */
function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  const own = Number(fields[11]) + Number(fields[12]);
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(" ");
  return own / 100 + children.reduce((sum, child) => sum + (child === "" ? 0 : processorSeconds(Number(child))), 0);
}

interface Felt {
  readonly fromMs: number;
  readonly toMs: number;
}

/** How much later than its usual delay the latest of these parts came, milliseconds. */
function spreadOf(parts: readonly PartArrival[]): number {
  const delays = parts.map(({ endMs, seenMs }) => seenMs - endMs);
  return Math.round(Math.max(...delays) - Math.min(...delays));
}

/** The same of a stream, its own bad moment left out, which may have moved it for good. */
function latestOf({ parts }: PartWatch, felt: Felt | undefined): number {
  if (felt === undefined) return spreadOf(parts);
  const before = parts.filter(({ seenMs }) => seenMs < felt.fromMs);
  return Math.max(spreadOf(before), spreadOf(parts.filter(({ seenMs }) => seenMs > felt.toMs)));
}

async function encode(file: string, pattern: string): Promise<void> {
  const inputs = [`${pattern}=size=320x180:rate=30`, "sine=sample_rate=48000"].flatMap((source) => [
    "-f",
    "lavfi",
    "-i",
    source,
  ]);
  const coded = [...x264(30), "-c:a", "aac", "-b:a", "64k", "-t", "20", "-y", file];
  expect(await within(60_000, file, startTool("ffmpeg", ["-v", "error", ...inputs, ...coded]).exited)).toBe(0);
}

test("twenty streams: what happens to one is felt by none of the others", async () => {
  const folder = await mkdtemp(join(tmpdir(), "grandstand-evening-"));
  const files = [join(folder, "a.mkv"), join(folder, "b.mkv")] as const;
  const encoders = new Map<string, Tool>();
  const others: Tool[] = [];
  const watches = new Map<string, PartWatch>();
  try {
    await Promise.all([encode(files[0], "testsrc2"), encode(files[1], "smptebars")]);
    await using platform = await startPlatform({
      streams: Object.fromEntries(NAMES.map((name) => [name, keyOf(name)])),
      config: "continuity: hold\nwindowSeconds: 150",
    });
    await using watching = new AsyncDisposableStack();
    const stage: Stage = { platform, files, encoders, others };
    for (const name of NAMES) restart(stage, name);
    await Promise.all(NAMES.map((name) => untilOnAir(platform, name, 30_000)));
    await after(3000, "a calm beginning");
    for (const name of NAMES)
      watches.set(name, watching.use(watchParts(`${platform.http}/live/${name}/source/index.m3u8`)));
    await after(2000, "a calm beginning");
    const pressure = measureCpuPressure();
    const [startMs, startSeconds] = [performance.now(), processorSeconds(platform.process.pid ?? 0)];
    const felt = new Map<string, Felt>();
    const faults: Promise<void>[] = [];
    for (const [i, name] of NAMES.entries()) {
      const fault = FAULTS[i % FAULTS.length];
      if (fault === undefined) continue;
      const fromMs = performance.now();
      if (fault.isFelt) felt.set(name, { fromMs, toMs: fromMs + RECOVERY_MS });
      faults.push(fault.happen(stage, name));
      await after(FAULT_EVERY_MS, "the next one");
    }
    await Promise.all(faults);
    await after(RECOVERY_MS, "the last one's recovery");
    const seconds = (performance.now() - startMs) / 1000;
    const share = (processorSeconds(platform.process.pid ?? 0) - startSeconds) / seconds;
    const late = NAMES.map((name) => latestOf(watches.get(name) as PartWatch, felt.get(name)));
    const endMs = performance.now();
    console.log(
      `${STREAMS} streams for ${Math.round(seconds)} s: ${(share * 100).toFixed(0)} % of a processor, pressure ${pressure().toFixed(2)}, late by ${late.join(" ")} ms`,
    );
    for (const [i, name] of NAMES.entries()) {
      const facts = await fetchPlaylist(`${platform.http}/live/${name}/source/index.m3u8`);
      const numbers = facts?.segments.map(({ number }) => number) ?? [];
      const what = `${name}, ${FAULTS[i % FAULTS.length]?.kind}`;
      const shape = {
        what,
        gaps: facts?.gaps,
        discontinuities: facts?.discontinuities,
        timelines: new Set(facts?.segments.map(({ uri }) => uri.split("-")[0])).size,
      };
      expect(shape).toEqual({ what, gaps: 0, discontinuities: 0, timelines: 1 });
      expect(numbers.length).toBeGreaterThan(seconds / 2 - 5);
      expect(numbers).toEqual(numbers.map((_, n) => (numbers[0] ?? 0) + n));
      expect(endMs - (watches.get(name)?.parts.at(-1)?.seenMs ?? 0)).toBeLessThan(2000);
      if (pressure() < PRESSURE_MAX) expect(`${what}: ${(late[i] ?? 0) < LATE_MS_MAX}`).toBe(`${what}: true`);
    }
  } finally {
    for (const tool of [...encoders.values(), ...others]) await tool[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
  }
}, 180_000);
