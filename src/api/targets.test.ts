import { describe, expect, test } from "bun:test";
import type { AdminTarget } from "#web/wire.ts";
import { makeApi } from "./api-under-test.ts";

const TARGETS = "/api/v1/streams/main/targets";
const KEY = "abcd-efgh-ijkl-mnop";
const NEW = { name: "Twitch", url: "rtmp://live.twitch.tv/app", key: KEY };

describe("restream targets in the API", () => {
  test("are added, listed, stopped and removed; their keys are never shown", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const answer = await made.sendAdmin("POST", TARGETS, NEW);
    const text = await answer.text();
    expect(answer.status).toBe(201);
    const added = JSON.parse(text) as AdminTarget;
    expect(added).toEqual({
      id: expect.stringMatching(/^[0-9a-f]{10}$/),
      name: "Twitch",
      url: "rtmp://live.twitch.tv/app",
      keyEnd: "mnop",
      rendition: "source",
      enabled: true,
      managedBy: "platform",
      state: "waiting",
      sinceMs: null,
      nextTryMs: null,
      lastProblem: null,
      sentBytes: 0,
      reconnects: 0,
      droppedGops: 0,
    });
    const changed = await made.sendAdmin("PATCH", `${TARGETS}/${added.id}`, { enabled: false, rendition: "480p" });
    expect(await changed.json()).toEqual({ ...added, enabled: false, state: "stopped", rendition: "480p" });
    const list = await (await made.askAdmin(TARGETS)).text();
    expect(JSON.parse(list)).toEqual({ targets: [{ ...added, enabled: false, state: "stopped", rendition: "480p" }] });
    expect(text + list + JSON.stringify(made.observer.events)).not.toContain(KEY);
    const removed = await made.askAdmin(`${TARGETS}/${added.id}`, { method: "DELETE" });
    expect(removed.status).toBe(204);
    expect(await (await made.askAdmin(TARGETS)).json()).toEqual({ targets: [] });
  });

  test("tell how each stands, in words", async () => {
    const lastProblem = { code: "RTMP_REFUSED", message: "no", hint: undefined, atMs: 5 } as const;
    const figures = { sentBytes: 9, reconnects: 2, droppedGops: 3 };
    const ids: string[] = [];
    const statusOf = () =>
      ids.map((id) => ({ id, state: "refused", sinceMs: 4, nextTryMs: 6, lastProblem, ...figures }) as const);
    await using made = await makeApi({ restream: { statusOf } });
    await made.add({ name: "main" });
    ids.push(((await (await made.sendAdmin("POST", TARGETS, NEW)).json()) as AdminTarget).id);
    const { targets } = (await (await made.askAdmin(TARGETS)).json()) as { targets: AdminTarget[] };
    expect(targets).toMatchObject([
      { state: "refused", sinceMs: 4, nextTryMs: 6, lastProblem: { ...lastProblem, hint: null }, ...figures },
    ]);
  });

  test("go with their stream", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    await made.sendAdmin("POST", TARGETS, NEW);
    await made.askAdmin("/api/v1/streams/main", { method: "DELETE" });
    expect((await made.askAdmin(TARGETS)).status).toBe(404);
    await made.add({ name: "main" });
    expect(await (await made.askAdmin(TARGETS)).json()).toEqual({ targets: [] });
  });

  test.each([
    ["POST", "", { ...NEW, url: "https://example.org/live" }, 400, "CONFIG_INVALID"],
    ["POST", "", { ...NEW, port: 1 }, 400, "REQUEST_INVALID"],
    ["POST", "", { name: "x", url: NEW.url }, 400, "REQUEST_INVALID"],
    ["PATCH", "/0123456789", { enabled: true }, 404, "TARGET_UNKNOWN"],
  ] as const)("answer %s%s %j with %d %s", async (method, path, body, status, code) => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const answer = await made.sendAdmin(method, `${TARGETS}${path}`, body);
    expect([answer.status, ((await answer.json()) as { code: string }).code]).toEqual([status, code]);
  });

  test("are the operator's alone", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    expect((await made.ask(TARGETS)).status).toBe(401);
    expect((await made.askAdmin("/api/v1/streams/nobody/targets")).status).toBe(404);
  });
});
