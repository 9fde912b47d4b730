import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { answer, hang, HookReceiver, type Received, SECRET } from "#hooks/receiver-under-test.ts";
import { eventually, within } from "./deadline.ts";
import { fetchPlaylist } from "./media-playlist.ts";
import { MAIN_KEY, type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";

const KEYS = { show: "show-key-0123456789abcdefghijkl", guest: "guest-key-0123456789abcdefghijk" } as const;
const TIMEOUT_MS = 1500;

let platform: Platform;
/** Hears of everything. */
let listener: HookReceiver;
/** Decides who may publish. */
let door: HookReceiver;
let main: Tool;

function encoder(key: string, query = ""): Tool {
  return startEncoder({ url: `${platform.rtmp}/${key}${query}`, size: "320x180", gop: 30 });
}

function ofStream(stream: string): readonly Received[] {
  return listener.received.filter((received) => received.stream === stream);
}

/** Types of the stream's messages, each once: an attempt that failed is followed by another. */
function story(stream: string): string[] {
  const seen = new Map(ofStream(stream).map(({ id, type }) => [id, type.replace("stream.", "")]));
  return [...seen.values()];
}

function logged(name: string): Readonly<Record<string, unknown>>[] {
  return platform
    .output()
    .split("\n")
    .filter((line) => line.includes(`"${name}"`))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function metric(name: string, position: number): Promise<number> {
  const text = await (await fetch(`${platform.http}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`grandstand_hooks_${name}{hook="hooks[${position}]"}`));
  return Number(line?.split(" ")[1]);
}

/** The stream on air goes on: a new segment comes in time, without gap or discontinuity. */
async function untouched(): Promise<void> {
  const url = `${platform.http}/live/main/source/index.m3u8`;
  const newest = (await eventually(5000, "the playlist", () => fetchPlaylist(url))).segments.at(-1)?.number ?? 0;
  const after = await eventually(6000, "the next segment", async () => {
    const facts = await fetchPlaylist(url);
    return (facts?.segments.at(-1)?.number ?? 0) > newest ? facts : undefined;
  });
  expect([after.gaps, after.discontinuities]).toEqual([0, 0]);
}

beforeAll(async () => {
  [listener, door] = [await HookReceiver.open("/listen"), await HookReceiver.open("/door")];
  const events = "[stream.live, stream.interrupted, stream.resumed, stream.ended]";
  platform = await startPlatform({
    streams: KEYS,
    flags: ["--grace-seconds", "3"],
    config: [
      "hooks:",
      `  - { url: "${listener.url}", secret: ${SECRET}, events: ${events} }`,
      `  - { url: "${door.url}", secret: ${SECRET}, events: [stream.publish-requested], timeoutMs: ${TIMEOUT_MS} }`,
    ].join("\n"),
  });
  main = encoder(MAIN_KEY);
  await untilOnAir(platform);
}, 60_000);

afterAll(async () => {
  await main[Symbol.asyncDispose]();
  await platform.stop();
  await Promise.all([listener.close(), door.close()]);
}, 30_000);

describe("a broadcast", () => {
  test("is told from its first picture to its end, in order and signed, over a hook that fails in between", async () => {
    await using first = encoder(KEYS.show, "?ticket=7");
    await untilOnAir(platform, "show");
    await eventually(5000, "the beginning to be told", () => ofStream("show")[0]);
    // The next message is not taken; those that follow it wait until it is.
    listener.answer = (_, response) => {
      listener.answer = answer(204);
      response.writeHead(500).end();
    };
    first.kill("SIGKILL");
    await eventually(8000, "the interruption to be told in vain", () => ofStream("show")[1]);
    await using second = encoder(KEYS.show);
    await eventually(
      8000,
      "the picture to be back",
      () => logged("broadcast.live").filter((line) => line["stream"] === "show")[1],
    );
    second.kill("SIGTERM");
    await second.exited;
    await eventually(20_000, "the end to be told", () => (story("show").includes("ended") ? true : undefined));
    expect(story("show")).toEqual(["live", "interrupted", "resumed", "interrupted", "ended"]);
    expect(ofStream("show").length).toBe(6);
    const timelines = new Set(ofStream("show").map(({ data }) => data["timelineId"]));
    expect(timelines.size).toBe(1);
    const whys = ofStream("show").map(({ data }) => data["why"]);
    expect(whys).toEqual([undefined, "lost", "lost", undefined, "finished", "grace-over"]);
    expect(listener.complaints).toEqual([]);
    expect(door.complaints).toEqual([]);
    const asked = door.received.filter(({ stream }) => stream === "show");
    expect(asked.map(({ data }) => data["params"])).toEqual([{ ticket: "7" }, {}]);
    expect(JSON.stringify(door.received)).not.toContain(KEYS.show);
    // One of stream main, five of this one.
    const taken = async (): Promise<true | undefined> =>
      (await metric("delivered_total", 0)) === 6 ? true : undefined;
    await eventually(5000, "every message to be taken", taken);
    expect(await metric("failed_total", 0)).toBe(1);
  }, 60_000);
});

describe("an encoder", () => {
  test("that the hook refuses is told why, as the log is; the stream on air goes on", async () => {
    door.answer = answer(200, { allow: false, reason: "not your slot" });
    await using refused = encoder(KEYS.guest);
    expect(await within(15_000, "ffmpeg to give up", refused.exited)).not.toBe(0);
    expect(refused.output()).toContain("not your slot");
    const line = logged("ingest.refused").at(-1);
    expect(line).toMatchObject({ code: "PUBLISH_REFUSED" });
    expect(String(line?.["message"])).toBe("a hook refused the publication of guest: not your slot");
    expect(await metric("refused_total", 1)).toBe(1);
    await untouched();
  }, 40_000);

  test("whose question hangs is refused in time, and keeps no other encoder and no viewer waiting", async () => {
    door.answer = (received, response) => (received.stream === "guest" ? hang : answer(204))(received, response);
    const before = door.received.length;
    await using stuck = encoder(KEYS.guest);
    await eventually(10_000, "the question", () => door.received[before]);
    await using other = encoder(KEYS.show);
    const newcomer = eventually(10_000, "the other stream's question", () => door.received[before + 1]);
    await newcomer;
    await untilOnAir(platform, "show");
    expect(await within(15_000, "ffmpeg to give up", stuck.exited)).not.toBe(0);
    expect(logged("ingest.refused").at(-1)).toMatchObject({ code: "HOOK_FAILED" });
    expect(stuck.output()).toContain(`no answer within ${TIMEOUT_MS} ms`);
    await untouched();
    other.kill("SIGTERM");
    await other.exited;
  }, 60_000);

  test("is refused when the hook answers without end, and when it is dead; neither costs memory", async () => {
    const nodePid = await platform.nodePid();
    const residentBytes = async (): Promise<number> =>
      Number(/VmRSS:\s+(\d+)/.exec(await Bun.file(`/proc/${nodePid}/status`).text())?.[1] ?? 0) * 1024;
    door.answer = (_, response) => {
      response.writeHead(200, { "content-type": "application/json" });
      const flood = (): void => {
        while (!response.destroyed && response.write("x".repeat(65_536)));
        if (!response.destroyed) response.once("drain", flood);
      };
      flood();
    };
    const beforeBytes = await residentBytes();
    await using flooded = encoder(KEYS.guest);
    expect(await within(15_000, "ffmpeg to give up", flooded.exited)).not.toBe(0);
    expect(flooded.output()).toContain("too long or broke off");
    expect((await residentBytes()) - beforeBytes).toBeLessThan(64 * 1024 * 1024);
    const { port } = door;
    await door.close();
    await using late = encoder(KEYS.guest);
    expect(await within(15_000, "ffmpeg to give up", late.exited)).not.toBe(0);
    expect(late.output()).toContain("the connection was refused");
    await untouched();
    door = await HookReceiver.open("/door", port);
    await using again = encoder(KEYS.guest);
    await untilOnAir(platform, "guest");
    again.kill("SIGTERM");
    await again.exited;
    expect(await platform.nodePid()).toBe(nodePid);
  }, 90_000);
});

describe("a node that is killed", () => {
  test("tells after its start what a hook had not taken, in order and with the same ids, and then what is newer", async () => {
    await eventually(15_000, "the other streams to be over", () =>
      story("guest").includes("ended") ? true : undefined,
    );
    listener.answer = answer(503);
    const before = ofStream("main").length;
    main.kill("SIGKILL");
    const refused = await eventually(5000, "the interruption to be told in vain", () => ofStream("main")[before]);
    const headers = { authorization: `Bearer ${platform.adminToken}` };
    const stopped = await fetch(`${platform.http}/api/v1/streams/main/stop`, { method: "POST", headers });
    expect(stopped.ok).toBe(true);
    await eventually(5000, "the end to wait behind it", async () =>
      (await metric("pending", 0)) === 2 ? true : undefined,
    );
    process.kill(await platform.nodePid(), "SIGKILL");
    listener.answer = answer(204);
    const end = await eventually(8000, "the end to be told", () =>
      ofStream("main").find(({ data }) => data["why"] === "removed"),
    );
    main = encoder(MAIN_KEY);
    await untilOnAir(platform);
    const next = await eventually(5000, "the next broadcast to be told", () =>
      ofStream("main").findLast(
        ({ type, data }) => type === "stream.live" && data["timelineId"] !== end.data["timelineId"],
      ),
    );
    const heard = ofStream("main")
      .slice(before)
      .map(({ id }) => id);
    // At least once: the node may have been killed while an answer was on its way.
    expect(heard.filter((id, i) => id !== heard[i - 1])).toEqual([refused.id, end.id, next.id]);
    expect(refused).toMatchObject({ type: "stream.interrupted", data: { why: "lost" } });
    expect(heard.filter((id) => id === refused.id).length).toBeGreaterThan(1);
    expect(logged("hook.restored")).toMatchObject([{ hook: "hooks[0]", messages: 2 }]);
    expect(listener.complaints).toEqual([]);
  }, 60_000);
});

describe("the server", () => {
  test("tells the end of every broadcast before it stops, and never logged a secret", async () => {
    platform.process.kill("SIGTERM");
    await eventually(15_000, "the last message", () =>
      ofStream("main").at(-1)?.data["why"] === "shutdown" ? true : undefined,
    );
    expect(ofStream("main").at(-1)?.type).toBe("stream.ended");
    expect(listener.complaints).toEqual([]);
    await eventually(15_000, "the server to stop", () => platform.process.exitCode ?? undefined);
    const output = platform.output();
    expect(output).toContain('"hooks[1]"');
    expect(output).not.toContain(SECRET.slice(6, 20));
    for (const key of Object.values(KEYS)) expect(output).not.toContain(key);
    expect(output).not.toMatch(/\/door|\/listen/);
  }, 60_000);
});
