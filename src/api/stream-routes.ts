import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { Fault } from "#faults/fault.ts";
import type { AdminStream, IngestAnswer } from "#web/wire.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { CatalogueEntry, LiveStatus, StreamCatalogue } from "./ports.ts";
import { nameParams, newStreamSchema, schemas } from "./schemas.ts";

const json = <Schema>(schema: Schema, description: string) => ({
  description,
  content: { "application/json": { schema } },
});
const unauthorized = { 401: json(schemas.problem, "the admin token is missing or wrong") };
const unknown = { 404: json(schemas.problem, "there is no such stream") };
const managed = { 409: json(schemas.problem, "the stream is declared in the configuration file") };
const security = [{ token: [] }];

const listRoute = createRoute({
  method: "get",
  path: "/api/v1/streams",
  summary: "All streams with their live health, without histories",
  security,
  responses: { 200: json(schemas.streams, "in the order of their names"), ...unauthorized },
});

const getRoute = createRoute({
  method: "get",
  path: "/api/v1/streams/{name}",
  summary: "One stream with its live health",
  security,
  request: { params: nameParams },
  responses: { 200: json(schemas.stream, "the stream"), ...unauthorized, ...unknown },
});

const addRoute = createRoute({
  method: "post",
  path: "/api/v1/streams",
  summary: "Adds a stream; its key is shown this once",
  security,
  request: { body: { required: true, content: { "application/json": { schema: newStreamSchema } } } },
  responses: {
    201: json(schemas.newKey, "added"),
    400: json(schemas.problem, "the name or the title is not allowed"),
    409: json(schemas.problem, "the name is taken"),
    ...unauthorized,
  },
});

const removeRoute = createRoute({
  method: "delete",
  path: "/api/v1/streams/{name}",
  summary: "Removes a stream with its keys and ends its broadcast",
  security,
  request: { params: nameParams },
  responses: { 204: { description: "removed" }, ...unauthorized, ...unknown, ...managed },
});

const rotateRoute = createRoute({
  method: "post",
  path: "/api/v1/streams/{name}/rotate-key",
  summary: "Gives a stream a new key, shown this once; the old one ends now, with the broadcast that uses it",
  security,
  request: { params: nameParams },
  responses: { 200: json(schemas.newKey, "the new key"), ...unauthorized, ...unknown, ...managed },
});

/** What {@link addStreamRoutes} needs. */
export interface StreamRoutesOptions {
  readonly catalogue: StreamCatalogue;
  readonly live: LiveStatus;
  ingest(request: Request): IngestAnswer;
}

/** One stream as its operator sees it. */
export function adminStream(
  entry: CatalogueEntry,
  { live, histories }: { live: LiveStatus; histories: boolean },
): AdminStream {
  const { name, title, createdAtMs: createdMs, managedBy } = entry;
  const health = live.status(name);
  if (health === undefined) return { name, title, createdMs, managedBy, health: null };
  if (histories) return { name, title, createdMs, managedBy, health };
  const tracks = health.tracks.map((track) => ({ ...track, bitrateHistory: [] }));
  return { name, title, createdMs, managedBy, health: { ...health, tracks } };
}

/** Operator's answers: streams, keys, health. Whoever gets here has shown the admin token. */
export function addStreamRoutes(app: OpenAPIHono<ApiEnvironment>, options: StreamRoutesOptions): void {
  const { catalogue, live, ingest } = options;
  const shown = (entry: CatalogueEntry): AdminStream => adminStream(entry, { live, histories: true });
  app.openapi(listRoute, (c) => {
    const streams = catalogue.list().map((entry) => adminStream(entry, { live, histories: false }));
    return c.json({ streams, ingest: { urls: [...ingest(c.req.raw).urls] } }, 200);
  });
  app.openapi(getRoute, (c) => {
    const { name } = c.req.valid("param");
    const entry = catalogue.get(name);
    if (entry === undefined) {
      throw new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(name)}`, {
        hint: "List the streams with GET /api/v1/streams.",
      });
    }
    return c.json(shown(entry), 200);
  });
  app.openapi(addRoute, async (c) => {
    const { name, title } = c.req.valid("json");
    const { stream, key } = await catalogue.add(title === undefined ? { name } : { name, title });
    return c.json({ stream: shown(stream), key, ingest: { urls: [...ingest(c.req.raw).urls] } }, 201);
  });
  app.openapi(removeRoute, async (c) => {
    await catalogue.remove(c.req.valid("param").name);
    return c.body(null, 204);
  });
  app.openapi(rotateRoute, async (c) => {
    const { stream, key } = await catalogue.rotateKey(c.req.valid("param").name);
    return c.json({ stream: shown(stream), key, ingest: { urls: [...ingest(c.req.raw).urls] } }, 200);
  });
}
