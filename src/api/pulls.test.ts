import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { makeApi } from "./api-under-test.ts";

const PULL = "/api/v1/streams/main/pull";
const URL_WITH_SECRETS = "rtmp://me:pass-word@live.example.org/app/its-stream-key";

describe("where a stream is fetched from, in the API", () => {
  test("is set, changed and removed; nothing of it but scheme and host is shown or written in clear", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const changes: string[] = [];
    made.sources.onChange((stream) => changes.push(stream));
    const set = await made.sendAdmin("PUT", PULL, { url: URL_WITH_SECRETS });
    expect([set.status, changes]).toEqual([200, ["main"]]);
    expect(made.sources.pullOf("main")).toMatchObject({
      loop: false,
      managedBy: "platform",
      source: { kind: "url", protocol: "rtmp", host: "live.example.org", url: URL_WITH_SECRETS },
    });
    await made.sendAdmin("PUT", PULL, { url: "https://films.example/loop.mp4?sig=top-secret", loop: true });
    expect(made.sources.pullOf("main")).toMatchObject({ loop: true, source: { host: "films.example" } });
    const files = readdirSync(made.folder).map((name) => readFileSync(join(made.folder, name), "latin1"));
    const told = files.join() + (await set.text()) + JSON.stringify(made.observer.events);
    for (const secret of ["pass-word", "its-stream-key", "top-secret"]) expect(told).not.toContain(secret);
    for (const round of [1, 2]) {
      expect([round, (await made.askAdmin(PULL, { method: "DELETE" })).status]).toEqual([round, 204]);
      expect(made.sources.pullOf("main")).toBeUndefined();
    }
  });

  test("goes with its stream", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    await made.sendAdmin("PUT", PULL, { url: URL_WITH_SECRETS });
    await made.askAdmin("/api/v1/streams/main", { method: "DELETE" });
    await made.add({ name: "main" });
    expect(made.sources.pullOf("main")).toBeUndefined();
  });

  test.each([
    [PULL, { url: "/etc/passwd-like-secret" }, 400, "CONFIG_INVALID"],
    [PULL, { url: "file:///srv/secret.mp4" }, 400, "CONFIG_INVALID"],
    [PULL, { url: "ftp://me:secret@host/film" }, 400, "CONFIG_INVALID"],
    [PULL, { url: "srt://host:1?mode=listener" }, 400, "CONFIG_INVALID"],
    [PULL, { url: "" }, 400, "CONFIG_INVALID"],
    [PULL, { loop: true }, 400, "REQUEST_INVALID"],
    [PULL, { url: "rtmp://host/a", secret: 1 }, 400, "REQUEST_INVALID"],
    ["/api/v1/streams/nobody/pull", { url: "rtmp://host/a/b" }, 404, "STREAM_UNKNOWN"],
  ] as const)("is refused: %s %j", async (path, body, status, code) => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const answer = await made.sendAdmin("PUT", path, body);
    const problem = (await answer.json()) as { code: string; message: string };
    expect([answer.status, problem.code]).toEqual([status, code]);
    if (code !== "CONFIG_INVALID") return;
    expect(problem.message).not.toContain("secret");
    expect(problem.message).toContain("a file is named in the configuration file only");
  });

  test("is the operator's alone", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const headers = { "content-type": "application/json" };
    const body = JSON.stringify({ url: URL_WITH_SECRETS });
    expect((await made.ask(PULL, { method: "PUT", headers, body })).status).toBe(401);
    expect((await made.ask(PULL, { method: "DELETE" })).status).toBe(401);
  });
});
