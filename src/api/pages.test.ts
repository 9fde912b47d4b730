import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { makeApi } from "./api-under-test.ts";

const HOSTILE = `"><script>alert(1)</script><img src=x onerror=alert(2)>'&lt;`;

/** Elements whose content is not text, and attributes that run. */
function isInert(html: string): boolean {
  return !/<img src=x|<script>alert|onerror=alert\(2\)>/i.test(html);
}

describe("pages", () => {
  test("show titles and names as text, whatever they are", async () => {
    await using made = await makeApi({ site: { name: HOSTILE } });
    await made.add({ name: "main", title: HOSTILE });
    await made.publish("main", { address: HOSTILE, encoder: HOSTILE });
    const login = await made.ask("/admin/login", {
      method: "POST",
      headers: { "sec-fetch-site": "same-origin" },
      body: new URLSearchParams({ token: "a-token-for-tests-0123456789" }),
    });
    const cookie = login.headers.get("set-cookie")?.split(";")[0] ?? "";
    for (const path of [
      "/",
      "/watch/main",
      "/embed/main",
      "/admin",
      "/nothing",
      `/watch/${encodeURIComponent(HOSTILE)}`,
    ]) {
      const html = await (await made.ask(path, { headers: { cookie } })).text();
      expect([path, isInert(html)]).toEqual([path, true]);
      expect(html).toContain("&quot;&gt;&lt;script&gt;");
    }
  });

  test("never let a title out of its element or attribute", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: "grapheme", maxLength: 60 }), async (title) => {
        const stream = await made.catalogue.update("main", { title });
        const html = await (await made.ask("/watch/main")).text();
        const attribute = /data-stream="([^"]*)"/.exec(html)?.[1] ?? "";
        const text = attribute
          .replaceAll("&quot;", '"')
          .replaceAll("&#39;", "'")
          .replaceAll("&lt;", "<")
          .replaceAll("&gt;", ">")
          .replaceAll("&amp;", "&");
        expect((JSON.parse(text) as { title: string }).title).toBe(stream.title);
        expect(html.split("<h1>").length).toBe(2);
      }),
      { numRuns: 60 },
    );
  });

  test("say in plain HTML what is on air", async () => {
    await using made = await makeApi();
    await made.add({ name: "main", title: "Sunday match" });
    const empty = await (await made.ask("/")).text();
    expect(empty).toContain("Nothing is on air");
    expect(empty).toContain("rtmp://stand.example/live");
    expect(empty).toContain("Keyframe Interval");
    expect(await (await made.ask("/watch/main")).text()).toContain("Starts soon");
    const encoder = await made.publish("main");
    expect(await (await made.ask("/")).text()).toContain('href="/watch/main"');
    const live = await (await made.ask("/watch/main")).text();
    expect(live).toContain("<title>Sunday match · Test Stand</title>");
    expect(live).toContain('<time datetime="2026-01-01T00:00:00.000Z"');
    encoder.disconnect();
    await made.clock.advance(61_000);
    expect(await (await made.ask("/watch/main")).text()).toContain("The broadcast is over");
  });

  test("run no script and no style but their own files, and only the embed page may be framed", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    for (const [path, ancestors, status] of [
      ["/", "'self'", 200],
      ["/watch/main", "'self'", 200],
      ["/watch/none", "'self'", 404],
      ["/nothing", "'self'", 404],
      ["/embed/main", "*", 200],
      ["/admin", "'none'", 200],
    ] as const) {
      const response = await made.ask(path);
      const policy = response.headers.get("content-security-policy") ?? "";
      expect([path, response.status]).toEqual([path, status]);
      expect(policy).toContain("default-src 'self'");
      expect(policy).not.toContain("unsafe");
      expect(policy).toEndWith(`frame-ancestors ${ancestors}`);
      expect(response.headers.get("x-content-type-options")).toBe("nosniff");
      expect(response.headers.get("referrer-policy")).toBe("strict-origin-when-cross-origin");
      const html = await response.text();
      expect(html).not.toMatch(/<script(?! type="module" src="\/assets\/)/);
      expect(html).not.toMatch(/<style|\sstyle=|\son[a-z]+=/);
    }
  });

  test("load files whose names change with their contents, gzipped and kept for ever", async () => {
    await using made = await makeApi({
      site: {
        name: "S",
        accent: "#ff8800",
        logo: { bytes: new TextEncoder().encode("<svg/>"), type: "image/svg+xml" },
      },
    });
    await made.add({ name: "main" });
    const html = await (await made.ask("/watch/main")).text();
    const paths = [...html.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map((match) => match[1] ?? "");
    expect(paths.map((path) => path.replace(/-[^.]+/, "")).sort()).toEqual([
      "/assets/logo.svg",
      "/assets/site.css",
      "/assets/watch.css",
      "/assets/watch.js",
    ]);
    for (const path of paths) {
      const response = await made.ask(path, { headers: { "accept-encoding": "gzip" } });
      expect(response.status).toBe(200);
      expect(response.headers.get("cache-control")).toBe("public, max-age=31536000, immutable");
      expect((await response.arrayBuffer()).byteLength).toBeGreaterThan(0);
    }
    const script = paths.find((path) => path.endsWith(".js")) ?? "";
    const zipped = await made.ask(script, { headers: { "accept-encoding": "gzip" } });
    expect(zipped.headers.get("content-encoding")).toBe("gzip");
    // First paint: everything but hls.js, which comes later.
    expect((await zipped.arrayBuffer()).byteLength).toBeLessThan(30_000);
    expect((await made.ask("/assets/none.js")).status).toBe(404);
  });

  test("of the embed kind read how to begin from the address", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const how = async (query: string): Promise<string | undefined> =>
      /data-autoplay="\d" data-muted="\d"/.exec(await (await made.ask(`/embed/main${query}`)).text())?.[0];
    expect(await how("")).toBe('data-autoplay="1" data-muted="1"');
    expect(await how("?autoplay=0")).toBe('data-autoplay="0" data-muted="0"');
    expect(await how("?autoplay=0&muted=1")).toBe('data-autoplay="0" data-muted="1"');
    expect(await how("?muted=0")).toBe('data-autoplay="1" data-muted="0"');
  });
});

