import { afterEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { spawnSync } from "node:child_process";
import type { VideoCodec } from "#media/track.ts";
import { systemClock } from "#time/system-clock.ts";
import { type CodedKeyframe, makeKeyframe } from "./keyframe-rig.ts";
import { PictureProcess, type PictureProcessOptions } from "./picture-process.ts";
import { pictureSize } from "./picture-size.ts";
import type { PictureJob } from "./picture-wire.ts";

const DEADLINE_MS = 20_000;
const processes: PictureProcess[] = [];

afterEach(async () => {
  await Promise.all(processes.splice(0).map((each) => each.stop()));
});

function start(options: PictureProcessOptions = {}): PictureProcess {
  const made = new PictureProcess(systemClock, options);
  processes.push(made);
  return made;
}

let jobs = 0;
function jobOf({ config, payload }: CodedKeyframe): PictureJob {
  return { id: ++jobs, codec: config.codec, record: config.record, keyframe: payload, ...pictureSize(config) };
}

/** Size of a picture and the colour of its middle, as ffmpeg sees it. */
function looksLike(webp: Uint8Array): { size: string; middle: number[] } {
  const path = join(tmpdir(), `grandstand-picture-${process.pid}.webp`);
  writeFileSync(path, webp);
  const { stdout } = spawnSync("ffmpeg", ["-v", "error", "-i", path, "-f", "image2pipe", "-c:v", "ppm", "-"]);
  rmSync(path);
  const [, width = 0, height = 0] = /^P6\n(\d+) (\d+)\n255\n/.exec(stdout.toString("latin1"))?.map(Number) ?? [];
  const at = stdout.byteLength - (width * height - Math.floor(height / 2) * width - Math.floor(width / 2)) * 3;
  return { size: `${width}x${height}`, middle: [...stdout.subarray(at, at + 3)] };
}

test(
  "one keyframe of each codec becomes a small WebP of what it shows",
  async () => {
    const worker = start();
    for (const codec of ["avc", "hevc", "av1", "vp9"] satisfies VideoCodec[]) {
      const outcome = await worker.make(jobOf(makeKeyframe(codec)));
      if (outcome.kind !== "picture") throw new Error(`${codec}: ${outcome.why}`);
      expect(looksLike(outcome.bytes).size).toBe("640x360");
      expect(looksLike(outcome.still).size).toBe("160x90");
      expect(outcome.bytes.byteLength).toBeLessThan(30_000);
    }
  },
  DEADLINE_MS,
);

test(
  "colours are the source's, whatever matrix it uses; a small picture is not made larger, a tall one fits",
  async () => {
    const worker = start();
    for (const matrix of ["bt709", "smpte170m"]) {
      const scale = `scale=out_color_matrix=${matrix}:out_range=tv,setparams=colorspace=${matrix}`;
      const red = makeKeyframe("avc", { size: "320x180", source: "color=red:", args: ["-vf", scale] });
      const outcome = await worker.make(jobOf(red));
      if (outcome.kind !== "picture") throw new Error(outcome.why);
      const { size, middle } = looksLike(outcome.bytes);
      expect(size).toBe("320x180");
      expect(middle[0]).toBeGreaterThan(245);
      expect(Math.max(middle[1] ?? 255, middle[2] ?? 255)).toBeLessThan(8);
    }
    const tall = await worker.make(jobOf(makeKeyframe("avc", { size: "720x1280" })));
    expect(tall.kind === "picture" && looksLike(tall.bytes).size).toBe("360x640");
  },
  DEADLINE_MS,
);

test(
  "what is no keyframe gives no picture, and the worker goes on",
  async () => {
    const worker = start();
    const good = makeKeyframe("avc");
    const noise = Uint8Array.from({ length: 4000 }, (_, i) => (i * 7919) & 0xff);
    for (const payload of [noise, new Uint8Array(0), good.payload.subarray(0, 3)])
      expect(await worker.make(jobOf({ ...good, payload }))).toMatchObject({ kind: "none" });
    const { pid } = worker;
    expect(await worker.make(jobOf(good))).toMatchObject({ kind: "picture" });
    expect(worker.pid).toBe(pid);
  },
  DEADLINE_MS,
);

test(
  "a worker that is killed or hangs costs one picture",
  async () => {
    const worker = start({ deadlineMs: 3000 });
    const keyframe = makeKeyframe("avc");
    expect(await worker.make(jobOf(keyframe))).toMatchObject({ kind: "picture" });
    for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
      const { pid } = worker;
      if (pid === undefined) throw new Error("no worker");
      process.kill(pid, signal);
      expect(await worker.make(jobOf(keyframe))).toMatchObject({ kind: "lost" });
      expect(await worker.make(jobOf(keyframe))).toMatchObject({ kind: "picture" });
      expect(worker.pid).not.toBe(pid);
    }
  },
  DEADLINE_MS,
);

test(
  "a worker that goes while nothing is to do is told of, one that is stopped is not",
  async () => {
    const lost: string[] = [];
    const told = Promise.withResolvers<void>();
    const worker = start({
      lostIdle: (why) => {
        lost.push(why);
        told.resolve();
      },
    });
    const keyframe = makeKeyframe("avc");
    expect(await worker.make(jobOf(keyframe))).toMatchObject({ kind: "picture" });
    if (worker.pid !== undefined) process.kill(worker.pid, "SIGKILL");
    await told.promise;
    expect(lost).toEqual(["it ended with SIGKILL"]);
    expect(await worker.make(jobOf(keyframe))).toMatchObject({ kind: "picture" });
    await worker.stop();
    expect([lost.length, worker.pid]).toEqual([1, undefined]);
  },
  DEADLINE_MS,
);

test.each([
  ["nonsense", "process.stdout.write('HTTP/1.1 200 OK, and so on')", "nonsense"],
  [
    "a picture that is none",
    "process.stdout.write(Uint8Array.of(0, 0, 0, 13, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 1, 7))",
    "nonsense",
  ],
  ["a crash with words", "console.error('out of luck'); process.exit(3)", "ended with code 3: out of luck"],
  ["an early answer", "process.stdout.write(Uint8Array.of(0, 0, 0, 6, 0, 0, 0, 0, 2, 1))", "what nobody asked"],
  ["a keen reader that says nothing", "process.stdin.resume()", "did not answer"],
])("a worker of another mind is given up: %s", async (name, code, why) => {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-pictures-"));
  const path = join(folder, `${name.replaceAll(" ", "-")}.ts`);
  writeFileSync(path, code);
  const worker = start({ entry: pathToFileURL(path), deadlineMs: 1500 });
  const job = {
    id: 9,
    codec: "avc",
    record: new Uint8Array(0),
    keyframe: new Uint8Array(9),
    width: 2,
    height: 2,
  } as const;
  const outcome = await worker.make(job);
  expect(outcome.kind === "lost" && outcome.why).toContain(why);
  expect(worker.pid).toBeUndefined();
  rmSync(folder, { recursive: true });
});
