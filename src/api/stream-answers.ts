import type { ZodType } from "zod";
import { schemas } from "./schemas.ts";

/** A JSON body of an OpenAPI answer. */
export interface JsonAnswer<Schema> {
  readonly description: string;
  readonly content: { readonly "application/json": { readonly schema: Schema } };
}

/** An answer with a JSON body. */
export function json<Schema>(schema: Schema, description: string): JsonAnswer<Schema> {
  return { description, content: { "application/json": { schema } } };
}

type ProblemAnswer = JsonAnswer<typeof schemas.problem>;

/** Problems that several operator's routes share. */
export const problems: {
  readonly unauthorized: { readonly 401: ProblemAnswer; readonly 429: ProblemAnswer };
  readonly invalid: { readonly 400: ProblemAnswer };
  readonly unknown: { readonly 404: ProblemAnswer };
  readonly managed: { readonly 409: ProblemAnswer };
  readonly store: { readonly 503: ProblemAnswer; readonly 507: ProblemAnswer };
} = {
  unauthorized: {
    401: json(schemas.problem, "the admin token is missing or wrong (`UNAUTHORIZED`)"),
    429: json(schemas.problem, "too many wrong tokens, or a limit is reached (`LIMIT_REACHED`)"),
  },
  invalid: { 400: json(schemas.problem, "the body is not what it should be (`REQUEST_INVALID`, `CONFIG_INVALID`)") },
  unknown: { 404: json(schemas.problem, "there is no such stream (`STREAM_UNKNOWN`)") },
  managed: { 409: json(schemas.problem, "the stream is declared in the configuration file (`KEY_MANAGED`)") },
  store: {
    503: json(schemas.problem, "the store cannot be written (`STORE_FAILED`)"),
    507: json(schemas.problem, "the disk is full (`DISK_FULL`)"),
  },
};

/** What every operator's route asks for. */
export const ADMIN_SECURITY: { token: string[] }[] = [{ token: [] }];

/** A JSON body of an OpenAPI request. */
export function jsonBody<Schema extends ZodType>(
  schema: Schema,
  required: boolean,
): { body: { required: boolean; content: { "application/json": { schema: Schema } } } } {
  return { body: { required, content: { "application/json": { schema } } } };
}
