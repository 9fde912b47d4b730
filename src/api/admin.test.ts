import { describe, expect, test } from "bun:test";
import type { Problem } from "#web/wire.ts";
import { type ApiUnderTest, makeApi, TOKEN } from "./api-under-test.ts";
import { ATTEMPTS_IN_A_ROW_MAX } from "./attempt-limit.ts";

const problem = async (response: Response): Promise<Problem> => (await response.json()) as Problem;
const form = (token: string): URLSearchParams => new URLSearchParams({ token });
const SAME_ORIGIN = { "sec-fetch-site": "same-origin" };

async function logIn(made: ApiUnderTest, headers: Record<string, string> = SAME_ORIGIN): Promise<string> {
  const answer = await made.ask("/admin/login", { method: "POST", headers, body: form(TOKEN) });
  expect(answer.status).toBe(303);
  return answer.headers.get("set-cookie") ?? "";
}

const cookieOf = (setCookie: string): string => setCookie.split(";")[0] ?? "";

describe("the admin token", () => {
  test("opens the API as bearer, and nothing else does", async () => {
    await using made = await makeApi();
    expect((await made.askAdmin("/api/v1/streams")).status).toBe(200);
    const without = await made.ask("/api/v1/streams");
    expect(without.status).toBe(401);
    expect((await problem(without)).code).toBe("UNAUTHORIZED");
    for (const authorization of ["Bearer", "Bearer wrong", `Basic ${TOKEN}`, TOKEN, `Bearer ${TOKEN}x`]) {
      const answer = await made.ask("/api/v1/streams", { headers: { authorization } });
      expect([authorization, answer.status]).toEqual([authorization, 401]);
    }
  });

  test("cannot be guessed fast, and the wait says how long it is", async () => {
    await using made = await makeApi();
    const guess = (address: string) =>
      made.ask("/api/v1/streams", { headers: { authorization: "Bearer no" }, address });
    for (let i = 0; i < ATTEMPTS_IN_A_ROW_MAX; i++) expect((await guess("192.0.2.66")).status).toBe(401);
    const refused = await guess("192.0.2.66");
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await problem(refused)).code).toBe("LIMIT_REACHED");
    // Even the right token has to wait there; everybody else notices nothing.
    expect((await made.askAdmin("/api/v1/streams", { address: "192.0.2.66" })).status).toBe(429);
    expect((await made.askAdmin("/api/v1/streams", { address: "192.0.2.67" })).status).toBe(200);
    await made.clock.advance(5_000);
    expect((await made.askAdmin("/api/v1/streams", { address: "192.0.2.66" })).status).toBe(200);
  });

  test("of the right kind never empties the allowance", async () => {
    await using made = await makeApi();
    for (let i = 0; i < 40; i++) expect((await made.askAdmin("/api/v1/streams")).status).toBe(200);
  });
});

describe("a log-in", () => {
  test("gives a cookie that no script can read and that opens page and API", async () => {
    await using made = await makeApi();
    const setCookie = await logIn(made);
    expect(setCookie).toMatch(/^grandstand-admin=.+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=43200$/);
    const cookie = cookieOf(setCookie);
    expect(await (await made.ask("/admin", { headers: { cookie } })).text()).toContain('id="room"');
    expect((await made.ask("/api/v1/streams", { headers: { cookie } })).status).toBe(200);
    expect(setCookie).not.toContain(TOKEN);
  });

  test("over TLS gives a cookie that is tied to the host", async () => {
    await using made = await makeApi();
    const setCookie = await logIn(made, { ...SAME_ORIGIN, origin: "https://stand.example" });
    expect(setCookie).toStartWith("__Host-grandstand-admin=");
    expect(setCookie).toEndWith("; Secure");
  });

  test("with a wrong token shows the form with a reason", async () => {
    await using made = await makeApi();
    const answer = await made.ask("/admin/login", { method: "POST", headers: SAME_ORIGIN, body: form("nope") });
    expect(answer.status).toBe(401);
    expect(answer.headers.get("set-cookie")).toBeNull();
    expect(await answer.text()).toContain("This is not the admin token");
  });

  test("is refused when another site's page sends it", async () => {
    await using made = await makeApi();
    for (const headers of [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "http://evil.example" },
      { origin: "null" },
      {},
    ]) {
      const answer = await made.ask("/admin/login", { method: "POST", headers, body: form(TOKEN) });
      expect([headers, answer.status]).toEqual([headers, 403]);
    }
    const older = { origin: "http://stand.example" };
    expect((await made.ask("/admin/login", { method: "POST", headers: older, body: form(TOKEN) })).status).toBe(303);
  });

  test("ends with its time, with the log-out and with a change of the token", async () => {
    await using made = await makeApi();
    const cookie = cookieOf(await logIn(made));
    const status = async (at: ApiUnderTest): Promise<number> =>
      (await at.ask("/api/v1/streams", { headers: { cookie } })).status;
    expect(await status(made)).toBe(200);
    await using other = await makeApi({ admin: { text: "another-token-0123", verify: () => false } });
    expect(await status(other)).toBe(401);
    // The same token after a restart: still logged in.
    await using restarted = await makeApi();
    expect(await status(restarted)).toBe(200);
    const out = await made.ask("/admin/logout", { method: "POST", headers: { cookie, ...SAME_ORIGIN } });
    expect(out.status).toBe(303);
    expect(out.headers.getSetCookie().every((one) => one.includes("Max-Age=0"))).toBe(true);
    expect(await status(made)).toBe(401);
    restarted.clock.stepWall(43_201_000);
    expect(await status(restarted)).toBe(401);
  });

  test("cannot be forged", async () => {
    await using made = await makeApi();
    const value = cookieOf(await logIn(made)).split("=")[1] ?? "";
    const [expiry = "", random = "", mac = ""] = value.split(".");
    const forged = [
      `${Number(expiry) + 1}.${random}.${mac}`,
      `${expiry}.${random}`,
      `${expiry}.${random}.`,
      `${expiry}.${random}.${mac.slice(0, -2)}AA`,
      "",
      "..",
      "x".repeat(5000),
    ];
    for (const one of forged) {
      const answer = await made.ask("/api/v1/streams", { headers: { cookie: `grandstand-admin=${one}` } });
      expect([one.slice(0, 40), answer.status]).toEqual([one.slice(0, 40), 401]);
    }
  });
});

describe("a cookie alone", () => {
  test("changes nothing when another site's page sends the request", async () => {
    await using made = await makeApi();
    await made.add({ name: "main" });
    const cookie = cookieOf(await logIn(made));
    for (const site of [{ "sec-fetch-site": "cross-site" }, { origin: "http://evil.example" }, {}]) {
      const answer = await made.ask("/api/v1/streams/main", { method: "DELETE", headers: { cookie, ...site } });
      expect(answer.status).toBe(403);
      expect((await problem(answer)).code).toBe("REQUEST_REFUSED");
    }
    expect(made.catalogue.get("main")).toBeDefined();
    const own = { cookie, ...SAME_ORIGIN };
    expect((await made.ask("/api/v1/streams/main", { method: "DELETE", headers: own })).status).toBe(204);
  });
});
