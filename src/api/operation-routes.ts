import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Metrics } from "#observe/metrics.ts";
import type { Access } from "./access.ts";
import type { ApiEnvironment } from "./environment.ts";
import { PUBLIC_READ_HEADERS } from "./security-headers.ts";

const LOOPBACK = /^(127\.|::1$|::ffff:127\.)/;
const LOOPBACK_HOST = /^(localhost|127\.[0-9.]+|\[::1\])(:\d+)?$/;

/**
 * Whether a program on this very machine asks for itself: not for somebody else (a proxy would say so), and not for a web page whose name was
 * made to point here.
 */
function isLocal(request: Request, address: string): boolean {
  if (!LOOPBACK.test(address) || !LOOPBACK_HOST.test(request.headers.get("host") ?? "")) return false;
  return ["x-forwarded-for", "forwarded", "via", "x-real-ip"].every((name) => !request.headers.has(name));
}

/** What {@link addOperationRoutes} needs. */
export interface OperationRoutesOptions {
  readonly access: Access;
  readonly metrics: Metrics;
  isReady(): boolean;
}

/** For machines that watch this one: alive, ready, metrics. Metrics are open to this machine; others show the admin token. */
export function addOperationRoutes(app: OpenAPIHono<ApiEnvironment>, options: OperationRoutesOptions): void {
  const { access, metrics } = options;
  const plain = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
  app.get("/healthz", (c) => c.body("ok\n", 200, { ...plain, ...PUBLIC_READ_HEADERS }));
  app.get("/readyz", (c) => {
    if (options.isReady()) return c.body("ready\n", 200, plain);
    return c.body("not ready\n", 503, { ...plain, "retry-after": "1" });
  });
  app.get("/metrics", (c) => {
    if (!isLocal(c.req.raw, c.env.address)) access.requireAdmin(c.req.raw, c.env.address);
    return c.body(metrics.render(), 200, { ...plain, "content-type": "text/plain; version=0.0.4; charset=utf-8" });
  });
}
