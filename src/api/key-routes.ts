import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import type { IngestAnswer } from "#web/wire.ts";
import { adminStream } from "./admin-stream.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { LiveStatus, StreamCatalogue } from "./ports.ts";
import { keyParams, nameParams, rotationSchema, schemas } from "./schemas.ts";
import { ADMIN_SECURITY as security, json, jsonBody, problems } from "./stream-answers.ts";

const rotateRoute = createRoute({
  method: "post",
  path: "/api/v1/streams/{name}/rotate-key",
  summary: "Gives a stream a new key, shown this once",
  description: "The old keys end now, with the broadcast that uses one, or after `overlapSeconds`.",
  security,
  request: { params: nameParams, ...jsonBody(rotationSchema, false) },
  responses: {
    200: json(schemas.newKey, "the new key"),
    ...problems.invalid,
    ...problems.unauthorized,
    ...problems.unknown,
    ...problems.managed,
    ...problems.store,
  },
});

const revokeRoute = createRoute({
  method: "delete",
  path: "/api/v1/streams/{name}/keys/{id}",
  summary: "Ends one key now; an encoder that publishes with it is disconnected",
  description: "Its broadcast waits for another encoder as long as `graceSeconds` says.",
  security,
  request: { params: keyParams },
  responses: {
    200: json(schemas.stream, "the stream, without that key"),
    404: json(schemas.problem, "there is no such stream (`STREAM_UNKNOWN`) or key (`KEY_REFUSED`)"),
    ...problems.unauthorized,
    ...problems.managed,
    ...problems.store,
  },
});

/** What {@link addKeyRoutes} needs. */
export interface KeyRoutesOptions {
  readonly catalogue: StreamCatalogue;
  readonly live: LiveStatus;
  ingest(request: Request): IngestAnswer;
}

/** Replaces and ends keys. Whoever gets here has shown the admin token. */
export function addKeyRoutes(app: OpenAPIHono<ApiEnvironment>, options: KeyRoutesOptions): void {
  const { catalogue, live, ingest } = options;
  app.openapi(rotateRoute, async (c) => {
    const { overlapSeconds = 0 } = c.req.valid("json");
    const { stream, key, keyId } = await catalogue.rotateKey(c.req.valid("param").name, { overlapSeconds });
    const shown = adminStream(stream, { live, histories: true });
    return c.json({ stream: shown, key, keyId, ingest: { urls: [...ingest(c.req.raw).urls] } }, 200);
  });
  app.openapi(revokeRoute, async (c) => {
    const { name, id } = c.req.valid("param");
    return c.json(adminStream(await catalogue.revokeKey(name, id), { live, histories: true }), 200);
  });
}
