import { FAULT_CODES, type FaultCode } from "#faults/codes.ts";
import { Fault } from "#faults/fault.ts";

/** How long the API may take, milliseconds. */
const API_TIMEOUT_MS_MAX = 10_000;

/** What to do about a stream that is not there. */
export const LIST_HINT = "List the streams with: grandstand streams list.";

/** Asks the API about streams: `path` is what follows `/api/v1/streams`. @throws Fault the API's own, `UNAUTHORIZED`, `CONNECTION_LOST`. */
export type ApiCall = (method: string, path: string, body?: unknown) => Promise<unknown>;

/** Asks through the API at `url`. */
export function apiCall(url: string, token: string): ApiCall {
  return async (method, path, body) => {
    let answer: Response;
    try {
      answer = await fetch(`${url}/api/v1/streams${path}`, {
        method,
        headers: {
          authorization: `Bearer ${token}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(API_TIMEOUT_MS_MAX),
      });
    } catch (cause) {
      throw new Fault("CONNECTION_LOST", `the API at ${url} does not answer: ${(cause as Error).message}`, {
        cause,
        hint: "See whether the platform runs.",
      });
    }
    const text = await answer.text();
    if (answer.ok) return text === "" ? undefined : (JSON.parse(text) as unknown);
    throw refusalOf(answer.status, text, url);
  };
}

/** A path with each part in its place. */
export function apiPath(...parts: readonly string[]): string {
  return parts.map((part) => `/${encodeURIComponent(part)}`).join("");
}

function isFaultCode(code: unknown): code is FaultCode {
  return typeof code === "string" && code in FAULT_CODES;
}

function refusalOf(status: number, text: string, url: string): Fault {
  let body: { code?: unknown; message?: unknown; hint?: unknown } = {};
  try {
    body = JSON.parse(text) as typeof body;
  } catch {
    // Not our API, or a proxy in front of it: the status is all there is.
  }
  const { code, message, hint } = body;
  if (status === 401) {
    return new Fault("UNAUTHORIZED", `the API at ${url} does not take this admin token`, {
      hint: "Give the token of the running platform with --admin-token or GRANDSTAND_ADMIN_TOKEN.",
    });
  }
  // The API's hint is for people who ask it themselves.
  const advice = code === "STREAM_UNKNOWN" ? LIST_HINT : hint;
  return new Fault(
    isFaultCode(code) ? code : "CONNECTION_LOST",
    typeof message === "string" ? message : `the API at ${url} answered ${status}`,
    typeof advice === "string" ? { hint: advice } : {},
  );
}
