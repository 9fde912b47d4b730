import { afterEach, expect, test } from "bun:test";
import { Fault } from "#faults/fault.ts";
import { type HttpServer, type HttpServerOptions, startHttpServer } from "./http-server.ts";
import { selfSigned } from "./self-signed.ts";

const servers: HttpServer[] = [];
async function start(options: Partial<HttpServerOptions>): Promise<HttpServer> {
  const server = await startHttpServer({ host: "127.0.0.1", port: 0, handle: () => new Response("ok\n"), ...options });
  servers.push(server);
  return server;
}
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close({ deadlineMs: 0 })));
});

async function faultOf(promise: Promise<unknown>): Promise<Fault> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof Fault)) throw new Error(`expected a Fault, got ${String(error)}`);
  return error;
}

test("port 0 becomes the port the system chose, and requests carry their peer's address", async () => {
  const server = await start({ handle: (_request, context) => new Response(context.address) });
  expect(server.port).toBeGreaterThan(0);
  expect(await (await fetch(`${server.origin}/x`)).text()).toBe("127.0.0.1");
});

test("a port in use is PORT_IN_USE with a hint, with and without TLS", async () => {
  const first = await start({});
  const plain = await faultOf(start({ port: first.port }));
  expect(plain.code).toBe("PORT_IN_USE");
  expect(plain.message).toBe(`port ${first.port} is in use by another program`);
  expect(plain.hint).toContain("--http-port");
  const tls = await start({ tls: selfSigned("one") });
  expect((await faultOf(start({ port: tls.port, tls: selfSigned("two") }))).code).toBe("PORT_IN_USE");
});

test("an address of another machine is refused with a hint", async () => {
  const fault = await faultOf(start({ host: "203.0.113.7" }));
  expect(fault.code).toBe("CONFIG_INVALID");
  expect(fault.hint).toContain("0.0.0.0");
});

test("a certificate that is no certificate, and a key of another one, are TLS_UNUSABLE", async () => {
  expect((await faultOf(start({ tls: { cert: "junk", key: "junk" } }))).code).toBe("TLS_UNUSABLE");
  const mixed = { cert: selfSigned("one").cert, key: selfSigned("two").key };
  expect((await faultOf(start({ tls: mixed }))).code).toBe("TLS_UNUSABLE");
});

test("what a handler throws is a 500 without its words, and is told", async () => {
  const told: string[] = [];
  const server = await start({
    handle: () => {
      throw new Error("secret");
    },
    onError: (error) => told.push(error.message),
  });
  const response = await fetch(`${server.origin}/`);
  expect(response.status).toBe(500);
  expect(await response.text()).toBe("internal error\n");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(told).toEqual(["secret"]);
});

test("beyond the limit of requests in flight the answer is 503 with Retry-After", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const server = await start({
    limits: { requestsInFlight: 2 },
    handle: async () => {
      await released;
      return new Response("late");
    },
  });
  const held = [fetch(`${server.origin}/a`), fetch(`${server.origin}/b`)];
  let refused: Response;
  const deadline = performance.now() + 2_000;
  while (server.requestsInFlight < 2 && performance.now() < deadline) await new Promise(setImmediate);
  refused = await fetch(`${server.origin}/c`);
  expect(refused.status).toBe(503);
  expect(refused.headers.get("retry-after")).toBe("1");
  release();
  expect((await Promise.all(held)).map((response) => response.status)).toEqual([200, 200]);
});

test("closing lets running requests finish and cuts them at the deadline", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const polite = await start({
    handle: async () => {
      arrived.resolve();
      await released;
      return new Response("finished");
    },
  });
  const running = fetch(`${polite.origin}/`);
  await arrived.promise;
  const closing = polite.close({ deadlineMs: 5_000 });
  release();
  expect(await (await running).text()).toBe("finished");
  await closing;
  const stuck = await start({ handle: () => new Promise<Response>(() => undefined) });
  const cut = fetch(`${stuck.origin}/`).then(
    () => "answered",
    () => "cut",
  );
  const deadline = performance.now() + 2_000;
  while (stuck.requestsInFlight < 1 && performance.now() < deadline) await new Promise(setImmediate);
  await stuck.close({ deadlineMs: 20 });
  expect(await cut).toBe("cut");
  expect(await fetch(`${polite.origin}/`).catch(() => "refused")).toBe("refused");
});

test("a replaced certificate is served to new connections while a running request finishes", async () => {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const arrived = Promise.withResolvers<void>();
  const [one, two] = [selfSigned("one"), selfSigned("two")];
  const server = await start({
    tls: one,
    handle: async (request) => {
      if (!request.url.endsWith("/held")) return new Response("new");
      arrived.resolve();
      await released;
      return new Response("old");
    },
  });
  const held = fetch(`${server.origin}/held`, { tls: { ca: one.cert } });
  await arrived.promise;
  await server.replaceCertificate(two);
  for (let i = 0; i < 5; i++) {
    expect(await (await fetch(`${server.origin}/`, { tls: { ca: two.cert }, keepalive: false })).text()).toBe("new");
  }
  release();
  expect(await (await held).text()).toBe("old");
  expect((await faultOf(server.replaceCertificate({ cert: "junk", key: "junk" }))).code).toBe("TLS_UNUSABLE");
  expect(await (await fetch(`${server.origin}/`, { tls: { ca: two.cert }, keepalive: false })).text()).toBe("new");
});
