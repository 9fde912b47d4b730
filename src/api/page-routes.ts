import type { OpenAPIHono } from "@hono/zod-openapi";
import type { Context } from "hono";
import { Fault } from "#faults/fault.ts";
import type { IngestAnswer } from "#web/wire.ts";
import type { Access } from "./access.ts";
import { adminStream } from "./admin-stream.ts";
import type { ApiEnvironment } from "./environment.ts";
import type { LiveBoard } from "./live-board.ts";
import type { LiveStatus, StreamCatalogue } from "./ports.ts";
import { ASSETS_PREFIX, type PageAssets } from "./page-assets.ts";
import { adminPage, loginPage } from "./pages/admin-page.ts";
import { homePage } from "./pages/home-page.ts";
import { messagePage } from "./pages/message-page.ts";
import { embedPage, watchPage } from "./pages/watch-page.ts";
import { faultOf, statusOf } from "./problem.ts";
import { pageHeaders } from "./security-headers.ts";

/** What {@link addPageRoutes} needs. */
export interface PageRoutesOptions {
  readonly access: Access;
  readonly assets: PageAssets;
  readonly board: LiveBoard;
  readonly catalogue: StreamCatalogue;
  readonly live: LiveStatus;
  readonly siteName: string;
  readonly version: string;
  ingest(request: Request): IngestAnswer;
}

type PageContext = Context<ApiEnvironment>;

const FAVICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24"><rect width="24" height="24" rx="6" fill="#0e1110"/><path d="M4.6 18.6c4.6-2.7 10.2-2.7 14.8 0M6.4 14.4c3.5-2 7.7-2 11.2 0M8.2 10.4c2.3-1.2 5.3-1.2 7.6 0" fill="none" stroke="#3ddc84" stroke-width="1.9" stroke-linecap="round"/><circle cx="12" cy="5.6" r="1.7" fill="#3ddc84"/></svg>`;

/** A log-in form's fields; anything else sent is ignored. */
async function tokenOf(request: Request): Promise<string> {
  const form = await request.formData().catch(() => undefined);
  const token = form?.get("token");
  return typeof token === "string" ? token.trim() : "";
}

function addAdminPages(app: OpenAPIHono<ApiEnvironment>, options: PageRoutesOptions): void {
  const { access, assets, siteName, version, catalogue, live } = options;
  app.get("/admin", async (c) => {
    await assets.ready;
    const links = assets.links("admin");
    const headers = pageHeaders("admin");
    if (!access.isLoggedIn(c.req.raw)) return c.html(loginPage({ siteName, links }), 200, headers);
    const streams = catalogue.list().map((entry) => adminStream(entry, { live, histories: false }));
    const answer = { streams, ingest: options.ingest(c.req.raw), platformSettings: catalogue.defaults };
    return c.html(adminPage({ siteName, links, answer, version }), 200, headers);
  });
  app.post("/admin/login", async (c) => {
    await assets.ready;
    try {
      access.requireSameOrigin(c.req.raw);
      access.checkToken(await tokenOf(c.req.raw), c.env.address);
    } catch (error) {
      const fault = faultOf(error);
      const problem = `${fault.message.charAt(0).toUpperCase()}${fault.message.slice(1)}. ${fault.hint ?? ""}`;
      const headers = {
        ...pageHeaders("admin"),
        ...(fault.code === "LIMIT_REACHED" ? { "retry-after": String(fault.at) } : {}),
      };
      return c.html(
        loginPage({ siteName, links: assets.links("admin"), problem }),
        statusOf(fault.code) as 401,
        headers,
      );
    }
    return c.body(null, 303, {
      ...pageHeaders("admin"),
      location: "/admin",
      "set-cookie": access.logInCookie(c.req.raw),
    });
  });
  app.post("/admin/logout", (c) => {
    access.requireSameOrigin(c.req.raw);
    const answer = new Response(null, { status: 303, headers: { ...pageHeaders("admin"), location: "/admin" } });
    for (const cookie of access.logOut(c.req.raw)) answer.headers.append("set-cookie", cookie);
    return answer;
  });
}

/** Every page, and the files they load. */
export function addPageRoutes(app: OpenAPIHono<ApiEnvironment>, options: PageRoutesOptions): void {
  const { assets, board, siteName } = options;
  const notFound = async (c: PageContext, kind: "page" | "embed"): Promise<Response> => {
    await assets.ready;
    const page = messagePage({
      siteName,
      links: assets.links("watch"),
      title: "There is no such stream",
      text: "The address may be mistyped, or the stream was removed.",
      action: { href: "/", label: "See what is on air" },
    });
    return c.html(page, 404, { ...pageHeaders(kind), "cache-control": "no-store" });
  };
  app.get("/", async (c) => {
    await assets.ready;
    const ingestUrl = options.ingest(c.req.raw).urls[0] ?? "";
    const page = homePage({ siteName, links: assets.links("home"), streams: board.onAir(), ingestUrl });
    return c.html(page, 200, { ...pageHeaders("page"), "cache-control": "public, max-age=1" });
  });
  app.get("/watch/:stream", async (c) => {
    const stream = board.stream(c.req.param("stream"));
    if (stream === undefined) return notFound(c, "page");
    await assets.ready;
    const page = watchPage({ siteName, links: assets.links("watch"), stream });
    return c.html(page, 200, { ...pageHeaders("page"), "cache-control": "public, max-age=1" });
  });
  app.get("/embed/:stream", async (c) => {
    const stream = board.stream(c.req.param("stream"));
    if (stream === undefined) return notFound(c, "embed");
    await assets.ready;
    const autoplay = c.req.query("autoplay") !== "0";
    // Browsers let nothing begin by itself with sound.
    const muted = c.req.query("muted") === undefined ? autoplay : c.req.query("muted") !== "0";
    const page = embedPage({ siteName, links: assets.links("embed"), stream, autoplay, muted });
    return c.html(page, 200, { ...pageHeaders("embed"), "cache-control": "public, max-age=1" });
  });
  app.get("/favicon.svg", (c) =>
    c.body(FAVICON, 200, { "content-type": "image/svg+xml", "cache-control": "public, max-age=86400" }),
  );
  app.get(`${ASSETS_PREFIX}:file`, async (c) => {
    await assets.ready;
    const found = assets.respond(c.req.param("file"), c.req.header("accept-encoding") ?? "");
    if (found !== undefined) return found;
    throw new Fault("NOT_FOUND", "there is no such file");
  });
  addAdminPages(app, options);
}
