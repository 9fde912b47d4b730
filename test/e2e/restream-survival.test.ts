import { expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import type { AdminStream } from "#web/wire.ts";
import { eventually } from "./deadline.ts";
import { type Encoder, ourPublisher } from "./encoder-matrix.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";
import {
  addTarget,
  changeTarget,
  complaintsAbout,
  type NginxTarget,
  startNginxTarget,
  targetOf,
  untilTarget,
} from "./restream-target.ts";

const KEY = "survival-key-0123456789";
/** Resident memory that may come and go in a minute, bytes. */
const MEMORY_SWING_BYTES = 96 * 1024 * 1024;
/** Longest step between two pictures: a held one lasts a part, 500 ms, and what is left of one may belong to the next. */
const PICTURE_STEP_MS_MAX = 750;
/** Longest step between two frames of sound: a few of 21 to 23 ms where one encoder's ends and the next one's begins. */
const SOUND_STEP_MS_MAX = 130;

let platform: Platform;
let nginx: NginxTarget;

async function healthOf(): Promise<NonNullable<AdminStream["health"]>> {
  const headers = { authorization: `Bearer ${platform.adminToken}` };
  const { health } = (await (await fetch(`${platform.http}/api/v1/streams/main`, { headers })).json()) as AdminStream;
  if (health === null) throw new Error("nothing is on air");
  return health;
}

function untilHealth(what: string, isSo: (health: NonNullable<AdminStream["health"]>) => boolean): Promise<void> {
  return eventually(20_000, what, async () => (isSo(await healthOf()) ? true : undefined)).then(() => undefined);
}

const untilWidth = (width: number): Promise<void> =>
  untilHealth(
    `a picture ${width} wide`,
    ({ state, tracks }) => state === "live" && tracks.some((track) => track.width === width),
  );

/** Waits until the target has got so many more bytes. */
async function further(id: string, bytes: number): Promise<void> {
  const { sentBytes } = await targetOf(platform, id);
  await untilTarget(platform, id, `${bytes} bytes more`, (target) => target.sentBytes > sentBytes + bytes);
}

async function switchTo(role: "primary" | "backup"): Promise<void> {
  const session = (await healthOf()).sessions.find((one) => one.role === role)?.id;
  const answer = await fetch(`${platform.http}/api/v1/streams/main/switch`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ session }),
  });
  expect(answer.status).toBe(200);
}

