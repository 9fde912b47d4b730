import { describe, expect, test } from "bun:test";
import { assert, constantFrom, integer, json, oneof, property, string } from "fast-check";
import { REASON_CHARACTERS_MAX, type Verdict, verdictOf } from "./verdict.ts";

const refused = (reason: string): Verdict => ({ kind: "refuse", reason });

describe("a hook", () => {
  test("allows with any 2xx that does not say no", () => {
    const bodies = ["", "ok", "<p>fine</p>", "[1]", "{}", ' {"allow":true}', '{"reason":"I like it"}'];
    for (const body of bodies) expect(verdictOf({ status: 200, body })).toEqual({ kind: "allow" });
    for (const status of [201, 204, 299]) expect(verdictOf({ status, body: "" })).toEqual({ kind: "allow" });
  });

  test("refuses with a 2xx that says so, whatever it calls its type, and with 401 and 403", () => {
    expect(verdictOf({ status: 200, body: '{"allow":false,"reason":"not your slot"}' })).toEqual(
      refused("not your slot"),
    );
    expect(verdictOf({ status: 200, body: '\n{"allow":false}' })).toEqual(refused("no reason was given"));
    expect(verdictOf({ status: 403, body: '{"reason":"banned"}' })).toEqual(refused("banned"));
    for (const body of ["", "Forbidden", "{", undefined, '{"reason":7}', '{"reason":" "}'])
      expect(verdictOf({ status: 403, body })).toEqual(refused("no reason was given"));
    expect(verdictOf({ status: 401, body: "" })).toEqual(refused("no reason was given"));
  });

  test("decides nothing otherwise, and above all does not allow", () => {
    const kinds = [
      { status: 200, body: '{"allow":"false"}' },
      { status: 200, body: '{"allow":null}' },
      { status: 200, body: '{"allow":false' },
      { status: 200, body: undefined },
      { status: 307, body: "" },
      { status: 404, body: '{"allow":true}' },
      { status: 410, body: "" },
      { status: 500, body: '{"allow":true}' },
    ].map((answer) => verdictOf(answer).kind);
    expect(kinds).toEqual(kinds.map(() => "unusable"));
    expect(verdictOf({ status: 503, body: "" })).toEqual({ kind: "unusable", why: "answered 503" });
  });

  test("cannot forge lines with its reason, nor make it long", () => {
    const body = JSON.stringify({ allow: false, reason: `a\r\n\u001b[31m${"b".repeat(999)}` });
    const verdict = verdictOf({ status: 200, body });
    expect(verdict.kind === "refuse" && verdict.reason.startsWith("a [31mb")).toBe(true);
    expect(verdict.kind === "refuse" ? verdict.reason.length : 0).toBe(REASON_CHARACTERS_MAX);
  });

  test("is understood whatever it answers", () => {
    const body = oneof(string(), json(), constantFrom("{", "[".repeat(16_000), `{"a":${"[".repeat(16_000)}`));
    assert(
      property(integer({ min: 100, max: 599 }), body, (status, text) => {
        expect(["allow", "refuse", "unusable"]).toContain(verdictOf({ status, body: text }).kind);
      }),
      { interruptAfterTimeLimit: 1000 },
    );
  });
});
