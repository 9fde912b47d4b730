import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { eventually } from "./deadline.ts";
import { fetchPlaylist, type PlaylistFacts } from "./media-playlist.ts";
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

/** Noise that an encoder cannot make small: about 12 Mbit/s, so that buffers on the way to a stalled target fill soon. */
const LOUD = ["-vf", "noise=alls=90:allf=t", "-b:v", "12M", "-maxrate", "12M", "-bufsize", "12M"];
/** Resident memory that may come and go, bytes: what of one stream waits for one target, and garbage that waits for its collection. */
const MEMORY_SWING_BYTES = 120 * 1024 * 1024;

let platform: Platform;
let other: Platform;
let nginx: NginxTarget;
let encoder: Tool;
/** Id of the second Grandstand as a target: the one that must not notice anything. */
let steady: string;

const start = (video: readonly string[] = LOUD): Tool => startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, video });

beforeAll(async () => {
  const config = "continuity: hold";
  [platform, other, nginx] = await Promise.all([
    startPlatform({ config }),
    startPlatform({ config }),
    startNginxTarget(),
  ]);
  encoder = start();
  await untilOnAir(platform);
  steady = (await addTarget(platform, { name: "Other stand", url: other.rtmp, key: MAIN_KEY })).id;
  await untilOnAir(other);
}, 90_000);

afterAll(async () => {
  await encoder[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  await Promise.all([platform.stop(), other.stop()]);
}, 60_000);

async function playlistOf(stand: Platform): Promise<PlaylistFacts> {
  return eventually(5000, "the playlist", () => fetchPlaylist(`${stand.http}/live/main/source/index.m3u8`));
}

async function lastSegment(stand: Platform): Promise<number> {
  return (await playlistOf(stand)).segments.at(-1)?.number ?? 0;
}

/** While `work` lasts, and for a segment more, the source and the steady target go on without a gap, a break or a new connection. */
async function undisturbed(work: () => Promise<void>): Promise<void> {
  const stands = [platform, other];
  const before = await Promise.all(stands.map(lastSegment));
  const connected = await targetOf(platform, steady);
  await work();
  for (const [i, stand] of stands.entries()) {
    const facts = await eventually(10_000, "a further segment", async () => {
      const now = await playlistOf(stand);
      return (now.segments.at(-1)?.number ?? 0) > (before[i] ?? 0) + 1 ? now : undefined;
    });
    expect([facts.gaps, facts.discontinuities, facts.ended]).toEqual([0, 0, false]);
  }
  const after = await targetOf(platform, steady);
  expect([after.state, after.reconnects, after.droppedGops]).toEqual(["live", connected.reconnects, 0]);
}

function residentBytes(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1]) * 1024;
}

interface Packet {
  readonly codec_type: string;
  readonly dts_time: string;
  readonly pts_time: string;
  readonly flags: string;
}

/** Decode times in seconds of one kind of a file's packets. */
function packetsOf(file: string): Packet[] {
  const args = ["-v", "error", "-show_entries", "packet=codec_type,dts_time,pts_time,flags", "-of", "json", file];
  const { stdout } = spawnSync("ffprobe", args, { encoding: "utf8", maxBuffer: 1 << 28 });
  return (JSON.parse(stdout) as { packets: Packet[] }).packets;
}

/** What a target took begins with a keyframe, and the times of picture and sound only grow. */
function expectOrderly(file: string): void {
  const packets = packetsOf(file);
  expect(packets.find(({ codec_type }) => codec_type === "video")?.flags).toStartWith("K");
  for (const kind of ["video", "audio"]) {
    const times = packets.filter(({ codec_type }) => codec_type === kind).map(({ dts_time }) => Number(dts_time));
    expect(times.length).toBeGreaterThan(10);
    expect(times.filter((time, i) => i > 0 && time <= (times[i - 1] ?? 0))).toEqual([]);
  }
}

