import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { AdminStream, AdminStreamsAnswer, NewKeyAnswer, Problem } from "#web/wire.ts";
import { makeApi } from "./api-under-test.ts";
import { API_BODY_BYTES_MAX } from "./index.ts";

const JSON_TYPE = { "content-type": "application/json" };
const STREAMS = "/api/v1/streams";
const problem = async (response: Response): Promise<Problem> => (await response.json()) as Problem;
const streamOf = async (response: Response): Promise<AdminStream> => (await response.json()) as AdminStream;
const keyOf = async (response: Response): Promise<NewKeyAnswer> => (await response.json()) as NewKeyAnswer;

describe("streams", () => {
  test("are added with a key that is shown once, and removed", async () => {
    await using made = await makeApi();
    const { askAdmin, sendAdmin, catalogue, clock } = made;
    const added = await sendAdmin("POST", STREAMS, { name: "main", title: "Sunday", settings: { latency: "low" } });
    expect(added.status).toBe(201);
    const { stream, key, keyId, ingest } = await keyOf(added);
    expect(stream).toEqual({
      name: "main",
      title: "Sunday",
      createdMs: clock.wallMs(),
      managedBy: "platform",
      settings: { latency: "low" },
      effectiveSettings: {
        latency: "low",
        segmentSeconds: 2,
        partMs: 1000,
        graceSeconds: 60,
        ladder: "off",
        whenBusy: "backup",
        switchBack: "sticky",
        continuity: "hold",
        slateAfterMs: 1000,
        slateWords: "We'll be right back",
        alwaysOn: false,
      },
      keys: [{ id: keyId, createdAtMs: clock.wallMs() }],
      health: null,
    });
    expect(ingest).toEqual({ urls: ["rtmp://stand.example/live"] });
    expect(catalogue.authenticate({ path: key, address: "192.0.2.1" }).stream).toBe("main");
    for (const path of [STREAMS, `${STREAMS}/main`]) {
      const text = await (await askAdmin(path)).text();
      expect(text).toContain(keyId);
      expect(text).not.toContain(key);
      expect(text).not.toContain("sha256");
    }
    expect((await askAdmin(`${STREAMS}/main`, { method: "DELETE" })).status).toBe(204);
    expect((await problem(await askAdmin(`${STREAMS}/main`))).code).toBe("STREAM_UNKNOWN");
  });

  test("have the state of their pull, where they are pulled", async () => {
    await using made = await makeApi();
    await made.add({ name: "film" });
    await made.add({ name: "quiet" });
    const lastProblem = { code: "PULL_FAILED", message: "rtmp://h.example: no answer", hint: null, atMs: 4 };
    const place = "rtmp://h.example";
    const set = { loop: false, managedBy: "file" } as const;
    made.pulls.set("film", { state: "waiting", place, ...set, sinceMs: 5, failures: 2, nextTryMs: 7, lastProblem });
    expect((await streamOf(await made.askAdmin(`${STREAMS}/film`))).pull).toEqual(made.pulls.get("film"));
    const { streams } = (await (await made.askAdmin(STREAMS)).json()) as AdminStreamsAnswer;
    expect(streams.map(({ pull }) => pull?.state)).toEqual(["waiting", undefined]);
  });

  test("have live health: with histories one by one, without in the list", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    await made.add({ name: "quiet" });
    const encoder = await made.publish("main");
    await encoder.push(3);
    const { streams } = (await (await made.askAdmin(STREAMS)).json()) as AdminStreamsAnswer;
    expect(streams.map(({ name, health }) => [name, health?.tracks[0]?.bitrateHistory])).toEqual([
      ["main", []],
      ["quiet", undefined],
    ]);
    const { health } = await streamOf(await made.askAdmin(`${STREAMS}/main`));
    expect(health).toEqual(made.router.health("main") ?? null);
    expect(health?.state).toBe("live");
    expect(health?.tracks[0]?.bitrateHistory.length).toBeGreaterThan(1);
    expect(health?.sessions[0]?.encoder).toBe("obs-studio/30.2");
  });

  test("decide what viewers see while no encoder delivers; a file of this machine is nothing they may name", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const change = (settings: unknown): Promise<Response> => made.sendAdmin("PATCH", `${STREAMS}/main`, { settings });
    const own = { continuity: "end", slateAfterMs: 500, slateWords: "Pause – bis gleich", alwaysOn: true } as const;
    const { settings, effectiveSettings } = await streamOf(await change(own));
    expect([settings, effectiveSettings]).toEqual([own, { ...made.catalogue.defaults, ...own }]);
    const { settings: less } = await streamOf(await change({ slateWords: null, alwaysOn: null, continuity: "hold" }));
    expect(less).toEqual({ continuity: "hold", slateAfterMs: 500 });
    for (const [wrong, says] of [
      [{ slateFile: "/etc/passwd" }, 'slateFile = "/etc/passwd" is not allowed: there is only latency, '],
      [{ slateAfterMs: 10_001 }, "slateAfterMs = 10001 is not allowed: a number from 300 to 10000"],
      [{ slateWords: "x".repeat(81) }, "is not allowed: a text of 1 to 80 characters"],
      [{ slateWords: "two\nlines" }, "is not allowed: a text of 1 to 80 characters"],
      [{ alwaysOn: 1 }, "alwaysOn = 1 is not allowed: true or false"],
    ] as const) {
      const { code, message } = await problem(await change(wrong));
      expect([code, message]).toEqual(["CONFIG_INVALID", expect.stringContaining(says)]);
    }
  });

  test("change title and settings; what is left out stays, null gives back to the platform", async () => {
    await using made = await makeApi();
    await made.add({ name: "main", title: "Sunday", settings: { latency: "low", graceSeconds: 5 } });
    const change = async (body: unknown): Promise<AdminStream> =>
      streamOf(await made.sendAdmin("PATCH", `${STREAMS}/main`, body));
    expect((await change({ title: "Monday" })).settings).toEqual({ latency: "low", graceSeconds: 5 });
    const changed = await change({ settings: { latency: null, partMs: 250 } });
    expect(changed.title).toBe("Monday");
    expect(changed.settings).toEqual({ partMs: 250, graceSeconds: 5 });
    expect(changed.effectiveSettings).toEqual({ ...made.catalogue.defaults, partMs: 250, graceSeconds: 5 });
    expect(await streamOf(await made.askAdmin(`${STREAMS}/main`))).toEqual(changed);
    expect((await change({ title: "" })).title).toBe("");
  });

  test("have a ladder of their own, or the platform's", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const added = await keyOf(
      await made.sendAdmin("POST", STREAMS, { name: "final", settings: { ladder: "720:2500k,480p" } }),
    );
    expect(added.stream.effectiveSettings.ladder).toBe("720:2500k,480p");
    const change = async (ladder: string | null): Promise<AdminStream> =>
      streamOf(await made.sendAdmin("PATCH", `${STREAMS}/final`, { settings: { ladder } }));
    for (const ladder of ["default", "off"]) {
      const { settings, effectiveSettings } = await change(ladder);
      expect([settings.ladder, effectiveSettings.ladder]).toEqual([ladder, ladder]);
      expect(made.catalogue.effectiveOf("final")?.ladder).toBe(ladder);
    }
    expect((await change(null)).settings).toEqual({});
    const { streams, platformSettings } = (await (await made.askAdmin(STREAMS)).json()) as AdminStreamsAnswer;
    expect(platformSettings).toEqual(made.catalogue.defaults);
    expect(streams.map(({ effectiveSettings }) => effectiveSettings)).toEqual([platformSettings, platformSettings]);
  });

  test("that break a rule are refused with a code and what to do", async () => {
    await using made = await makeApi();
    const { askAdmin, sendAdmin } = made;
    await made.add({ name: "main" });
    await made.add({ name: "declared", managedBy: "file" });
    const cases: [Promise<Response>, number, string][] = [
      [sendAdmin("POST", STREAMS, { name: "main" }), 409, "STORE_CONFLICT"],
      [sendAdmin("POST", STREAMS, { name: "Not/allowed" }), 400, "STREAM_NAME_INVALID"],
      [askAdmin(`${STREAMS}/declared`, { method: "DELETE" }), 409, "KEY_MANAGED"],
      [sendAdmin("PATCH", `${STREAMS}/declared`, { title: "x" }), 409, "KEY_MANAGED"],
      [askAdmin(`${STREAMS}/declared/rotate-key`, { method: "POST" }), 409, "KEY_MANAGED"],
      [askAdmin(`${STREAMS}/declared/keys/x`, { method: "DELETE" }), 409, "KEY_MANAGED"],
      [askAdmin(`${STREAMS}/none`, { method: "DELETE" }), 404, "STREAM_UNKNOWN"],
      [sendAdmin("PATCH", `${STREAMS}/none`, { title: "x" }), 404, "STREAM_UNKNOWN"],
      [askAdmin(`${STREAMS}/none/rotate-key`, { method: "POST" }), 404, "STREAM_UNKNOWN"],
      [askAdmin(`${STREAMS}/none/stop`, { method: "POST" }), 404, "STREAM_UNKNOWN"],
      [askAdmin(`${STREAMS}/none/keys/x`, { method: "DELETE" }), 404, "STREAM_UNKNOWN"],
      [askAdmin(`${STREAMS}/main/keys/x`, { method: "DELETE" }), 404, "KEY_REFUSED"],
      [askAdmin("/api/v1/nothing"), 404, "NOT_FOUND"],
      [askAdmin("/api"), 404, "NOT_FOUND"],
    ];
    for (const [asked, status, code] of cases) {
      const answer = await asked;
      expect([answer.status, (await problem(answer)).code]).toEqual([status, code]);
      expect(answer.headers.get("content-type")).toStartWith("application/json");
      expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
      expect(answer.headers.get("cache-control")).toBe("no-store");
    }
  });

  test("are not answered by methods they do not have, and the answer says which they have", async () => {
    await using made = await makeApi();
    for (const [method, path, allow] of [
      ["PUT", `${STREAMS}/main`, "GET, HEAD, PATCH, DELETE"],
      ["DELETE", STREAMS, "GET, HEAD, POST"],
      ["GET", `${STREAMS}/main/stop`, "POST"],
      ["GET", `${STREAMS}/main/keys/x`, "DELETE"],
      ["POST", "/healthz", "GET, HEAD"],
    ] as const) {
      const answer = await made.askAdmin(path, { method });
      expect([path, answer.status, answer.headers.get("allow")]).toEqual([path, 405, allow]);
      expect((await problem(answer)).code).toBe("METHOD_NOT_ALLOWED");
    }
  });

  test("give nothing and do nothing without the token, whatever is asked", async () => {
    await using made = await makeApi();
    await made.add({ name: "main", title: "Sunday" });
    const encoder = await made.publish("main");
    const before = made.catalogue.list();
    for (const [method, path] of [
      ["GET", ""],
      ["POST", ""],
      ["GET", "/main"],
      ["PATCH", "/main"],
      ["DELETE", "/main"],
      ["POST", "/main/stop"],
      ["POST", "/main/rotate-key"],
      ["DELETE", `/main/keys/${before[0]?.keys[0]?.id}`],
      ["PUT", "/main"],
    ] as const) {
      const asked = { method, headers: JSON_TYPE, ...(method === "GET" ? {} : { body: '{"title":"x"}' }) };
      const answer = await made.ask(`${STREAMS}${path}`, asked);
      expect([method, path, answer.status]).toEqual([method, path, 401]);
      expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="Grandstand"');
    }
    expect(made.catalogue.list()).toEqual(before);
    expect([made.router.onAir(), encoder.expelled.aborted]).toEqual([["main"], false]);
  });
});

