import { OpenAPIHono } from "@hono/zod-openapi";
import { bodyLimit } from "hono/body-limit";
import { Fault } from "#faults/fault.ts";
import type { IngestAnswer } from "#web/wire.ts";
import { Access } from "./access.ts";
import type { ApiEnvironment } from "./environment.ts";
import { addHookRoutes } from "./hook-routes.ts";
import { addKeyRoutes } from "./key-routes.ts";
import { LiveBoard } from "./live-board.ts";
import { LiveEvents } from "./live-events.ts";
import { addLiveRoutes } from "./live-routes.ts";
import { addMultitrackRoutes } from "./multitrack-routes.ts";
import { addOperationRoutes } from "./operation-routes.ts";
import type { ApiOptions } from "./options.ts";
import { PageAssets } from "./page-assets.ts";
import { addPageRoutes } from "./page-routes.ts";
import { messagePage } from "./pages/message-page.ts";
import { faultOf, problemResponse, statusOf } from "./problem.ts";
import { countAnswers } from "./request-count.ts";
import { frameworkRefusal, issuesFault, requestFault, requireJson } from "./request-refusal.ts";
import { DATA_HEADERS, pageHeaders } from "./security-headers.ts";
import { addStreamRoutes } from "./stream-routes.ts";
import { addPullRoutes } from "./pull-routes.ts";
import { addTargetRoutes } from "./target-routes.ts";

/** Bytes of an API request's body; more is answered with `REQUEST_INVALID`. */
export const API_BODY_BYTES_MAX = 16_384;

/** Characters of a path that is looked at. */
const PATH_CHARACTERS_MAX = 400;

/** The HTTP API and the pages. */
export interface Api {
  /** Answers everything but `/live/…`, which is the edge's. Never throws. */
  handle(request: Request, context: { readonly address: string }): Promise<Response> | Response | undefined;
  /** Resolves when the pages' scripts are bundled; until then pages wait for them. */
  readonly ready: Promise<void>;
  /** Ends the pushed events. */
  close(): void;
}

/** Methods that an address may have; HEAD goes with GET. */
const METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

/** Where encoders push to, as the asker would reach it. */
function ingestOf(options: ApiOptions): (request: Request) => IngestAnswer {
  const { rtmpPort, rtmpsPort, host } = options.ingest;
  const port = (number: number, usual: number): string => (number === usual ? "" : `:${number}`);
  return (request) => {
    const asked = URL.canParse(request.url) ? new URL(options.publicUrl ?? request.url).hostname : "localhost";
    const name = host ?? asked;
    const urls = [`rtmp://${name}${port(rtmpPort, 1935)}/live`];
    if (rtmpsPort !== undefined) urls.push(`rtmps://${name}${port(rtmpsPort, 443)}/live`);
    return { urls };
  };
}

function isData(path: string): boolean {
  return (
    path === "/api" || path.startsWith("/api/") || path === "/metrics" || path === "/healthz" || path === "/readyz"
  );
}

/** What to say of an address and method that no route has. */
function nothingHere(app: OpenAPIHono<ApiEnvironment>, method: string, path: string): { fault: Fault; allow?: string } {
  const allowed = METHODS.filter((known) =>
    app.router.match(known, path)[0].some(([[, route]]) => route.method !== "ALL" && route.path !== "*"),
  );
  if (allowed.length === 0) return { fault: new Fault("NOT_FOUND", "there is nothing at this address") };
  const allow = allowed.map((known) => (known === "GET" ? "GET, HEAD" : known)).join(", ");
  const message = `${method.slice(0, 20)} is not possible at this address`;
  return { fault: new Fault("METHOD_NOT_ALLOWED", message, { hint: `Use ${allow}.` }), allow };
}

