import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AdminTarget } from "#web/wire.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { TargetCatalogue, TargetEntry, TargetStatuses } from "./ports.ts";
import { nameParams, schemas } from "./schemas.ts";
import { ADMIN_SECURITY as security, json, jsonBody, problems } from "./stream-answers.ts";
import { newTargetSchema, targetChangeSchema, targetSchema, targetsSchema } from "./target-schemas.ts";

const targetParams = nameParams.extend({
  id: z.string().max(100).openapi({ example: "3f1c09ab42", description: "as the list of targets shows it" }),
});
const unknown = {
  404: json(schemas.problem, "there is no such stream or target (`STREAM_UNKNOWN`, `TARGET_UNKNOWN`)"),
};
const conflict = {
  409: json(
    schemas.problem,
    "the name is taken, the target was changed by someone else meanwhile (`STORE_CONFLICT`), or it is declared in the configuration file (`TARGET_MANAGED`)",
  ),
};
const path = "/api/v1/streams/{name}/targets";

const listRoute = createRoute({
  method: "get",
  path,
  summary: "The stream's restream targets and how each stands",
  security,
  request: { params: nameParams },
  responses: {
    200: json(targetsSchema, "those of the configuration file, then the others in the order they were added"),
    ...problems.unauthorized,
    ...unknown,
  },
});

const addRoute = createRoute({
  method: "post",
  path,
  summary: "Adds a restream target; its key is never shown again",
  description: "A target that is enabled begins at once when the stream is on air.",
  security,
  request: { params: nameParams, ...jsonBody(newTargetSchema, true) },
  responses: {
    201: json(targetSchema, "added"),
    ...problems.invalid,
    ...problems.unauthorized,
    ...unknown,
    ...conflict,
    ...problems.store,
  },
});

const changeRoute = createRoute({
  method: "patch",
  path: `${path}/{id}`,
  summary: "Changes a restream target, starts or stops it",
  description:
    "What is left out stays as it is. `enabled` starts and stops it, on air too; other changes connect anew. Of a target that the configuration file declares nothing else can be changed.",
  security,
  request: { params: targetParams, ...jsonBody(targetChangeSchema, true) },
  responses: {
    200: json(targetSchema, "the target as it is now"),
    ...problems.invalid,
    ...problems.unauthorized,
    ...unknown,
    ...conflict,
    ...problems.store,
  },
});

const removeRoute = createRoute({
  method: "delete",
  path: `${path}/{id}`,
  summary: "Removes a restream target and ends its connection",
  security,
  request: { params: targetParams },
  responses: {
    204: { description: "removed" },
    ...problems.unauthorized,
    ...unknown,
    ...conflict,
    ...problems.store,
  },
});

/** What {@link addTargetRoutes} needs. */
export interface TargetRoutesOptions {
  readonly targets: TargetCatalogue;
  readonly restream: TargetStatuses;
}

function adminTarget(stream: string, entry: TargetEntry, restream: TargetStatuses): AdminTarget {
  const { id, name, url, keyEnd, rendition, enabled, managedBy } = entry;
  const status = restream.statusOf(stream).find((one) => one.id === id);
  const problem = status?.lastProblem;
  return {
    id,
    name,
    url,
    keyEnd,
    rendition,
    enabled,
    managedBy,
    state: status?.state ?? (enabled ? "waiting" : "stopped"),
    sinceMs: status?.sinceMs ?? null,
    nextTryMs: status?.nextTryMs ?? null,
    lastProblem: problem === undefined ? null : { ...problem, hint: problem.hint ?? null },
    sentBytes: status?.sentBytes ?? 0,
    reconnects: status?.reconnects ?? 0,
    droppedGops: status?.droppedGops ?? 0,
  };
}

/** Operator's answers about where a stream is sent on to. Whoever gets here has shown the admin token. */
export function addTargetRoutes(app: OpenAPIHono<ApiEnvironment>, { targets, restream }: TargetRoutesOptions): void {
  app.openapi(listRoute, (c) => {
    const { name } = c.req.valid("param");
    return c.json({ targets: targets.list(name).map((entry) => adminTarget(name, entry, restream)) }, 200);
  });
  app.openapi(addRoute, async (c) => {
    const { name } = c.req.valid("param");
    return c.json(adminTarget(name, await targets.add(name, c.req.valid("json")), restream), 201);
  });
  app.openapi(changeRoute, async (c) => {
    const { name, id } = c.req.valid("param");
    return c.json(adminTarget(name, await targets.change(name, id, c.req.valid("json")), restream), 200);
  });
  app.openapi(removeRoute, async (c) => {
    const { name, id } = c.req.valid("param");
    await targets.remove(name, id);
    return c.body(null, 204);
  });
}
