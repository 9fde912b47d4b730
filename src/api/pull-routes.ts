import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import { PULL_URL_ALLOWED } from "#control/pull-sources.ts";
import { Fault } from "#faults/fault.ts";
import { PULL_CHARACTERS_MAX } from "#media/pull-source.ts";
import { adminStream } from "./admin-stream.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { LiveStatus, PullCatalogue, PullChange, StreamCatalogue } from "./ports.ts";
import { nameParams, schemas } from "./schemas.ts";
import { ADMIN_SECURITY as security, json, jsonBody, problems } from "./stream-answers.ts";

const path = "/api/v1/streams/{name}/pull";
const managed = {
  409: json(
    schemas.problem,
    "the source is declared in the configuration file (`KEY_MANAGED`), or was changed by someone else meanwhile (`STORE_CONFLICT`)",
  ),
};

const pullChangeSchema: z.ZodType<PullChange> = z
  .strictObject({
    url: z
      .string()
      .max(PULL_CHARACTERS_MAX)
      .openapi({
        description: `${PULL_URL_ALLOWED}. Kept encrypted; only scheme and host are shown again.`,
        example: "rtmp://live.example.org/app/its-stream-key",
      }),
    loop: z.boolean().optional().openapi({ description: "a file of the web begins again at its end; default false" }),
  })
  .openapi("PullChange");

const setRoute = createRoute({
  method: "put",
  path,
  summary: "Lets the stream be fetched from another server, from now on",
  description: "A source that it had before is left. Sources inside the operator's own network need `pullPrivate`.",
  security,
  request: { params: nameParams, ...jsonBody(pullChangeSchema, true) },
  responses: {
    200: json(schemas.stream, "the stream; its `pull` tells how it goes"),
    ...problems.invalid,
    ...problems.unauthorized,
    ...problems.unknown,
    ...managed,
    ...problems.store,
  },
});

const removeRoute = createRoute({
  method: "delete",
  path,
  summary: "Fetches the stream no more; its encoders go on",
  security,
  request: { params: nameParams },
  responses: {
    204: { description: "it is not fetched" },
    ...problems.unauthorized,
    ...problems.unknown,
    ...managed,
    ...problems.store,
  },
});

/** What {@link addPullRoutes} needs. */
export interface PullRoutesOptions {
  readonly catalogue: StreamCatalogue;
  readonly pulls: PullCatalogue;
  readonly live: LiveStatus;
}

/** Operator's answers about where a stream is fetched from. Whoever gets here has shown the admin token. */
export function addPullRoutes(app: OpenAPIHono<ApiEnvironment>, { catalogue, pulls, live }: PullRoutesOptions): void {
  app.openapi(setRoute, async (c) => {
    const { name } = c.req.valid("param");
    await pulls.set(name, c.req.valid("json"));
    const entry = catalogue.get(name);
    if (entry === undefined) throw new Fault("STREAM_UNKNOWN", "the stream was removed meanwhile");
    return c.json(adminStream(entry, { live, histories: true }), 200);
  });
  app.openapi(removeRoute, async (c) => {
    await pulls.remove(c.req.valid("param").name);
    return c.body(null, 204);
  });
}
