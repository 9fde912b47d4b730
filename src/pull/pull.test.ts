import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Fault } from "#faults/fault.ts";
import { makeFilm, pullOf, type PullUnderTest, type TakenSession } from "./pull-under-test.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-pull-"));
const film = join(folder, "film.mp4");
/** Host headers and paths of the requests that the web server below got. */
const asked: string[] = [];
const playlists = new Map<string, string>();
let web: ReturnType<typeof Bun.serve>;

beforeAll(() => {
  makeFilm(film, 3);
  mkdirSync(join(folder, "hls"));
  makeFilm(join(folder, "hls", "index.m3u8"), 6, [
    "-hls_time",
    "1",
    "-hls_list_size",
    "0",
    "-hls_playlist_type",
    "vod",
  ]);
  web = Bun.serve({
    hostname: "0.0.0.0",
    port: 0,
    fetch: (request) => {
      const { host, pathname } = new URL(request.url);
      asked.push(`${host}${pathname}`);
      if (pathname === "/away.m3u8") return Response.redirect(`http://127.0.0.2:${web.port}/hls/index.m3u8`);
      const text = playlists.get(pathname);
      if (text !== undefined)
        return new Response(text, { headers: { "content-type": "application/vnd.apple.mpegurl" } });
      const path = /^\/hls\/[a-z0-9.]+$/.test(pathname) ? join(folder, pathname) : undefined;
      return path === undefined ? new Response(null, { status: 404 }) : new Response(Bun.file(path));
    },
  });
});

