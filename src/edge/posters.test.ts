import { expect, test } from "bun:test";
import { Metrics } from "#observe/metrics.ts";
import { silentObserver } from "#observe/event.ts";
import { startHttpServer } from "#runtime/http-server.ts";
import { systemClock } from "#time/system-clock.ts";
import { startEdge } from "./index.ts";
import type { Poster } from "./ports.ts";

const posterOf = (version: string): Poster => ({
  bytes: Uint8Array.from(version, (letter) => letter.charCodeAt(0)),
  contentType: "image/webp",
  version,
});

test("the newest still picture of a stream, for everybody, with a tag", async () => {
  let poster: Poster | undefined = posterOf("a-1");
  const posters = { poster: (stream: string) => (stream === "main" ? poster : undefined) };
  const metrics = new Metrics();
  const around = { clock: systemClock, observer: silentObserver, metrics };
  const edge = await startEdge({ ...around, source: { windows: () => [] }, posters });
  const server = await startHttpServer({
    host: "127.0.0.1",
    port: 0,
    handle: (request, context) => edge.handle(request, context) ?? new Response(null, { status: 404 }),
    onError: () => undefined,
  });
  const ask = (path = "main/poster.webp", init: RequestInit = {}): Promise<Response> =>
    fetch(`${server.origin}/live/${path}`, init);
  try {
    for (const path of ["main/poster.webp", "main/poster.webp", "main/poster.webp?t=5"]) {
      const answer = await ask(path);
      expect(answer.status).toBe(200);
      expect(await answer.text()).toBe("a-1");
      expect(answer.headers.get("content-type")).toBe("image/webp");
      expect(answer.headers.get("cache-control")).toBe("public, max-age=5");
      expect(answer.headers.get("etag")).toBe('"a-1"');
      expect(answer.headers.get("access-control-allow-origin")).toBe("*");
    }
    const head = await ask(undefined, { method: "HEAD" });
    expect([head.status, head.headers.get("content-length"), await head.text()]).toEqual([200, "3", ""]);
    const same = { headers: { "if-none-match": '"a-1"' } };
    expect((await ask(undefined, same)).status).toBe(304);
    poster = posterOf("a-22");
    expect(await (await ask(undefined, same)).text()).toBe("a-22");
    expect((await ask(undefined, { method: "PUT" })).status).toBe(405);
    expect((await ask("other/poster.webp")).status).toBe(404);
    poster = undefined;
    const none = await ask();
    expect([none.status, none.headers.get("cache-control")]).toEqual([404, "public, max-age=1"]);
    expect(metrics.render()).toContain('grandstand_edge_requests_total{kind="poster",status="404"} 2');
  } finally {
    await edge.close();
    await server.close({ deadlineMs: 0 });
  }
});