describe("a broadcast", () => {
  test("ends at once when it is stopped, and a new one may begin", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    await made.add({ name: "declared", managedBy: "file" });
    for (const name of ["main", "declared"]) {
      const encoder = await made.publish(name);
      const stop = (): Promise<Response> => made.askAdmin(`${STREAMS}/${name}/stop`, { method: "POST" });
      const stopped = await stop();
      expect([stopped.status, (await streamOf(stopped)).health]).toEqual([200, null]);
      expect(encoder.expelled.reason).toMatchObject({ code: "BROADCAST_STOPPED" });
      expect(made.router.onAir()).toEqual([]);
      expect((await stop()).status).toBe(200);
    }
    await made.clock.advance(5_000);
    await made.publish("main");
    expect(made.router.onAir()).toEqual(["main"]);
  });

  test("ends with its stream", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const encoder = await made.publish("main");
    await made.askAdmin(`${STREAMS}/main`, { method: "DELETE" });
    expect([made.router.onAir(), encoder.expelled.aborted]).toEqual([[], true]);
  });
});

describe("keys", () => {
  const OLD = { address: "192.0.2.1" };

  test("are replaced at once, and who publishes with the old one is thrown out", async () => {
    await using made = await makeApi();
    const old = await made.add({ name: "main" });
    const encoder = await made.publish("main");
    const { key, keyId, stream } = await keyOf(await made.askAdmin(`${STREAMS}/main/rotate-key`, { method: "POST" }));
    expect(key).not.toBe(old);
    expect(stream.keys.map(({ id }) => id)).toEqual([keyId]);
    expect(() => made.catalogue.authenticate({ path: old, ...OLD })).toThrow("not valid");
    expect(made.catalogue.authenticate({ path: key, ...OLD }).stream).toBe("main");
    expect(encoder.expelled.reason).toMatchObject({ code: "KEY_REFUSED" });
    expect((await streamOf(await made.askAdmin(`${STREAMS}/main`))).health?.state).toBe("interrupted");
  });

  test("overlap as long as they are told to, and the broadcast goes on meanwhile", async () => {
    await using made = await makeApi();
    const old = await made.add({ name: "main" });
    const encoder = await made.publish("main");
    const rotated = await keyOf(await made.sendAdmin("POST", `${STREAMS}/main/rotate-key`, { overlapSeconds: 60 }));
    const expiresAtMs = made.clock.wallMs() + 60_000;
    expect(rotated.stream.keys.map((key) => key.expiresAtMs)).toEqual([expiresAtMs, undefined]);
    expect(encoder.expelled.aborted).toBe(false);
    await made.clock.advance(59_000);
    expect(made.catalogue.authenticate({ path: old, ...OLD }).stream).toBe("main");
    await made.clock.advance(1_000);
    expect(() => made.catalogue.authenticate({ path: old, ...OLD })).toThrow("not valid");
    const { keys } = await streamOf(await made.askAdmin(`${STREAMS}/main`));
    expect(keys.map(({ id }) => id)).toEqual([rotated.keyId]);
  });

  test("end one by one, with the session that uses one and no other", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const encoder = await made.publish("main");
    const [used] = made.catalogue.get("main")?.keys ?? [];
    const second = await keyOf(await made.sendAdmin("POST", `${STREAMS}/main/rotate-key`, { overlapSeconds: 60 }));
    const revoke = async (id: string): Promise<AdminStream> =>
      streamOf(await made.askAdmin(`${STREAMS}/main/keys/${id}`, { method: "DELETE" }));
    expect((await revoke(second.keyId)).keys.map(({ id }) => id)).toEqual([used?.id ?? ""]);
    expect(encoder.expelled.aborted).toBe(false);
    expect((await revoke(used?.id ?? "")).keys).toEqual([]);
    expect(encoder.expelled.reason).toMatchObject({ code: "KEY_REFUSED" });
  });
});