describe("a restream target", () => {
  test("that crashes is served again within the back-off, and its playback decodes", async () => {
    nginx.keys.add("crash-key-0123456789");
    const { id } = await addTarget(platform, { name: "Crashes", url: nginx.url, key: "crash-key-0123456789" });
    await untilTarget(platform, id, "a second of it", ({ sentBytes }) => sentBytes > 3_000_000);
    expect((await targetOf(platform, id)).keyEnd).toBe("6789");
    await undisturbed(async () => {
      for (const round of [1, 2]) {
        await nginx.crash();
        await untilTarget(platform, id, "the loss", ({ state }) => state === "retrying");
        await nginx.start();
        const startedMs = performance.now();
        await untilTarget(platform, id, "the target to be live again", ({ state }) => state === "live");
        expect(performance.now() - startedMs).toBeLessThan(4500);
        expect((await targetOf(platform, id)).reconnects).toBe(round);
        const { sentBytes } = await targetOf(platform, id);
        await untilTarget(platform, id, "seconds of it", (target) => target.sentBytes > sentBytes + 3_000_000);
      }
    });
    await changeTarget(platform, id, { enabled: false });
    await untilTarget(platform, id, "the end", ({ state }) => state === "stopped");
    const whole = nginx.recordings("crash-key-0123456789").at(-1) ?? "";
    expectOrderly(whole);
    expect(complaintsAbout(whole)).toBe("");
  }, 90_000);

  test("that stalls costs nobody anything, and is served again when it goes on", async () => {
    nginx.keys.add("stall-key-0123456789");
    const { id } = await addTarget(platform, { name: "Stalls", url: nginx.url, key: "stall-key-0123456789" });
    await untilTarget(platform, id, "a second of it", ({ sentBytes }) => sentBytes > 3_000_000);
    const nodePid = await platform.nodePid();
    const beforeBytes = residentBytes(nodePid);
    let mostBytes = 0;
    await undisturbed(async () => {
      process.kill(nginx.pid(), "SIGSTOP");
      await untilTarget(
        platform,
        id,
        "the stall to be told",
        ({ lastProblem }) => {
          mostBytes = Math.max(mostBytes, residentBytes(nodePid));
          return lastProblem?.code === "TARGET_STALLED";
        },
        40_000,
      );
      process.kill(nginx.pid(), "SIGCONT");
      await untilTarget(platform, id, "the target to be live again", ({ state }) => state === "live", 20_000);
    });
    expect(mostBytes - beforeBytes).toBeLessThan(MEMORY_SWING_BYTES);
    await changeTarget(platform, id, { enabled: false });
  }, 120_000);

  test("that refuses its key says so, and goes on once the key is right", async () => {
    await undisturbed(async () => {
      const key = "wrong-key-0123456789";
      const { id } = await addTarget(platform, { name: "Closes", url: nginx.url, key });
      const closed = await untilTarget(platform, id, "the refusal", ({ state }) => state === "retrying");
      expect(closed.lastProblem?.hint).toContain("stream key");
      nginx.keys.add(key);
      await untilTarget(platform, id, "the target to be live", ({ state }) => state === "live");
      await changeTarget(platform, id, { enabled: false });

      const third = await addTarget(platform, { name: "Says no", url: other.rtmp, key: "not-a-key-9876543210" });
      const refused = await untilTarget(platform, third.id, "the refusal", ({ state }) => state === "refused");
      expect(refused.lastProblem?.code).toBe("RTMP_REFUSED");
      expect(JSON.stringify(refused)).not.toContain("not-a-key");
      expect(platform.output()).not.toContain("not-a-key-9876543210");
      await changeTarget(platform, third.id, { enabled: false });
    });
  }, 60_000);

  test("sees one broadcast with growing times when the encoder is lost and comes back with another picture", async () => {
    nginx.keys.add("again-key-0123456789");
    const { id } = await addTarget(platform, { name: "Stays", url: nginx.url, key: "again-key-0123456789" });
    await untilTarget(platform, id, "a second of it", ({ sentBytes }) => sentBytes > 3_000_000);
    const { segments } = await playlistOf(other);
    const timeline = segments[0]?.uri.split("-")[0];
    encoder.kill("SIGKILL");
    await encoder.exited;
    encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "320x240", video: ["-bf", "2"] });
    const { sentBytes } = await targetOf(platform, id);
    await untilTarget(platform, id, "the new picture", (target) => target.sentBytes > sentBytes + 600_000);
    const after = await eventually(15_000, "the new picture at the other stand", async () => {
      const text = await (await fetch(`${other.http}/live/main/index.m3u8`)).text();
      return text.includes("320x240") ? playlistOf(other) : undefined;
    });
    expect(after.segments.at(-1)?.uri.split("-")[0]).toBe(timeline);
    expect((await targetOf(platform, steady)).reconnects).toBe(0);
    const target = await changeTarget(platform, id, { enabled: false });
    expect(target.reconnects).toBe(0);
    await untilTarget(platform, id, "the end", ({ state }) => state === "stopped");
    const [whole = "", ...more] = nginx.recordings("again-key-0123456789");
    expect(more).toEqual([]);
    expectOrderly(whole);
    // Pictures that were sent before they are shown: the new encoder's, which refer to later ones.
    const reordered = packetsOf(whole).filter(({ pts_time, dts_time }) => Number(pts_time) > Number(dts_time) + 0.06);
    expect(reordered.length).toBeGreaterThan(5);
    expect(complaintsAbout(whole)).toBe("");
  }, 90_000);

  test("gets the stream again after a crash of the node", async () => {
    process.kill(await platform.nodePid(), "SIGKILL");
    await encoder.exited;
    await eventually(10_000, "the node to listen", async () =>
      (await fetch(`${platform.http}/readyz`)).ok ? true : undefined,
    );
    encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "480x270" });
    await untilTarget(platform, steady, "the steady target to be live", ({ state }) => state === "live");
    await eventually(15_000, "the picture at the other stand", async () => {
      const text = await (await fetch(`${other.http}/live/main/index.m3u8`)).text();
      return text.includes("480x270") ? true : undefined;
    });
  }, 60_000);
});
