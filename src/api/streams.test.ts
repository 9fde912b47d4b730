import { describe, expect, test } from "bun:test";
import type { AdminStream, AdminStreamsAnswer, NewKeyAnswer, Problem } from "#web/wire.ts";
import { HEALTH, makeApi } from "./api-under-test.ts";
import { API_BODY_BYTES_MAX } from "./index.ts";

const JSON_TYPE = { "content-type": "application/json" };
const problem = async (response: Response): Promise<Problem> => (await response.json()) as Problem;

describe("streams", () => {
  test("are added with a key that is shown once, rotated and removed", async () => {
    const { askAdmin } = makeApi();
    const body = JSON.stringify({ name: "main", title: "Sunday" });
    const added = await askAdmin("/api/v1/streams", { method: "POST", headers: JSON_TYPE, body });
    expect(added.status).toBe(201);
    expect((await added.json()) as NewKeyAnswer).toEqual({
      stream: { name: "main", title: "Sunday", createdMs: 1_000, managedBy: "platform", health: null },
      key: "key-1",
      ingest: { urls: ["rtmp://stand.example/live"] },
    });
    expect(await (await askAdmin("/api/v1/streams")).text()).not.toContain("key-1");
    const rotated = await askAdmin("/api/v1/streams/main/rotate-key", { method: "POST" });
    expect(((await rotated.json()) as NewKeyAnswer).key).toBe("key-2");
    expect((await askAdmin("/api/v1/streams/main", { method: "DELETE" })).status).toBe(204);
    expect((await problem(await askAdmin("/api/v1/streams/main"))).code).toBe("STREAM_UNKNOWN");
  });

  test("have live health: with histories one by one, without in the list", async () => {
    const { askAdmin, catalogue, live } = makeApi();
    catalogue.put("main");
    catalogue.put("quiet");
    live.set("main", {});
    const { streams } = (await (await askAdmin("/api/v1/streams")).json()) as AdminStreamsAnswer;
    expect(streams.map(({ name, health }) => [name, health?.tracks[0]?.bitrateHistory])).toEqual([
      ["main", []],
      ["quiet", undefined],
    ]);
    const one = (await (await askAdmin("/api/v1/streams/main")).json()) as AdminStream;
    expect(one.health).toEqual(HEALTH);
  });

  test("that break a rule are refused with a code and what to do", async () => {
    const { askAdmin, catalogue } = makeApi();
    catalogue.put("main");
    catalogue.put("declared", "", "file");
    const post = (body: string) => askAdmin("/api/v1/streams", { method: "POST", headers: JSON_TYPE, body });
    const cases: [Promise<Response>, number, string][] = [
      [post(JSON.stringify({ name: "main" })), 409, "STORE_CONFLICT"],
      [post(JSON.stringify({ name: "Not/allowed" })), 400, "STREAM_NAME_INVALID"],
      [askAdmin("/api/v1/streams/declared", { method: "DELETE" }), 409, "KEY_MANAGED"],
      [askAdmin("/api/v1/streams/none/rotate-key", { method: "POST" }), 404, "STREAM_UNKNOWN"],
      [askAdmin("/api/v1/nothing"), 404, "NOT_FOUND"],
      [askAdmin("/api/v1/streams/main", { method: "PUT", body: "{}" }), 404, "NOT_FOUND"],
    ];
    for (const [asked, status, code] of cases) {
      const answer = await asked;
      expect([answer.status, (await problem(answer)).code]).toEqual([status, code]);
      expect(answer.headers.get("content-type")).toStartWith("application/json");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });

  test("are not made from bodies that are not what they should be", async () => {
    const { askAdmin, catalogue, observer } = makeApi();
    const bodies = [
      "",
      "{",
      "null",
      "[]",
      '"main"',
      "{}",
      '{"name":7}',
      '{"name":""}',
      `{"name":"${"a".repeat(200)}"}`,
      '{"name":"main","title":7}',
      '{"name":"main","extra":true}',
      `{"name":"main","title":"${"t".repeat(201)}"}`,
      '{"name":"main","title":"\\ud800',
    ];
    for (const body of bodies) {
      const answer = await askAdmin("/api/v1/streams", { method: "POST", headers: JSON_TYPE, body });
      expect([body.slice(0, 40), answer.status, (await problem(answer)).code]).toEqual([
        body.slice(0, 40),
        400,
        "REQUEST_INVALID",
      ]);
    }
    const asText = await askAdmin("/api/v1/streams", { method: "POST", body: '{"name":"main"}' });
    expect(asText.status).toBe(400);
    const long = JSON.stringify({ name: "main", title: "x".repeat(API_BODY_BYTES_MAX) });
    const tooLong = await askAdmin("/api/v1/streams", { method: "POST", headers: JSON_TYPE, body: long });
    expect([tooLong.status, (await problem(tooLong)).message]).toEqual([
      400,
      `the body is longer than ${API_BODY_BYTES_MAX} bytes`,
    ]);
    expect(catalogue.list()).toEqual([]);
    expect(observer.named("api.request.failed")).toEqual([]);
  });

  test("whose store fails with a bug give nothing away", async () => {
    const made = makeApi();
    made.catalogue.add = () => Promise.reject(new Error("secret detail"));
    const body = JSON.stringify({ name: "main" });
    const answer = await made.askAdmin("/api/v1/streams", { method: "POST", headers: JSON_TYPE, body });
    const text = await answer.text();
    expect([answer.status, text.includes("secret")]).toEqual([500, false]);
    expect(made.observer.named("api.request.failed")).toHaveLength(1);
  });
});

describe("the OpenAPI document", () => {
  test("describes every route with its problems", async () => {
    const { ask } = makeApi();
    const answer = await ask("/api/v1/openapi.json");
    const document = (await answer.json()) as {
      openapi: string;
      paths: Record<string, Record<string, { responses: Record<string, unknown>; security?: unknown[] }>>;
    };
    expect(document.openapi).toBe("3.1.0");
    const routes = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path}`),
    );
    expect(routes.sort()).toEqual([
      "delete /api/v1/streams/{name}",
      "get /api/v1/live",
      "get /api/v1/live/events",
      "get /api/v1/streams",
      "get /api/v1/streams/{name}",
      "get /api/v1/time",
      "post /api/v1/streams",
      "post /api/v1/streams/{name}/rotate-key",
    ]);
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const { responses, security } of Object.values(methods)) {
        if (path.startsWith("/api/v1/streams"))
          expect([Object.hasOwn(responses, "401"), security]).toEqual([true, [{ token: [] }]]);
      }
    }
  });
});
