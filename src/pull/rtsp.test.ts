import { afterAll, describe, expect, test } from "bun:test";
import { AuthorityUnderTest } from "./authority-under-test.ts";
import type { PullOptions } from "./index.ts";
import { pullOf } from "./pull-under-test.ts";
import { startRtspServer } from "./rtsp-server-under-test.ts";

const authority = new AuthorityUnderTest();
afterAll(() => authority[Symbol.dispose]());

/** Pulls some seconds, and gives the codecs and how the times of the pictures grow. */
async function pulled(url: string, options: Partial<PullOptions>): Promise<{ codecs: string[]; steps: Set<number> }> {
  await using made = await pullOf(url, { allowPrivate: true, ...options });
  const frames = await made.until(25_000, "pictures and sound", () => {
    const taken = made.sessions[0]?.frames ?? [];
    return taken.length > 240 ? taken : undefined;
  });
  const pictures = frames.filter(({ track }) => track.kind === "video");
  expect(pictures.some(({ keyframe }) => keyframe)).toBe(true);
  expect(JSON.stringify(made.observer.events)).not.toContain("pass-word");
  return {
    codecs: made.sessions[0]?.configs.map(({ codecs }) => codecs.slice(0, 4)) ?? [],
    steps: new Set(pictures.slice(1).map(({ dts }, i) => dts - (pictures[i]?.dts ?? 0))),
  };
}

describe("RTSP", () => {
  test("is pulled inside its one connection, picture and sound", async () => {
    await using camera = await startRtspServer();
    const { codecs, steps } = await pulled(`rtsp://me:pass-word@127.0.0.1:${camera.port}/camera`, {});
    expect(codecs.sort()).toEqual(["avc1", "mp4a"]);
    for (const step of steps) expect([step, step > 20 && step < 50]).toEqual([step, true]);
    expect(camera.asked.filter((line) => line.startsWith("SETUP"))).toHaveLength(2);
  }, 40_000);

  test("over TLS is pulled with the server's authority, or where any certificate will do, and refused otherwise", async () => {
    await using camera = await startRtspServer(authority.issue("DNS:localhost"));
    const url = `rtsps://localhost:${camera.port}/camera`;
    await using refused = await pullOf(url, { allowPrivate: true });
    const problem = await refused.until(
      20_000,
      "the refusal",
      () => refused.pull.status("film")?.lastProblem ?? undefined,
    );
    expect([problem.code, camera.asked]).toEqual(["PULL_UNTRUSTED", []]);
    await refused.pull.close();
    for (const options of [{ ca: authority.ca }, { insecure: true }]) {
      expect((await pulled(url, options)).codecs.sort()).toEqual(["avc1", "mp4a"]);
    }
  }, 60_000);
});
