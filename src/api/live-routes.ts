import { createRoute, type OpenAPIHono } from "@hono/zod-openapi";
import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { LiveBoard } from "./live-board.ts";
import type { LiveEvents } from "./live-events.ts";
import { problemResponse } from "./problem.ts";
import { schemas, streamQuery } from "./schemas.ts";
import { PUBLIC_READ_HEADERS } from "./security-headers.ts";

const json = (schema: (typeof schemas)[keyof typeof schemas], description: string) => ({
  description,
  content: { "application/json": { schema } },
});

const liveRoute = createRoute({
  method: "get",
  path: "/api/v1/live",
  summary: "What is on air, for everybody",
  request: { query: streamQuery },
  responses: {
    200: json(schemas.live, "streams on air, the latest first; with `stream`, that one in whatever state"),
    404: json(schemas.problem, "there is no such stream"),
  },
});

const eventsRoute = createRoute({
  method: "get",
  path: "/api/v1/live/events",
  summary: "The same, pushed after each change (server-sent events)",
  request: { query: streamQuery },
  responses: {
    200: { description: "each event's data is an answer of /api/v1/live", content: { "text/event-stream": {} } },
    404: json(schemas.problem, "there is no such stream"),
    503: json(schemas.problem, "too many pages listen; poll /api/v1/live instead"),
  },
});

const timeRoute = createRoute({
  method: "get",
  path: "/api/v1/time",
  summary: "The server's clock, to measure latency with",
  responses: { 200: json(schemas.time, "now") },
});

function unknownStream(name: string): Fault {
  return new Fault("STREAM_UNKNOWN", `there is no stream ${JSON.stringify(name)}`, {
    hint: "Check the address of the page.",
  });
}

/** Public answers: what is on air, as an answer and as a push, and the time. */
export function addLiveRoutes(
  app: OpenAPIHono<ApiEnvironment>,
  { board, events, clock }: { board: LiveBoard; events: LiveEvents; clock: Clock },
): void {
  app.openapi(liveRoute, (c) => {
    const { stream: name } = c.req.valid("query");
    const headers = { ...PUBLIC_READ_HEADERS, "cache-control": "public, max-age=1" };
    if (name === undefined) return c.json({ streams: board.onAir() }, 200, headers);
    const stream = board.stream(name);
    if (stream === undefined) return problemResponse(unknownStream(name), PUBLIC_READ_HEADERS) as never;
    return c.json({ streams: [stream] }, 200, headers);
  });
  app.openapi(eventsRoute, (c) => {
    const { stream: name } = c.req.valid("query");
    if (name !== undefined && board.stream(name) === undefined) {
      return problemResponse(unknownStream(name), PUBLIC_READ_HEADERS);
    }
    const headers = {
      ...PUBLIC_READ_HEADERS,
      "content-type": "text/event-stream",
      "cache-control": "no-store",
      // Proxies that gather answers before they pass them on would make the push useless.
      "x-accel-buffering": "no",
    };
    // Nobody would ever read, or end, the events of a HEAD.
    if (c.req.method === "HEAD") return c.body(null, 200, headers);
    const body = events.open(name);
    if (body === undefined) {
      const fault = new Fault("LIMIT_REACHED", "too many pages listen already", { hint: "Poll /api/v1/live instead." });
      const { headers, ...rest } = problemResponse(fault);
      return new Response(rest.body, { status: 503, headers: { ...Object.fromEntries(headers), "retry-after": "5" } });
    }
    return c.body(body, 200, headers);
  });
  app.openapi(timeRoute, (c) =>
    c.json({ nowMs: clock.wallMs() }, 200, { ...PUBLIC_READ_HEADERS, "cache-control": "no-store" }),
  );
}
