import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { AdminStream, NewKeyAnswer } from "#web/wire.ts";
import { eventually } from "./deadline.ts";
import { type Platform, startEncoder, startPlatform, type Tool, untilOnAir } from "./platform.ts";
import { transcoderPids } from "./transcoder-pids.ts";

/** Streams with the ladder each has in the beginning; `null` is the platform's. */
const LADDERS = { plain: "off", small: "240,180:150k" } as const;
type Name = keyof typeof LADDERS;
const NAMES: readonly Name[] = ["plain", "small"];

let platform: Platform;
const keys = new Map<Name, string>();
let encoders: Tool[] = [];

async function ask<Answer>(method: string, path: string, body?: unknown): Promise<Answer> {
  const answer = await fetch(`${platform.http}/api/v1/streams${path}`, {
    method,
    headers: { authorization: `Bearer ${platform.adminToken}`, "content-type": "application/json" },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return (await answer.json()) as Answer;
}

async function goOnAir(): Promise<void> {
  encoders = NAMES.map((name) => startEncoder({ url: `${platform.rtmp}/${keys.get(name)}` }));
  await Promise.all(NAMES.map((name) => untilOnAir(platform, name, 30_000)));
}

/** Ends both broadcasts; their encoders are disconnected. */
async function goOffAir(): Promise<void> {
  for (const name of NAMES) await ask("POST", `/${name}/stop`);
  for (const encoder of encoders.splice(0)) await encoder[Symbol.asyncDispose]();
}

beforeAll(async () => {
  platform = await startPlatform({ flags: ["--transcode-ladder", "144"] });
  for (const name of NAMES) {
    const { key } = await ask<NewKeyAnswer>("POST", "", { name, settings: { ladder: LADDERS[name] } });
    keys.set(name, key);
  }
  await goOnAir();
}, 60_000);

afterAll(async () => {
  for (const encoder of encoders) await encoder[Symbol.asyncDispose]();
  await platform.stop();
}, 30_000);

/** Names of the pictures in the stream's multivariant playlist, in their order. */
async function picturesOf(name: Name): Promise<string[]> {
  const playlist = await (await fetch(`${platform.http}/live/${name}/index.m3u8`)).text();
  const named = [...playlist.matchAll(/^(source|\d+p)\/index\.m3u8/gm)].map(([, picture = ""]) => picture);
  return [...new Set(named)];
}

/** Size of the last segment of one picture once there are two, bytes. */
function segmentBytes(name: Name, picture: string): Promise<number> {
  return eventually(15_000, `segments of ${name}'s ${picture}`, async () => {
    const folder = `${platform.http}/live/${name}/${picture}`;
    const playlist = await (await fetch(`${folder}/index.m3u8`)).text();
    const segments = playlist.split("\n").filter((line) => line.endsWith(".m4s") && !line.startsWith("#"));
    const last = segments.at(-1);
    if (segments.length < 2 || last === undefined || playlist.includes("#EXT-X-GAP")) return undefined;
    const answer = await fetch(new URL(last, `${folder}/index.m3u8`));
    return answer.ok ? (await answer.bytes()).length : undefined;
  });
}

describe("two streams on one node", () => {
  test("have each its own ladder", async () => {
    expect(await picturesOf("plain")).toEqual(["source"]);
    expect(await picturesOf("small")).toEqual(["source", "240p", "180p"]);
    expect(await transcoderPids(platform)).toHaveLength(1);
    const [source = 0, large = 0, small = 0] = await Promise.all(
      ["source", "240p", "180p"].map((picture) => segmentBytes("small", picture)),
    );
    expect(large).toBeLessThan(source);
    // 150 kbit/s for two seconds, and half as much again for a beginning that is dear.
    expect(small).toBeLessThan((150_000 / 8) * 2 * 1.5);
  }, 40_000);

  test("change their ladders with the next broadcast, not before", async () => {
    const change = async (name: Name, ladder: string | null): Promise<string> =>
      (await ask<AdminStream>("PATCH", `/${name}`, { settings: { ladder } })).effectiveSettings.ladder;
    expect(await change("plain", null)).toBe("144");
    expect(await change("small", "off")).toBe("off");
    const { health } = await ask<AdminStream>("GET", "/small");
    expect(health?.tracks.map(({ name }) => name)).toEqual(expect.arrayContaining(["source", "240p", "180p"]));
    expect(await picturesOf("plain")).toEqual(["source"]);
    expect(await picturesOf("small")).toEqual(["source", "240p", "180p"]);
    await goOffAir();
    await eventually(10_000, "the worker to end", async () =>
      (await transcoderPids(platform)).length === 0 ? true : undefined,
    );
    await goOnAir();
    // What was on air before can be watched until the new broadcast is there.
    for (const [name, pictures] of [
      ["plain", "source 144p"],
      ["small", "source"],
    ] as const) {
      await eventually(30_000, `${name} to have ${pictures}`, async () =>
        (await picturesOf(name)).join(" ") === pictures ? true : undefined,
      );
    }
    expect(await transcoderPids(platform)).toHaveLength(1);
    expect(await segmentBytes("plain", "144p")).toBeGreaterThan(0);
  }, 90_000);
});
