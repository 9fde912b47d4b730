import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import { closeSync, openSync, writeSync } from "node:fs";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./deadline.ts";
import { fetchPlaylist, type PlaylistFacts } from "./media-playlist.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, untilOnAir } from "./platform.ts";

/** Only root may mount; in CI the test must run. */
const mayMount = process.getuid?.() === 0 || process.env["CI"] !== undefined;

/** A disk of its own, so small that a test can fill it. */
interface TinyDisk extends AsyncDisposable {
  readonly path: string;
  /** Takes every byte that is left. */
  fill(): void;
  /** Makes the disk larger. */
  grow(kilobytes: number): void;
}

async function mountTinyDisk(kilobytes: number): Promise<TinyDisk> {
  const path = await mkdtemp(join(tmpdir(), "grandstand-disk-"));
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${kilobytes}k`, "tmpfs", path]);
  const ballast = join(path, "ballast");
  return {
    path,
    fill: () => {
      const file = openSync(ballast, "a");
      try {
        const bytes = Buffer.alloc(4096, 1);
        while (writeSync(file, bytes) === bytes.length);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
      } finally {
        closeSync(file);
      }
    },
    grow: (size) => execFileSync("mount", ["-o", `remount,size=${size}k`, path]),
    [Symbol.asyncDispose]: async () => {
      execFileSync("umount", [path]);
      await rmdir(path);
    },
  };
}

function playlistOf(platform: Platform): Promise<PlaylistFacts> {
  return eventually(5000, "the playlist", () => fetchPlaylist(`${platform.http}/live/main/source/index.m3u8`));
}

/** Waits until the live stream is `segments` further, without a gap or a discontinuity. */
async function goesOn(platform: Platform, segments: number): Promise<void> {
  const before = (await playlistOf(platform)).segments.at(-1)?.number ?? 0;
  const after = await eventually(segments * 2500 + 5000, `${segments} more segments`, async () => {
    const facts = await playlistOf(platform);
    return (facts.segments.at(-1)?.number ?? 0) >= before + segments ? facts : undefined;
  });
  expect([after.gaps, after.discontinuities, after.ended]).toEqual([0, 0, false]);
}

function lines(platform: Platform, event: string): string[] {
  return platform
    .output()
    .split("\n")
    .filter((line) => line.includes(`"event":"${event}"`));
}

function createStream(platform: Platform, name: string): Promise<Response> {
  return fetch(`${platform.http}/api/v1/streams`, {
    method: "POST",
    headers: { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" },
    body: JSON.stringify({ name }),
  });
}

test.skipIf(!mayMount)(
  "a disk that fills up while on air costs nothing: even after a crash the broadcast goes on",
  async () => {
    await using disk = await mountTinyDisk(8192);
    await using platform = await startPlatform({ dataDir: disk.path, config: "continuity: hold" });
    const first = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "320x180" });
    await untilOnAir(platform);
    disk.fill();
    await goesOn(platform, 2);
    const before = await playlistOf(platform);
    process.kill(await platform.nodePid(), "SIGKILL");
    await first.exited;
    await eventually(
      10_000,
      "the node to listen",
      async () => (await fetch(`${platform.http}/readyz`)).ok || undefined,
    );
    await using _second = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "320x180" });
    const after = await eventually(20_000, "the playlist to go on", async () => {
      const facts = await playlistOf(platform);
      return (facts.segments.at(-1)?.number ?? 0) > (before.segments.at(-1)?.number ?? 0) ? facts : undefined;
    });
    expect(after.segments[0]?.uri.split("-")[0]).toBe(before.segments[0]?.uri.split("-")[0] ?? "");
    expect(after.mediaSequence).toBeGreaterThan(before.segments.at(-1)?.number ?? Number.POSITIVE_INFINITY);
  },
  90_000,
);

test.skipIf(!mayMount)(
  "a disk without room for the reserve is told of in one line, and so is that it has room again",
  async () => {
    await using disk = await mountTinyDisk(104);
    await using platform = await startPlatform({ dataDir: disk.path, config: "segmentSeconds: 1\ncontinuity: hold" });
    await using _encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}`, size: "160x90", gop: 30 });
    await untilOnAir(platform);
    await eventually(30_000, "a log line", () => lines(platform, "store.checkpoint.failed")[0]);
    await goesOn(platform, 3);
    const told = lines(platform, "store.checkpoint.failed");
    expect(told.length).toBe(1);
    expect(told[0]).toContain("DISK_FULL");
    expect(told[0]).toContain("the stream goes on");
    const answer = await createStream(platform, "too-much");
    expect([answer.status, (await answer.text()).includes("DISK_FULL")]).toEqual([507, true]);
    disk.grow(8192);
    await eventually(10_000, "the recovery to be told", () => lines(platform, "store.checkpoint.recovered")[0]);
    expect((await createStream(platform, "fits-now")).status).toBe(201);
    await goesOn(platform, 1);
  },
  90_000,
);
