import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { AdminStream, PullHealth } from "#web/wire.ts";
import { eventually } from "./deadline.ts";
import { fetchPlaylist, type PlaylistFacts } from "./media-playlist.ts";
import {
  freePort,
  MAIN_KEY,
  type Platform,
  startEncoder,
  startPlatform,
  startTool,
  type Tool,
  untilOnAir,
} from "./platform.ts";
import { type NginxTarget, startNginxTarget } from "./restream-target.ts";

const NGINX_KEY = "nginx-key-0123456789";
const folder = mkdtempSync(join(tmpdir(), "grandstand-pull-e2e-"));
const film = join(folder, "film.mp4");

/** Has the streams `relay` (RTMP from nginx), `stand` (HLS from another Grandstand) and `film` (a file that loops). */
let platform: Platform;
let other: Platform;
let nginx: NginxTarget;
let encoders: Tool[];

function makeFilm(path: string, seconds: number): void {
  const picture = ["-f", "lavfi", "-i", "testsrc2=size=320x180:rate=30"];
  const sound = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000"];
  const codecs = [
    "-c:v",
    "libx264",
    "-preset",
    "ultrafast",
    "-bf",
    "2",
    "-g",
    "60",
    "-pix_fmt",
    "yuv420p",
    "-c:a",
    "aac",
  ];
  const args = ["-v", "error", "-nostdin", "-y", ...picture, ...sound, "-t", String(seconds), ...codecs, path];
  expect(spawnSync("ffmpeg", args).status).toBe(0);
}

const encode = (url: string): Tool => startEncoder({ url, size: "320x180" });

beforeAll(async () => {
  makeFilm(film, 6);
  [other, nginx] = await Promise.all([startPlatform(), startNginxTarget()]);
  nginx.keys.add(NGINX_KEY);
  encoders = [encode(`${other.rtmp}/${MAIN_KEY}`), encode(`${nginx.url}/${NGINX_KEY}`)];
  await untilOnAir(other);
  platform = await startPlatform({
    entries: [
      `{ name: relay, key: relay-key-0123456789, pull: "${nginx.url}/${NGINX_KEY}" }`,
      `{ name: stand, key: stand-key-0123456789, pull: "${other.http}/live/main/index.m3u8" }`,
      `{ name: film, key: film-key-0123456789, pull: ${film}, pullLoop: true }`,
    ],
    config: "pullPrivate: true",
  });
}, 60_000);