afterAll(async () => {
  await web.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

const pictures = (session: TakenSession | undefined): TakenSession["frames"] =>
  session?.frames.filter(({ track }) => track.kind === "video") ?? [];
const failures = (made: PullUnderTest): string[] =>
  made.observer.named("pull.failed").map(({ fields, message }) => `${fields["code"]} ${message}`);

describe("a file", () => {
  test("goes on the air once, in its own time, with every frame, and ends", async () => {
    await using made = await pullOf(film);
    await made.until(15_000, "the end of the film", () =>
      made.pull.status("film")?.state === "ended" ? true : undefined,
    );
    const [session] = made.sessions;
    expect([made.sessions.length, session?.ended, session?.origin]).toEqual([
      1,
      "finished",
      { address: "file", place: film },
    ]);
    expect(session?.configs.map(({ codecs }) => codecs.slice(0, 4))).toEqual(["avc1", "mp4a"]);
    expect(pictures(session).length).toBe(90);
    expect(pictures(session).filter(({ keyframe }) => keyframe).length).toBe(3);
    const arrivedMs = session?.arrivedMs ?? [];
    const lastedMs = (arrivedMs.at(-1) ?? 0) - (arrivedMs[0] ?? 0);
    expect(lastedMs).toBeGreaterThan(2500);
    expect(lastedMs).toBeLessThan(4000);
    expect(made.metrics.render()).toContain("grandstand_pull_attempts_total 1");
  }, 20_000);

  test("that loops is one session whose times grow on without a gap", async () => {
    await using made = await pullOf(film, { loop: true });
    const frames = await made.until(20_000, "the third pass", () => {
      const taken = pictures(made.sessions[0]);
      return taken.length > 200 ? taken : undefined;
    });
    const steps = new Set(frames.slice(1).map(({ dts }, i) => dts - (frames[i]?.dts ?? 0)));
    expect(made.sessions.length).toBe(1);
    for (const step of steps) expect(step >= 30 && step <= 100).toBe(true);
    expect(frames[90]?.keyframe).toBe(true);
  }, 25_000);

  test("that is none is told, and tried again after a second", async () => {
    const path = join(folder, "none.mp4");
    writeFileSync(path, "this is no film");
    await using made = await pullOf(path);
    await made.until(15_000, "the second failure", () => (failures(made).length > 1 ? true : undefined));
    expect(failures(made)[0]).toStartWith(`PULL_FAILED ${path}: Invalid data found`);
    expect(made.observer.named("pull.failed").map(({ fields }) => fields["retryMs"])).toEqual([1000, 2000]);
    expect(made.pull.status("film")).toMatchObject({
      state: "waiting",
      failures: 2,
      nextTryMs: expect.any(Number),
      lastProblem: { code: "PULL_FAILED", atMs: expect.any(Number) },
    });
    const { nextTryMs, sinceMs } = made.pull.status("film") ?? {};
    expect((nextTryMs ?? 0) - (sinceMs ?? 0)).toBeWithin(1990, 2010);
  }, 20_000);

  test("may not be a playlist, which would name further files", async () => {
    await using made = await pullOf(join(folder, "hls", "index.m3u8"));
    await made.until(15_000, "the failure", () => (failures(made).length > 0 ? true : undefined));
    expect(failures(made)[0]).toStartWith("PULL_FAILED");
    expect(made.sessions.length).toBe(0);
  }, 20_000);
});

describe("a source that changes while the node runs", () => {
  test("is left at once, with its session and its worker, for the new one, or for none", async () => {
    await using made = await pullOf(film, { loop: true });
    const live = (count: number): Promise<number> =>
      made.until(15_000, `session ${count}`, () =>
        made.sessions[count - 1] === undefined ? undefined : made.pull.workerPid("film"),
      );
    const first = await live(1);
    made.source.set(film, true);
    made.source.set(`http://127.0.0.1:${web.port}/hls/index.m3u8`);
    const second = await live(2);
    expect([made.sessions[0]?.ended, second === first]).toEqual(["lost", false]);
    expect(() => process.kill(first, 0)).toThrow("ESRCH");
    expect(made.pull.status("film")).toMatchObject({ place: `http://127.0.0.1:${web.port}`, loop: false });
    made.source.set(undefined);
    await made.until(5000, "the end", () => (made.pull.status("film") === undefined ? true : undefined));
    expect([made.sessions.length, made.sessions[1]?.ended, failures(made)]).toEqual([2, "lost", []]);
    expect(() => process.kill(second, 0)).toThrow("ESRCH");
    made.source.set(film);
    await live(3);
  }, 60_000);
});

describe("HLS", () => {
  test("is pulled in its own time", async () => {
    await using made = await pullOf(`http://127.0.0.1:${web.port}/hls/index.m3u8`);
    await made.until(20_000, "its end", () => (made.sessions[0]?.ended === undefined ? undefined : true));
    const [session] = made.sessions;
    expect(session?.ended).toBe("lost");
    expect(pictures(session).length).toBe(180);
    const arrivedMs = session?.arrivedMs ?? [];
    expect((arrivedMs.at(-1) ?? 0) - (arrivedMs[0] ?? 0)).toBeGreaterThan(5000);
    await made.until(5000, "the failure", () => (failures(made).length > 0 ? true : undefined));
    expect(failures(made)[0]).toStartWith(`PULL_FAILED http://127.0.0.1:${web.port} ended its stream`);
  }, 25_000);

  test("that has an end begins again there when it loops, with times that go on", async () => {
    await using made = await pullOf(`http://127.0.0.1:${web.port}/hls/index.m3u8`, { loop: true });
    const frames = await made.until(20_000, "the second pass", () => {
      const taken = pictures(made.sessions[0]);
      return taken.length > 200 ? taken : undefined;
    });
    const steps = frames.slice(1).map(({ dts }, i) => dts - (frames[i]?.dts ?? 0));
    expect(steps.filter((step) => step < 20 || step > 200)).toEqual([]);
    expect(made.sessions.length).toBe(1);
  }, 25_000);

  test("whose playlist leads to files or into this network reaches none of it", async () => {
    const inside = `http://127.0.0.2:${web.port}/hls/index0.ts`;
    const head = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n#EXT-X-MEDIA-SEQUENCE:0\n";
    const secret = join(folder, "hls", "index0.ts");
    playlists.set("/file.m3u8", `${head}#EXTINF:1,\nfile://${secret}\n#EXT-X-ENDLIST\n`);
    playlists.set("/plain.m3u8", `${head}#EXTINF:1,\n${secret}\n#EXT-X-ENDLIST\n`);
    playlists.set("/inside.m3u8", `${head}#EXTINF:1,\n${inside}\n#EXT-X-ENDLIST\n`);
    playlists.set("/variant.m3u8", `#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n${inside.replace("0.ts", ".m3u8")}\n`);
    playlists.set(
      "/key.m3u8",
      `${head}#EXT-X-KEY:METHOD=AES-128,URI="${inside}"\n#EXTINF:1,\n/hls/index0.ts\n#EXT-X-ENDLIST\n`,
    );
    playlists.set(
      "/concat.m3u8",
      `${head}#EXTINF:1,\nconcat:http://127.0.0.1:${web.port}/hls/index0.ts|file://${secret}\n#EXT-X-ENDLIST\n`,
    );
    asked.length = 0;
    const names = [...playlists.keys(), "/away.m3u8"];
    for (const name of names) {
      await using made = await pullOf(`http://127.0.0.1:${web.port}${name}`);
      await made.until(25_000, `${name} to be refused`, () => (failures(made).length > 0 ? true : undefined));
      expect([name, failures(made)[0]?.slice(0, 11), made.sessions.length]).toEqual([name, "PULL_FAILED", 0]);
      if (name === "/file.m3u8") expect(failures(made)[0]).toContain("Protocol 'file' not on whitelist");
      const told = made.observer.named("pull.connection.refused").map(({ fields }) => fields["code"]);
      const isInside = ["/inside.m3u8", "/variant.m3u8", "/key.m3u8", "/away.m3u8"].includes(name);
      expect([name, told.includes("PULL_REFUSED")]).toEqual([name, isInside]);
    }
    expect(asked.filter((one) => !one.startsWith("127.0.0.1:"))).toEqual([]);
  }, 90_000);
});

describe("the worker", () => {
  test("killed: the pull says so and comes back; one that hangs is killed", async () => {
    await using made = await pullOf(film, { loop: true });
    const live = (count: number): Promise<number> =>
      made.until(15_000, `session ${count}`, () =>
        made.sessions[count - 1] === undefined ? undefined : made.pull.workerPid("film"),
      );
    const first = await live(1);
    // It knows nothing of our environment, and no password of its source stands in the list of processes.
    expect(readFileSync(`/proc/${first}/environ`, "utf8")).toBe("");
    expect(readFileSync(`/proc/${first}/cmdline`, "utf8")).not.toContain("film.mp4");
    process.kill(first, "SIGKILL");
    const second = await live(2);
    expect(failures(made)[0]).toContain("ended with SIGKILL");
    expect([made.sessions[0]?.ended, second === first]).toEqual(["lost", false]);
    process.kill(second, "SIGSTOP");
    await made.until(20_000, "the stalled worker's end", () => (failures(made).length > 1 ? true : undefined));
    expect(failures(made)[1]).toStartWith("PULL_STALLED the source delivered nothing for 10 s");
    await live(3);
  }, 60_000);

  test("ends with the pull, and with the session that was thrown out", async () => {
    const made = await pullOf(film, { loop: true });
    await made.until(15_000, "the session", () => made.sessions[0]);
    made.sessions[0]?.expel.abort(new Fault("BROADCAST_STOPPED", "an operator ended the broadcast"));
    await made.until(5000, "the failure", () => (failures(made).length > 0 ? true : undefined));
    expect(failures(made)[0]).toBe("BROADCAST_STOPPED an operator ended the broadcast");
    const pid = await made.until(15_000, "the second session", () =>
      made.sessions[1] === undefined ? undefined : made.pull.workerPid("film"),
    );
    await made.pull.close();
    expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    expect([made.sessions[1]?.ended, await made.pull.closed]).toEqual(["lost", null]);
  }, 30_000);
});
