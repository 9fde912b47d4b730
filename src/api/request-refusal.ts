import { HTTPException } from "hono/http-exception";
import { Fault } from "#faults/fault.ts";

const DOCUMENT_HINT = "See /api/v1/openapi.json.";

/** A request that is not what it should be. */
export function requestFault(message: string, hint: string = DOCUMENT_HINT): Fault {
  return new Fault("REQUEST_INVALID", message, { hint });
}

/** What the validator found; the part of its issues that is told. */
export interface RequestIssue {
  readonly code?: string | undefined;
  readonly message: string;
  readonly path: readonly PropertyKey[];
}

/** Everything that is wrong with a request, in one sentence. */
export function issuesFault(issues: readonly RequestIssue[]): Fault {
  const told = issues.map(({ code, message, path }) => {
    const at = path.join(".");
    if (code === "invalid_type" && message.endsWith("received undefined") && at !== "") return `${at} is missing`;
    const text = message.charAt(0).toLowerCase() + message.slice(1);
    return at === "" ? text : `${at}: ${text}`;
  });
  return requestFault(told.length === 0 ? "the request is not valid" : told.join("; "));
}

/** @throws Fault `REQUEST_INVALID` when the body is announced as something else than JSON: it would be ignored otherwise. */
export function requireJson(request: Request): void {
  if (request.body === null) return;
  const type = request.headers.get("content-type") ?? "";
  if (type.split(";", 1)[0]?.trim().toLowerCase() === "application/json") return;
  const found = type === "" ? "no type" : `the type ${JSON.stringify(type.slice(0, 80))}`;
  throw requestFault(`the body has ${found}, and must be JSON`, "Send it with `Content-Type: application/json`.");
}

/** The framework's own refusals (a body that is not JSON, a form that is not one) in our words; `undefined` for everything else. */
export function frameworkRefusal(error: unknown): Fault | undefined {
  if (!(error instanceof HTTPException) || error.status >= 500) return undefined;
  return requestFault(
    /json/i.test(error.message) ? "the body is not JSON" : error.message || "the request is not valid",
  );
}
