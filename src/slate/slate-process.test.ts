import { afterAll, afterEach, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Fault } from "#faults/fault.ts";
import type { Slate } from "#media/slate.ts";
import { silentObserver } from "#observe/event.ts";
import { systemClock } from "#time/system-clock.ts";
import { type Slates, type SlatesOptions, startSlates } from "./index.ts";
import { ffmpeg, keyframeOf, requestOf, videoOf } from "./slate-rig.ts";

const DEADLINE_MS = 30_000;
const started: Slates[] = [];
const small = videoOf("avc", "160x90");
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "grandstand-slate-"));
});
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(async () => {
  await Promise.all(started.splice(0).map((each) => each.close()));
});

async function start(worker: SlatesOptions["worker"] = {}): Promise<{ slates: Slates; pids: number[] }> {
  const pids: number[] = [];
  const slates = await startSlates({
    observer: silentObserver,
    clock: systemClock,
    worker: {
      ...worker,
      onStarted: (pid) => {
        pids.push(pid);
        worker.onStarted?.(pid);
      },
    },
  });
  started.push(slates);
  return { slates, pids };
}

function calm(): AbortSignal {
  return new AbortController().signal;
}

function isAlive(pid: number | undefined): boolean {
  if (pid === undefined) return false;
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

function program(name: string, code: string): URL {
  const path = join(folder, `${name}.ts`);
  writeFileSync(path, code);
  return pathToFileURL(path);
}

const failure = (slate: Promise<Slate>): Promise<Fault> =>
  slate.then(
    () => Promise.reject(new Error("a slate was made")),
    (fault: Fault) => fault,
  );

test.each([
  ["hangs", "process.stdin.resume(); setInterval(() => undefined, 1000)", "did not answer"],
  ["does not read", "setInterval(() => undefined, 1000)", "did not answer"],
  ["writes nonsense", "process.stdout.write('HTTP/1.1 200 OK')", "nonsense"],
  ["says nothing", "process.exit(0)", "nonsense"],
  ["crashes", "console.error('out of luck'); process.exit(3)", "ended with code 3: out of luck"],
  ["never stops writing", "for (;;) require('node:fs').writeSync(1, new Uint8Array(65536))", "more than"],
])("a worker that %s is killed and told of", async (name, code, words) => {
  const { slates, pids } = await start({ entry: program(name.replaceAll(" ", "-"), code), deadlineMs: 3000 });
  const fault = await failure(slates.make(requestOf({ background: keyframeOf("gray", "640x360") }), calm()));
  expect(fault).toMatchObject({ code: "SLATE_FAILED" });
  expect(fault.message).toContain(words);
  expect(fault.hint).toBeDefined();
  expect(pids).toHaveLength(1);
  expect(isAlive(pids[0])).toBe(false);
});

test("an abort kills the worker and gives its reason; so does the end of the role", async () => {
  const running: (() => void)[] = [];
  const { slates, pids } = await start({
    entry: program("sleeper", "setInterval(() => undefined, 1000)"),
    onStarted: () => running.shift()?.(),
  });
  const next = (): Promise<void> => new Promise((resolve) => running.push(resolve));
  const abort = new AbortController();
  const runs = next();
  const made = failure(slates.make(requestOf(), abort.signal));
  await runs;
  abort.abort(new Error("the encoder is back"));
  expect((await made).message).toBe("the encoder is back");
  const runsAgain = next();
  const other = failure(slates.make(requestOf(), calm()));
  await runsAgain;
  await slates.close();
  expect((await other).message).toContain("the node closes");
  expect(pids.map(isAlive)).toEqual([false, false]);
  expect((await failure(slates.make(requestOf(), calm()))).message).toContain("the node closes");
  expect(await slates.closed).toBeNull();
});

test(
  "equal cards are made once, also when they are asked for together; others are made on their own",
  async () => {
    const { slates, pids } = await start();
    const together = await Promise.all(
      Array.from({ length: 20 }, (_, i) => slates.make(requestOf({ stream: `s${i}`, video: small }), calm())),
    );
    expect(new Set(together).size).toBe(1);
    expect(await slates.make(requestOf({ video: small }), calm())).toBe(together[0] as Slate);
    expect(pids).toHaveLength(1);
    const others = await Promise.all([
      slates.make(requestOf({ video: small, words: "Starting soon" }), calm()),
      slates.make(requestOf({ video: small, frameRate: { num: 30, den: 1 } }), calm()),
      slates.make(requestOf({ video: small, audio: undefined }), calm()),
      slates.make(requestOf({ video: small, background: keyframeOf("gray", "160x90") }), calm()),
    ]);
    expect(new Set(others).size).toBe(4);
    expect(pids).toHaveLength(5);
  },
  DEADLINE_MS,
);

test(
  "an image that was changed is read again",
  async () => {
    const { slates, pids } = await start();
    const file = join(folder, "changing.png");
    const write = (colour: string): void => {
      ffmpeg("-f", "lavfi", "-i", `color=${colour}:size=32x18:rate=1`, "-frames:v", "1", file);
    };
    write("white");
    utimesSync(file, 1000, 1000);
    const request = requestOf({ video: small, file });
    const before = await slates.make(request, calm());
    expect(await slates.make(request, calm())).toBe(before);
    write("black");
    expect(await slates.make(request, calm())).not.toBe(before);
    expect(pids).toHaveLength(2);
  },
  DEADLINE_MS,
);

test(
  "two workers run at a time, and those that wait have their turn",
  async () => {
    const alive: number[] = [];
    const { slates, pids } = await start({ onStarted: () => alive.push(pids.filter(isAlive).length) });
    const made = await Promise.all(
      ["a", "b", "c", "d", "e"].map((title) => slates.make(requestOf({ video: small, title }), calm())),
    );
    expect(made).toHaveLength(5);
    expect(pids).toHaveLength(5);
    expect(Math.max(...alive)).toBe(2);
  },
  DEADLINE_MS,
);

test(
  "one worker at a time is busy with files, so that cards have the other",
  async () => {
    const alive: number[] = [];
    const { slates, pids } = await start({ onStarted: () => alive.push(pids.filter(isAlive).length) });
    const files = ["red", "green", "blue"].map((colour) => {
      const file = join(folder, `${colour}.png`);
      ffmpeg("-f", "lavfi", "-i", `color=${colour}:size=32x18:rate=1`, "-frames:v", "1", file);
      return slates.make(requestOf({ video: small, file }), calm());
    });
    expect((await Promise.all(files)).map(({ fault }) => fault)).toEqual([undefined, undefined, undefined]);
    expect(alive).toEqual([1, 1, 1]);
  },
  DEADLINE_MS,
);

test("one of several that wait for the same slate may leave", async () => {
  const { slates } = await start();
  const abort = new AbortController();
  const leaving = failure(slates.make(requestOf({ video: small, title: "shared" }), abort.signal));
  const staying = slates.make(requestOf({ video: small, title: "shared" }), calm());
  abort.abort(new Error("gone"));
  expect((await leaving).message).toBe("gone");
  expect((await staying).pictures).toHaveLength(50);
});
