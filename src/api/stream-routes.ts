import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { parseStreamSettings } from "#control/stream-settings.ts";
import { Fault } from "#faults/fault.ts";
import type { AdminStream, IngestAnswer } from "#web/wire.ts";
import { adminStream } from "./admin-stream.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { BroadcastStopper, CatalogueEntry, LiveStatus, StreamCatalogue } from "./ports.ts";
import { nameParams, newStreamSchema, schemas, streamChangeSchema, switchSchema } from "./schemas.ts";
import { ADMIN_SECURITY as security, json, jsonBody, problems } from "./stream-answers.ts";

const listRoute = createRoute({
  method: "get",
  path: "/api/v1/streams",
  summary: "All streams with their live health, without histories",
  security,
  responses: { 200: json(schemas.streams, "in the order of their names"), ...problems.unauthorized },
});

const getRoute = createRoute({
  method: "get",
  path: "/api/v1/streams/{name}",
  summary: "One stream with its live health",
  security,
  request: { params: nameParams },
  responses: { 200: json(schemas.stream, "the stream"), ...problems.unauthorized, ...problems.unknown },
});

const addRoute = createRoute({
  method: "post",
  path: "/api/v1/streams",
  summary: "Adds a stream; its key is shown this once",
  security,
  request: jsonBody(newStreamSchema, true),
  responses: {
    201: json(schemas.newKey, "added"),
    400: json(
      schemas.problem,
      "a value is not allowed (`STREAM_NAME_INVALID`, `CONFIG_INVALID` for settings, `REQUEST_INVALID`)",
    ),
    409: json(schemas.problem, "the name is taken (`STORE_CONFLICT`)"),
    ...problems.unauthorized,
    ...problems.store,
  },
});

const changeRoute = createRoute({
  method: "patch",
  path: "/api/v1/streams/{name}",
  summary: "Changes title or settings; settings take effect with the next broadcast",
  description: "Settings that are left out stay as they are; `null` gives one back to the platform (RFC 7396).",
  security,
  request: { params: nameParams, ...jsonBody(streamChangeSchema, true) },
  responses: {
    200: json(schemas.stream, "the stream as it is now"),
    ...problems.invalid,
    ...problems.unauthorized,
    ...problems.unknown,
    409: json(
      schemas.problem,
      "the stream is declared in the configuration file (`KEY_MANAGED`), or was changed by someone else meanwhile (`STORE_CONFLICT`)",
    ),
    ...problems.store,
  },
});

const removeRoute = createRoute({
  method: "delete",
  path: "/api/v1/streams/{name}",
  summary: "Removes a stream with its keys and ends its broadcast",
  security,
  request: { params: nameParams },
  responses: {
    204: { description: "removed" },
    ...problems.unauthorized,
    ...problems.unknown,
    ...problems.managed,
    ...problems.store,
  },
});

const stopRoute = createRoute({
  method: "post",
  path: "/api/v1/streams/{name}/stop",
  summary: "Ends the stream's broadcast now and disconnects its encoder",
  description:
    "Does nothing when the stream is not on air. An encoder that connects again begins a new broadcast; to keep it out, rotate or revoke its key. A stream that is always on begins a new broadcast at once, with its slate: set `alwaysOn` to false first.",
  security,
  request: { params: nameParams },
  responses: {
    200: json(schemas.stream, "the stream, off air"),
    ...problems.unauthorized,
    ...problems.unknown,
  },
});

const switchRoute = createRoute({
  method: "post",
  path: "/api/v1/streams/{name}/switch",
  summary: "Puts another of the stream's encoders on air, at its next keyframe",
  description: "It stays on air until it fails, or another one is chosen; the encoder before it stands by.",
  security,
  request: { params: nameParams, ...jsonBody(switchSchema, true) },
  responses: {
    200: json(schemas.stream, "the stream; `counters.switches` of its health grows when the picture is there"),
    ...problems.invalid,
    ...problems.unauthorized,
    404: json(schemas.problem, "there is no such stream or session (`STREAM_UNKNOWN`, `SESSION_UNKNOWN`)"),
  },
});

/** What {@link addStreamRoutes} needs. */
export interface StreamRoutesOptions {
  readonly catalogue: StreamCatalogue;
  readonly live: LiveStatus;
  readonly broadcasts: BroadcastStopper;
  ingest(request: Request): IngestAnswer;
}

function existing(catalogue: StreamCatalogue, name: string): CatalogueEntry {
  const entry = catalogue.get(name);
  if (entry !== undefined) return entry;
  throw new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(name)}`, {
    hint: "List the streams with GET /api/v1/streams.",
  });
}

/** Operator's answers: streams and their health. Whoever gets here has shown the admin token. */
export function addStreamRoutes(app: OpenAPIHono<ApiEnvironment>, options: StreamRoutesOptions): void {
  const { catalogue, live, broadcasts, ingest } = options;
  const shown = (entry: CatalogueEntry): AdminStream => adminStream(entry, { live, histories: true });
  app.openapi(listRoute, (c) => {
    const streams = catalogue.list().map((entry) => adminStream(entry, { live, histories: false }));
    const { defaults: platformSettings } = catalogue;
    return c.json({ streams, ingest: { urls: [...ingest(c.req.raw).urls] }, platformSettings }, 200);
  });
  app.openapi(getRoute, (c) => c.json(shown(existing(catalogue, c.req.valid("param").name)), 200));
  app.openapi(addRoute, async (c) => {
    const { name, title = "", settings = {} } = c.req.valid("json");
    const { stream, key, keyId } = await catalogue.add({ name, title, settings: parseStreamSettings(settings) });
    return c.json({ stream: shown(stream), key, keyId, ingest: { urls: [...ingest(c.req.raw).urls] } }, 201);
  });
  app.openapi(changeRoute, async (c) => {
    const { name } = c.req.valid("param");
    const { title, settings: given } = c.req.valid("json");
    const entry = existing(catalogue, name);
    const change = {
      ...(title === undefined ? {} : { title }),
      ...(given === undefined ? {} : { settings: parseStreamSettings({ ...entry.settings, ...given }) }),
    };
    return c.json(shown(await catalogue.update(name, change)), 200);
  });
  app.openapi(removeRoute, async (c) => {
    await catalogue.remove(c.req.valid("param").name);
    return c.body(null, 204);
  });
  app.openapi(switchRoute, (c) => {
    const entry = existing(catalogue, c.req.valid("param").name);
    broadcasts.switchTo(entry.name, c.req.valid("json").session);
    return c.json(shown(entry), 200);
  });
  app.openapi(stopRoute, (c) => {
    const entry = existing(catalogue, c.req.valid("param").name);
    const why = new Fault("BROADCAST_STOPPED", `an operator ended the broadcast of ${entry.name}`, {
      hint: "Start the encoder again to begin a new one.",
    });
    broadcasts.stop(entry.name, why);
    return c.json(shown(entry), 200);
  });
}