describe("bodies", () => {
  test("that are not what they should be change nothing, and the answer names what is wrong", async () => {
    await using made = await makeApi();
    const { askAdmin, catalogue, observer } = made;
    const text = (body: string) => askAdmin(STREAMS, { method: "POST", headers: JSON_TYPE, body });
    for (const [body, code, message] of [
      ["", "REQUEST_INVALID", "the body is not JSON"],
      ["{", "REQUEST_INVALID", "the body is not JSON"],
      ["null", "REQUEST_INVALID", "invalid input: expected object, received null"],
      ["[]", "REQUEST_INVALID", "invalid input: expected object, received array"],
      ['"main"', "REQUEST_INVALID", "invalid input: expected object, received string"],
      ["{}", "REQUEST_INVALID", "name is missing"],
      ['{"name":7}', "REQUEST_INVALID", "name: invalid input: expected string, received number"],
      [
        '{"title":7,"extra":1}',
        "REQUEST_INVALID",
        'name is missing; title: invalid input: expected string, received number; unrecognized key: "extra"',
      ],
      ['{"name":""}', "REQUEST_INVALID", "name: "],
      [`{"name":"${"a".repeat(200)}"}`, "REQUEST_INVALID", "name: "],
      [`{"name":"main","title":"${"t".repeat(201)}"}`, "REQUEST_INVALID", "title: "],
      ['{"name":"main","title":"\\ud800', "REQUEST_INVALID", "the body is not JSON"],
      ['{"name":"main","settings":[]}', "REQUEST_INVALID", "settings: "],
      [
        '{"name":"main","settings":{"latncy":"low"}}',
        "CONFIG_INVALID",
        'latncy = "low" is not allowed: there is only latency, segmentSeconds, partMs, graceSeconds, slateAfterMs, ladder',
      ],
      ['{"name":"main","settings":{"toString":1}}', "CONFIG_INVALID", "toString = 1 is not allowed: "],
      [
        '{"name":"main","settings":{"latency":"fast"}}',
        "CONFIG_INVALID",
        'latency = "fast" is not allowed: one of lowest, low, normal',
      ],
      [
        '{"name":"main","settings":{"segmentSeconds":0}}',
        "CONFIG_INVALID",
        "segmentSeconds = 0 is not allowed: a number from 1 to 10",
      ],
      [
        '{"name":"main","settings":{"partMs":"500"}}',
        "CONFIG_INVALID",
        'partMs = "500" is not allowed: a number from 100 to 2000, or 0',
      ],
      [
        '{"name":"main","settings":{"graceSeconds":-1}}',
        "CONFIG_INVALID",
        "graceSeconds = -1 is not allowed: a number from 0 to 86400",
      ],
      [
        '{"name":"main","settings":{"ladder":"720:fast"}}',
        "CONFIG_INVALID",
        'ladder = "720:fast" is not allowed: off, ',
      ],
      ['{"name":"main","settings":{"ladder":480}}', "CONFIG_INVALID", "ladder = 480 is not allowed: off, default, or "],
      ['{"name":"main","settings":{"ladder":["720"]}}', "CONFIG_INVALID", 'ladder = ["720"] is not allowed: '],
    ] as const) {
      const answer = await text(body);
      const { code: found, message: said } = await problem(answer);
      expect([body.slice(0, 60), answer.status, found]).toEqual([body.slice(0, 60), 400, code]);
      expect(said).toStartWith(message);
    }
    expect(catalogue.list()).toEqual([]);
    expect(observer.named("api.request.failed")).toEqual([]);
  });

  test("of changes and rotations are looked at as closely", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const before = made.catalogue.list();
    const cases: [Promise<Response>, string][] = [
      [made.sendAdmin("PATCH", `${STREAMS}/main`, {}), "give title, settings or both"],
      [made.sendAdmin("PATCH", `${STREAMS}/main`, { name: "x" }), 'unrecognized key: "name"'],
      [made.sendAdmin("PATCH", `${STREAMS}/main`, { settings: { partMs: 5 } }), "partMs = 5 is not allowed"],
      [made.sendAdmin("PATCH", `${STREAMS}/main`, { settings: { x: null } }), "x = null is not allowed"],
      [made.sendAdmin("POST", `${STREAMS}/main/rotate-key`, { overlap: 5 }), 'unrecognized key: "overlap"'],
      [made.sendAdmin("POST", `${STREAMS}/main/rotate-key`, { overlapSeconds: -1 }), "overlapSeconds: "],
      [made.sendAdmin("POST", `${STREAMS}/main/rotate-key`, { overlapSeconds: "5" }), "overlapSeconds: "],
      [made.sendAdmin("POST", `${STREAMS}/main/rotate-key`, { overlapSeconds: 1e9 }), "overlapSeconds: "],
    ];
    for (const [asked, message] of cases) {
      const answer = await asked;
      expect([message, answer.status]).toEqual([message, 400]);
      expect((await problem(answer)).message).toStartWith(message);
    }
    expect(made.catalogue.list()).toEqual(before);
  });

  test("that are not announced as JSON are refused, not ignored", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const before = made.catalogue.list();
    const body = '{"overlapSeconds":60}';
    for (const headers of [{}, { "content-type": "application/x-www-form-urlencoded" }]) {
      const answer = await made.askAdmin(`${STREAMS}/main/rotate-key`, { method: "POST", headers, body });
      expect(answer.status).toBe(400);
      expect((await problem(answer)).hint).toBe("Send it with `Content-Type: application/json`.");
    }
    expect(made.catalogue.list()).toEqual(before);
  });

  test("that are too long are not read", async () => {
    await using made = await makeApi();
    const answer = await made.sendAdmin("POST", STREAMS, { name: "main", title: "x".repeat(API_BODY_BYTES_MAX) });
    expect([answer.status, (await problem(answer)).message]).toEqual([
      400,
      `the body is longer than ${API_BODY_BYTES_MAX} bytes`,
    ]);
  });
});

