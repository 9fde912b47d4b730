import { createRoute, type OpenAPIHono, z } from "@hono/zod-openapi";
import type { AdminHooksAnswer, HookEvent } from "#web/wire.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { HookStatuses } from "./ports.ts";
import { ADMIN_SECURITY as security, json, problems } from "./stream-answers.ts";

const ms = z.number().describe("milliseconds since the Unix epoch");
/** Every one of them. */
const EVENTS: { readonly [Event in HookEvent]: Event } = {
  "stream.publish-requested": "stream.publish-requested",
  "stream.live": "stream.live",
  "stream.interrupted": "stream.interrupted",
  "stream.resumed": "stream.resumed",
  "stream.switched": "stream.switched",
  "stream.slate": "stream.slate",
  "stream.ended": "stream.ended",
};

const hook = z
  .object({
    name: z.string().openapi({ example: "hooks[0]", description: "its place in the configuration" }),
    url: z.string().describe("without user and query, and with `…` for whatever in its path may be a secret"),
    events: z
      .array(z.enum(EVENTS))
      .describe("what it is told; with `stream.publish-requested` it decides who may publish"),
    onFailure: z.enum(["refuse", "allow"]).describe("what becomes of a publication when it gives no usable answer"),
    state: z
      .enum(["idle", "working", "failing", "gone"])
      .describe("`idle`: nothing was sent yet; `gone`: it answered 410 and is told nothing more"),
    waiting: z.number().describe("messages that wait or are on their way"),
    delivered: z.number(),
    failed: z.number().describe("exchanges without a usable answer, each attempt counted"),
    dropped: z.number().describe("messages given up or dropped"),
    allowed: z.number().describe("publications it decided about"),
    refused: z.number(),
    lastDeliveryMs: ms.nullable().describe("when it last took a message or answered a question"),
    lastProblem: z
      .object({ message: z.string(), type: z.string(), stream: z.string(), atMs: ms })
      .nullable()
      .describe("also when it has been overcome"),
  })
  .openapi("Hook");

const hooksSchema: z.ZodType<AdminHooksAnswer> = z.object({ hooks: z.array(hook) });

const listRoute = createRoute({
  method: "get",
  path: "/api/v1/hooks",
  summary: "The hooks of the configuration and how each stands",
  security,
  responses: { 200: json(hooksSchema, "in the configuration's order"), ...problems.unauthorized },
});

/** Operator's answer about the hooks. Whoever gets here has shown the admin token. */
export function addHookRoutes(app: OpenAPIHono<ApiEnvironment>, { hooks }: { readonly hooks: HookStatuses }): void {
  app.openapi(listRoute, (c) => c.json({ hooks: [...hooks.statuses()] }, 200));
}