async function residentBytes(): Promise<number> {
  const status = readFileSync(`/proc/${await platform.nodePid()}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

interface Tag {
  readonly type: number;
  readonly timeMs: number;
  readonly body: Uint8Array;
}

const AUDIO = 8;
const VIDEO = 9;

/** The tags of an FLV file (FLV 10.1 §E.4). */
function tagsOf(path: string): Tag[] {
  const bytes = new Uint8Array(readFileSync(path));
  const view = new DataView(bytes.buffer);
  const tags: Tag[] = [];
  for (let at = view.getUint32(5) + 4; at + 11 <= bytes.byteLength; ) {
    const size = view.getUint32(at) & 0xffffff;
    const timeMs = (view.getUint32(at + 4) >>> 8) + view.getUint8(at + 7) * 2 ** 24;
    tags.push({ type: bytes[at] ?? 0, timeMs, body: bytes.subarray(at + 11, at + 11 + size) });
    at += 11 + size + 4;
  }
  return tags;
}

const isHeader = ({ body }: Tag): boolean => body[1] === 0;

function stepsOf(tags: readonly Tag[], type: number): number[] {
  const times = tags.filter((tag) => tag.type === type && !isHeader(tag)).map(({ timeMs }) => timeMs);
  return times.slice(1).map((time, i) => time - (times[i] ?? 0));
}

function expectOrderly(tags: readonly Tag[]): void {
  for (const [type, longestMs] of [
    [VIDEO, PICTURE_STEP_MS_MAX],
    [AUDIO, SOUND_STEP_MS_MAX],
  ] as const) {
    const steps = stepsOf(tags, type);
    expect(steps.length).toBeGreaterThan(300);
    expect(steps.filter((step) => step < 1 || step > longestMs)).toEqual([]);
  }
}

/** Widths of the decoded pictures, each where it changes. */
function widthsOf(file: string): number[] {
  const args = ["-v", "error", "-select_streams", "v", "-show_entries", "frame=width", "-of", "csv=p=0", file];
  const { stdout } = spawnSync("ffprobe", args, { encoding: "utf8", maxBuffer: 1 << 26 });
  const widths = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => Number.parseInt(line, 10));
  return widths.filter((width, i) => width !== widths[i - 1]);
}

test.each([
  ["hold", "its last picture is held"],
  ["slate", "a slate is shown"],
])(
  "a target gets one broadcast that can be decoded, whatever becomes of the encoders; continuity %s: %s",
  async (continuity) => {
    await using node = await startPlatform({ config: `continuity: ${continuity}` });
    await using target = await startNginxTarget();
    [platform, nginx] = [node, target];
    nginx.keys.add(KEY);
    const url = `${platform.rtmp}/${MAIN_KEY}`;
    const first = (): Tool => startEncoder({ url: `${url}?role=primary`, gop: 30 });
    let encoder = first();
    let wrapping: Encoder | undefined;
    let backup: Tool | undefined;
    try {
      await untilOnAir(platform);
      const { id } = await addTarget(platform, { name: "Watches", url: nginx.url, key: KEY });
      await further(id, 500_000);
      const beforeBytes = await residentBytes();

      // Lost, held, and back with the same parameters.
      encoder.kill("SIGKILL");
      await untilHealth("the loss", ({ state }) => state === "interrupted");
      await further(id, 60_000);
      encoder = first();
      await untilWidth(640);
      await further(id, 300_000);

      // Back with another picture, whose frames refer to later ones, and another sound.
      encoder.kill("SIGKILL");
      await untilHealth("the loss", ({ state }) => state === "interrupted");
      encoder = startEncoder({
        url: `${url}?role=primary`,
        size: "320x240",
        rate: "25",
        gop: 25,
        video: ["-bf", "2", "-tune", "film"],
        audio: ["-ar", "44100", "-ac", "2"],
      });
      await untilWidth(320);
      await further(id, 300_000);

      // Two different encodes at once, and a switch to and fro.
      backup = startEncoder({ url: `${url}?role=backup`, size: "426x240", gop: 30 });
      await untilHealth(
        "both encoders",
        ({ sessions }) => sessions.length === 2 && sessions.every((one) => one.bitrate > 0),
      );
      await switchTo("backup");
      await untilWidth(426);
      await further(id, 200_000);
      await switchTo("primary");
      await untilWidth(320);
      await further(id, 200_000);
      backup.kill("SIGKILL");
      await untilHealth("one encoder", ({ sessions }) => sessions.length === 1);
      encoder.kill("SIGKILL");
      await untilHealth("the loss", ({ state }) => state === "interrupted");

      // An encoder whose clock passes 2^32 milliseconds.
      wrapping = await ourPublisher(
        url,
        { kind: "test", width: 480, height: 270, videoBitrate: 1_000_000 },
        { timestampStartMs: 2 ** 32 - 3000 },
      );
      await untilWidth(480);
      await further(id, 800_000);
      expect((await residentBytes()) - beforeBytes).toBeLessThan(MEMORY_SWING_BYTES);

      const { reconnects, droppedGops } = await changeTarget(platform, id, { enabled: false });
      expect([reconnects, droppedGops]).toEqual([0, 0]);
      await untilTarget(platform, id, "the end", ({ state }) => state === "stopped");
      const [whole = "", ...more] = nginx.recordings(KEY);
      expect(more).toEqual([]);
      const tags = tagsOf(whole);
      expectOrderly(tags);
      // A slate has parameters of its own.
      expect(tags.filter((tag) => tag.type === VIDEO && isHeader(tag)).length > 5).toBe(continuity === "slate");
      // Pictures were held meanwhile.
      expect(stepsOf(tags, VIDEO).filter((step) => step > 400).length).toBeGreaterThan(continuity === "slate" ? 1 : 2);
      expect(complaintsAbout(whole)).toBe("");
      expect(widthsOf(whole)).toEqual([640, 320, 426, 320, 480]);
    } finally {
      await encoder[Symbol.asyncDispose]();
      await backup?.[Symbol.asyncDispose]();
      await wrapping?.[Symbol.asyncDispose]();
    }
  },
  120_000,
);