describe("machines that watch this one", () => {
  test("learn that it lives and whether it takes requests", async () => {
    await using made = await makeApi();
    expect((await made.ask("/healthz")).status).toBe(200);
    expect((await made.ask("/readyz")).status).toBe(200);
    made.ready = false;
    expect((await made.ask("/readyz")).status).toBe(503);
    expect((await made.ask("/healthz")).status).toBe(200);
  });

  test("read metrics on this machine freely, from elsewhere with the token", async () => {
    await using made = await makeApi();
    const local = { address: "127.0.0.1", headers: { host: "localhost:8080" } };
    const open = await made.ask("/metrics", local);
    expect(open.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    expect(await open.text()).toContain("# TYPE grandstand_api_event_streams gauge");
    expect((await made.ask("/metrics", { address: "::1", headers: { host: "[::1]:8080" } })).status).toBe(200);
    for (const [address, headers] of [
      ["192.0.2.1", { host: "localhost" }],
      ["127.0.0.1", { host: "stand.example" }],
      ["127.0.0.1", { host: "localhost", "x-forwarded-for": "192.0.2.1" }],
      ["", { host: "localhost" }],
    ] as const) {
      expect((await made.ask("/metrics", { address, headers })).status).toBe(401);
    }
    const metrics = await (await made.askAdmin("/metrics")).text();
    expect(metrics).toContain('grandstand_api_requests_total{status="401"} 4\n');
    for (const [, name] of metrics.matchAll(/^(\w+)/gm)) expect(metrics).toContain(`# HELP ${name} `);
  });

  test("are told clearly when the address is absurd", async () => {
    await using made = await makeApi();
    const { ask } = made;
    expect((await ask(`/${"a".repeat(1000)}`)).status).toBe(400);
    expect((await ask("/watch/%2e%2e%2f%2e%2e%2fetc%2fpasswd")).status).toBe(404);
    expect((await ask("/assets/..%2f..%2fpackage.json")).status).toBe(404);
    expect((await ask("/watch/%zz")).status).toBe(404);
  });
});