function addErrors(app: OpenAPIHono<ApiEnvironment>, options: ApiOptions, assets: PageAssets): void {
  const answer = (
    fault: Fault,
    { request, path, allow }: { request: Request; path: string; allow?: string | undefined },
  ): Response | Promise<Response> => {
    const more: Record<string, string> = {
      ...(fault.code === "LIMIT_REACHED" && fault.at !== undefined ? { "retry-after": String(fault.at) } : {}),
      ...(allow === undefined ? {} : { allow }),
    };
    if (isData(path)) return problemResponse(fault, { ...DATA_HEADERS, ...more });
    const isMissing = fault.code === "NOT_FOUND";
    const page = messagePage({
      siteName: options.site.name,
      links: assets.links("watch"),
      title: isMissing ? "There is nothing here" : "This page could not be shown",
      text: isMissing
        ? "The address may be mistyped, or the page has moved."
        : `${fault.message.charAt(0).toUpperCase()}${fault.message.slice(1)}. ${fault.hint ?? ""}`,
      action: { href: "/", label: "See what is on air" },
    });
    const headers = {
      ...pageHeaders("page"),
      ...more,
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
    };
    const body = request.method === "HEAD" ? null : page;
    return Promise.resolve(body).then(
      (text) => new Response(text === null ? null : String(text), { status: statusOf(fault.code), headers }),
    );
  };
  app.notFound((c) => {
    const { fault, allow } = nothingHere(app, c.req.method, c.req.path);
    return answer(fault, { request: c.req.raw, path: c.req.path, allow });
  });
  app.onError((error, c) => {
    const fault = frameworkRefusal(error) ?? faultOf(error);
    if (fault.code === "INTERNAL") {
      options.observer.event(
        "error",
        "api.request.failed",
        { path: c.req.path.slice(0, 200), error: error.stack ?? error.message },
        "a request met a bug",
      );
    }
    return answer(fault, { request: c.req.raw, path: c.req.path });
  });
}

function addGuards(app: OpenAPIHono<ApiEnvironment>, access: Access): void {
  app.use("/api/*", async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(DATA_HEADERS)) c.res.headers.set(name, value);
    if (!c.res.headers.has("cache-control")) c.res.headers.set("cache-control", "no-store");
  });
  const limit = bodyLimit({
    maxSize: API_BODY_BYTES_MAX,
    onError: () => {
      throw requestFault(`the body is longer than ${API_BODY_BYTES_MAX} bytes`);
    },
  });
  app.use("/api/*", limit);
  app.use("/admin/*", limit);
  for (const path of ["/api/v1/streams", "/api/v1/streams/*", "/api/v1/hooks"]) {
    app.use(path, async (c, next) => {
      access.requireAdmin(c.req.raw, c.env.address);
      requireJson(c.req.raw);
      await next();
    });
  }
}

/**
 * Makes the HTTP API and the pages. Nothing is waited for: the browser's files are bundled in the background, and a page asked for before
 * waits for them.
 */
export function createApi(options: ApiOptions): Api {
  const { catalogue, live, broadcasts, clock, admin, publicUrl, observer, metrics, site, version } = options;
  const access = new Access({ admin, clock, ...(publicUrl === undefined ? {} : { publicUrl }) });
  const board = new LiveBoard({ catalogue, live, clock });
  const events = new LiveEvents(board);
  const removeGauge = metrics.gauge(
    "grandstand_api_event_streams",
    "Pages that listen to pushed events.",
    () => events.size,
  );
  const count = countAnswers(metrics);
  const assets = new PageAssets({ site, observer, readable: options.readableAssets ?? false });
  const ingest = ingestOf(options);
  const app = new OpenAPIHono<ApiEnvironment>({
    defaultHook: (result) => {
      if (!result.success) throw issuesFault(result.error.issues);
    },
  });
  addErrors(app, options, assets);
  addGuards(app, access);
  app.openAPIRegistry.registerComponent("securitySchemes", "token", { type: "http", scheme: "bearer" });
  addStreamRoutes(app, { catalogue, live, broadcasts, ingest });
  addKeyRoutes(app, { catalogue, live, ingest });
  addTargetRoutes(app, { targets: options.targets, restream: options.restream });
  addPullRoutes(app, { catalogue, pulls: options.pulls, live });
  addHookRoutes(app, { hooks: options.hooks });
  addMultitrackRoutes(app, { catalogue, clock, observer, ingest });
  addLiveRoutes(app, { board, events, clock });
  app.doc31("/api/v1/openapi.json", { openapi: "3.1.0", info: { title: `${site.name} API`, version } });
  addOperationRoutes(app, { access, metrics, isReady: options.isReady });
  addPageRoutes(app, { access, assets, board, catalogue, live, siteName: site.name, version, ingest });
  return {
    ready: assets.ready,
    handle(request, context) {
      const start = request.url.indexOf("/", request.url.indexOf("://") + 3);
      if (request.url.startsWith("/live/", start)) return undefined;
      if (request.url.length - start > PATH_CHARACTERS_MAX) {
        return count(problemResponse(requestFault("the address is too long"), DATA_HEADERS));
      }
      // The address is asked for by who needs it: finding it is not free.
      const environment = {
        get address(): string {
          return context.address;
        },
      };
      const response = app.fetch(request, environment);
      return response instanceof Response ? count(response) : response.then(count);
    },
    close() {
      events.close();
      board.close();
      removeGauge();
    },
  };
}
