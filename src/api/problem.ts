import type { FaultCode } from "#faults/codes.ts";
import { Fault } from "#faults/fault.ts";
import type { Problem } from "#web/wire.ts";

const STATUS: Partial<Record<FaultCode, number>> = {
  REQUEST_INVALID: 400,
  STREAM_NAME_INVALID: 400,
  CONFIG_INVALID: 400,
  UNAUTHORIZED: 401,
  REQUEST_REFUSED: 403,
  METHOD_NOT_ALLOWED: 405,
  NOT_FOUND: 404,
  STREAM_UNKNOWN: 404,
  TARGET_UNKNOWN: 404,
  // The only key a request names is one of a stream's own, by its id.
  KEY_REFUSED: 404,
  STORE_CONFLICT: 409,
  KEY_MANAGED: 409,
  TARGET_MANAGED: 409,
  STREAM_BUSY: 409,
  SESSION_UNKNOWN: 404,
  LIMIT_REACHED: 429,
  DISK_FULL: 507,
  STORE_FAILED: 503,
};

/** HTTP status that says what the code says; 500 for codes that no request should meet. */
export function statusOf(code: FaultCode): number {
  return STATUS[code] ?? 500;
}

/** The JSON body every failed API request gets. */
export function problemOf(fault: Fault): Problem {
  return { code: fault.code, message: fault.message, hint: fault.hint ?? null };
}

/** A failed API request's whole answer. */
export function problemResponse(fault: Fault, headers: Readonly<Record<string, string>> = {}): Response {
  const body = JSON.stringify(problemOf(fault));
  const status = statusOf(fault.code);
  return new Response(body, {
    status,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      // RFC 9110 §11.6.1. Browsers ask nobody for a password because of this scheme.
      ...(status === 401 ? { "www-authenticate": 'Bearer realm="Grandstand"' } : {}),
      ...headers,
    },
  });
}

/** What any thrown value means for the caller: faults as they are, anything else a bug whose details stay inside. */
export function faultOf(error: unknown): Fault {
  if (error instanceof Fault) return error;
  return new Fault("INTERNAL", "the request could not be answered because of a bug", {
    hint: "Try again; if it happens again, report it with the server's log.",
    cause: error,
  });
}