afterAll(async () => {
  for (const encoder of encoders) await encoder[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  await Promise.all([platform.stop(), other.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 60_000);

async function streamOf(at: Platform, name: string): Promise<AdminStream> {
  const headers = { authorization: `Bearer ${at.adminToken}` };
  return (await (await fetch(`${at.http}/api/v1/streams/${name}`, { headers })).json()) as AdminStream;
}

async function untilPull(at: Platform, name: string, state: PullHealth["state"], ms = 20_000): Promise<PullHealth> {
  return eventually(ms, `the pull of ${name} to be ${state}`, async () => {
    const { pull } = await streamOf(at, name);
    return pull?.state === state ? pull : undefined;
  });
}

/** Waits for so many whole segments. */
function untilSegments(name: string, count: number, ms = 30_000): Promise<PlaylistFacts> {
  return eventually(ms, `${count} segments of ${name}`, async () => {
    const facts = await fetchPlaylist(`${platform.http}/live/${name}/source/index.m3u8`);
    return facts !== undefined && facts.segments.length >= count ? facts : undefined;
  });
}

/** What FFmpeg has to complain about when it decodes six seconds of a stream: nothing, where all is well. */
function complaintsAbout(name: string): string {
  const input = ["-i", `${platform.http}/live/${name}/index.m3u8`, "-t", "6"];
  const args = ["-v", "warning", "-nostdin", ...input, "-f", "null", "-"];
  const { status, stderr } = spawnSync("ffmpeg", args, { encoding: "utf8", timeout: 40_000 });
  expect(status).toBe(0);
  // It reads the init segment of each rendition once more when it begins, and says so.
  return stderr.replaceAll(/^.*Found duplicated MOOV Atom\. Skipped it\n/gm, "");
}

describe("a stream that is pulled", () => {
  test("from nginx over RTMP is on air, says where it comes from and keeps its key to itself", async () => {
    await untilSegments("relay", 3);
    const { health, pull } = await streamOf(platform, "relay");
    const place = nginx.url.replace("/live", "");
    expect(pull).toMatchObject({ state: "live", place });
    expect(health?.sessions).toMatchObject([{ protocol: "pull", address: "127.0.0.1", encoder: place }]);
    expect(platform.output()).not.toContain(NGINX_KEY);
    expect(complaintsAbout("relay")).toBe("");
  }, 60_000);

  test("from another Grandstand over HLS is on air, picture and sound", async () => {
    await untilSegments("stand", 3);
    const { health } = await streamOf(platform, "stand");
    expect(health?.tracks.map(({ kind }) => kind).sort()).toEqual(["audio", "video"]);
    expect(complaintsAbout("stand")).toBe("");
  }, 60_000);

  test("from a file goes round and round: no gap, no discontinuity", async () => {
    const facts = await untilSegments("film", 8);
    expect([facts.gaps, facts.discontinuities, facts.ended]).toEqual([0, 0, false]);
    for (const { durationSeconds } of facts.segments) expect(durationSeconds).toBeGreaterThan(0.9);
    const { health } = await streamOf(platform, "film");
    expect(health?.counters).toMatchObject({ clamped: 0, reconnects: 0 });
    // A sound may precede the first picture of all.
    expect(health?.counters.dropped).toBeLessThanOrEqual(1);
    expect(complaintsAbout("film")).toBe("");
  }, 60_000);

  test("from VLC over RTSP, which sends datagrams only, is on air, picture and sound", async () => {
    const long = join(folder, "long.mp4");
    makeFilm(long, 60);
    // VLC does not run as root.
    chmodSync(folder, 0o755);
    const place = `rtsp://127.0.0.1:${await freePort()}`;
    const served = ["--sout", `#rtp{sdp=${place}/camera-0123456789}`, "--no-sout-all", "--sout-keep"];
    const args = ["cvlc", "-I", "dummy", "--no-color", "--loop", long, ...served];
    await using _vlc = startTool("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", ...args], {
      HOME: "/tmp",
    });
    await using cameras = await startPlatform({
      entries: [`{ name: camera, key: camera-key-0123456789, pull: "${place}/camera-0123456789" }`],
      config: "pullPrivate: true",
    });
    expect(await untilPull(cameras, "camera", "live", 30_000)).toMatchObject({ place });
    const health = await eventually(20_000, "picture and sound", async () => {
      const { health: now } = await streamOf(cameras, "camera");
      return now !== null && now.tracks.length === 2 && now.segments > 3 ? now : undefined;
    });
    expect(health.tracks.map(({ kind, codec, width }) => `${kind} ${codec} ${width}`).sort()).toEqual([
      "audio aac null",
      "video avc 320",
    ]);
    expect(cameras.output()).not.toContain("camera-0123456789");
  }, 90_000);

  test("comes back after its source was killed and started again, as the same broadcast", async () => {
    const before = (await streamOf(platform, "relay")).health?.sinceMs ?? 0;
    await nginx.crash();
    const { lastProblem } = await untilPull(platform, "relay", "waiting");
    expect(lastProblem?.code).toBe("PULL_FAILED");
    await nginx.start();
    await encoders[1]?.exited;
    encoders.push(encode(`${nginx.url}/${NGINX_KEY}`));
    await untilPull(platform, "relay", "live", 40_000);
    const { health } = await streamOf(platform, "relay");
    expect(health?.sinceMs).toBe(before);
    expect(health?.counters.reconnects).toBeGreaterThan(0);
  }, 90_000);

  test("shows the new picture when the source's encoder comes back with another one", async () => {
    await encoders.at(-1)?.[Symbol.asyncDispose]();
    encoders.push(startEncoder({ url: `${nginx.url}/${NGINX_KEY}`, size: "640x360" }));
    await eventually(40_000, "the larger picture", async () => {
      const { health } = await streamOf(platform, "relay");
      return health?.tracks.some(({ width }) => width === 640) === true ? true : undefined;
    });
    await untilPull(platform, "relay", "live");
    expect(platform.output()).toContain("changed its picture or sound, and is read anew");
  }, 60_000);

  test("from inside this network is refused where the configuration does not allow it; the node runs on", async () => {
    const entries = [
      `{ name: relay, key: relay-key-0123456789, pull: "${nginx.url}/${NGINX_KEY}" }`,
      '{ name: meta, key: meta-key-0123456789, pull: "http://169.254.169.254/latest/meta-data/x.m3u8" }',
    ];
    await using careful = await startPlatform({ entries });
    for (const name of ["relay", "meta"]) {
      const { lastProblem } = await untilPull(careful, name, "waiting");
      expect([lastProblem?.code, lastProblem?.message]).toEqual([
        "PULL_REFUSED",
        `${name === "relay" ? "127.0.0.1" : "169.254.169.254"} is inside this network, and pulls may not go there`,
      ]);
    }
    expect((await fetch(`${careful.http}/readyz`)).ok).toBe(true);
  }, 60_000);
});
