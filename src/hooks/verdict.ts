import type { HttpAnswer } from "#runtime/http-client.ts";

/** Characters of a reason that are shown to the encoder. */
export const REASON_CHARACTERS_MAX = 200;

/** What a hook says of a publication. */
export type Verdict =
  | { readonly kind: "allow" }
  | { readonly kind: "refuse"; readonly reason: string }
  /** It said nothing that can be used; `why` completes "the hook …". */
  | { readonly kind: "unusable"; readonly why: string };

const NO_REASON = "no reason was given";

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** An answer's body: an object, nothing that matters, or a broken object. */
function parsed(body: string): Readonly<Record<string, unknown>> | "none" | "broken" {
  if (!body.trimStart().startsWith("{")) return "none";
  try {
    const value: unknown = JSON.parse(body);
    return isObject(value) ? value : "broken";
  } catch {
    return "broken";
  }
}

function reasonOf(value: unknown): string {
  // Control characters would let a reason forge lines in a log or a terminal.
  const text = typeof value === "string" ? value.replace(/\p{C}+/gu, " ").trim() : "";
  return text === "" ? NO_REASON : text.slice(0, REASON_CHARACTERS_MAX);
}

/**
 * Reads an answer. A 2xx allows, unless its JSON says `{"allow": false, "reason": …}`; 401 and 403 refuse, with the same `reason`; anything
 * else decides nothing. A 2xx whose JSON cannot be understood decides nothing either: it may have meant no.
 */
export function verdictOf({ status, body }: Pick<HttpAnswer, "status" | "body">): Verdict {
  const isYes = status >= 200 && status <= 299;
  const isNo = status === 401 || status === 403;
  if (!isYes && !isNo) return { kind: "unusable", why: `answered ${status}` };
  if (body === undefined) {
    return isNo
      ? { kind: "refuse", reason: NO_REASON }
      : { kind: "unusable", why: "gave an answer that is too long or broke off" };
  }
  const object = parsed(body);
  if (isNo) return { kind: "refuse", reason: reasonOf(typeof object === "object" ? object["reason"] : undefined) };
  if (object === "none") return { kind: "allow" };
  if (object === "broken") return { kind: "unusable", why: "gave an answer that is no JSON" };
  const { allow = true, reason } = object;
  if (typeof allow !== "boolean")
    return { kind: "unusable", why: 'gave an answer whose "allow" is neither true nor false' };
  return allow ? { kind: "allow" } : { kind: "refuse", reason: reasonOf(reason) };
}