describe("what fails inside", () => {
  test("is a store's fault with a code when the store fails, and nothing is changed", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const other = new DatabaseSync(join(made.folder, "grandstand.db"));
    other.exec("DROP TABLE records");
    other.close();
    const answer = await made.sendAdmin("POST", STREAMS, { name: "second" });
    expect([answer.status, (await problem(answer)).code]).toEqual([503, "STORE_FAILED"]);
    expect(made.catalogue.list().map(({ name }) => name)).toEqual(["main"]);
  });

  test("gives nothing away when it is a bug", async () => {
    const stop = (): never => {
      throw new Error("secret detail");
    };
    await using made = await makeApi({ broadcasts: { stop, switchTo: stop } });
    await made.add({ name: "main" });
    const answer = await made.askAdmin(`${STREAMS}/main/stop`, { method: "POST" });
    const text = await answer.text();
    expect([answer.status, text.includes("secret")]).toEqual([500, false]);
    expect(made.observer.named("api.request.failed")).toHaveLength(1);
  });
});

interface Operation {
  readonly responses: Readonly<Record<string, unknown>>;
  readonly security?: unknown[];
  readonly requestBody?: { required: boolean };
}

describe("the OpenAPI document", () => {
  test("describes every route with its problems", async () => {
    await using made = await makeApi();
    const document = (await (await made.ask("/api/v1/openapi.json")).json()) as {
      openapi: string;
      paths: Record<string, Record<string, Operation>>;
      components: { schemas: Record<string, { required?: string[]; additionalProperties?: boolean }> };
    };
    expect(document.openapi).toBe("3.1.0");
    const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ path, route: `${method} ${path}`, operation })),
    );
    expect(operations.map(({ route }) => route).sort()).toEqual([
      "delete /api/v1/streams/{name}",
      "delete /api/v1/streams/{name}/keys/{id}",
      "delete /api/v1/streams/{name}/pull",
      "delete /api/v1/streams/{name}/targets/{id}",
      "get /api/v1/hooks",
      "get /api/v1/live",
      "get /api/v1/live/events",
      "get /api/v1/multitrack",
      "get /api/v1/streams",
      "get /api/v1/streams/{name}",
      "get /api/v1/streams/{name}/targets",
      "get /api/v1/time",
      "patch /api/v1/streams/{name}",
      "patch /api/v1/streams/{name}/targets/{id}",
      "post /api/v1/multitrack",
      "post /api/v1/streams",
      "post /api/v1/streams/{name}/rotate-key",
      "post /api/v1/streams/{name}/stop",
      "post /api/v1/streams/{name}/switch",
      "post /api/v1/streams/{name}/targets",
      "put /api/v1/streams/{name}/pull",
    ]);
    for (const { path, operation } of operations) {
      const { responses, security } = operation;
      if (path.startsWith(STREAMS))
        expect([path, Object.hasOwn(responses, "401"), security]).toEqual([path, true, [{ token: [] }]]);
      if (path.includes("{name}")) expect([path, Object.hasOwn(responses, "404")]).toEqual([path, true]);
    }
    expect(document.paths["/api/v1/streams/{name}/rotate-key"]?.["post"]?.requestBody?.required).toBe(false);
    const { schemas } = document.components;
    expect(schemas["Key"]?.required).toEqual(["id", "createdAtMs"]);
    expect(schemas["StreamSettings"]?.additionalProperties).toBe(false);
    expect(schemas["Stream"]?.required).toContain("effectiveSettings");
  });
});
