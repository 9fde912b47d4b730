import type {
  AdminHooksAnswer,
  AdminStream,
  AdminStreamsAnswer,
  AdminTarget,
  AdminTargetsAnswer,
  EffectiveSettings,
  NewKeyAnswer,
  Problem,
} from "#web/wire.ts";

/** An answer that says no, in the server's words. */
export class RefusedError extends Error {
  readonly code: string;
  readonly hint: string | null;

  constructor(problem: Problem) {
    super(problem.message);
    this.name = "RefusedError";
    this.code = problem.code;
    this.hint = problem.hint;
  }
}

/** What of a stream is to change: what is absent stays, `null` gives a setting back to the platform. */
export interface StreamChange {
  readonly title?: string;
  readonly settings?: { readonly [Name in keyof EffectiveSettings]?: EffectiveSettings[Name] | string | null };
}

/** A target as it is written; a key that is absent stays as it is. */
export interface WrittenTarget {
  readonly name: string;
  readonly url: string;
  readonly rendition: string;
  readonly key?: string;
}

const JSON_TYPE = { "content-type": "application/json" };

async function ask<Answer>(path: string, init: RequestInit = {}, of = "streams"): Promise<Answer> {
  const answer = await fetch(`/api/v1/${of}${path}`, { cache: "no-store", ...init });
  if (answer.status === 204) return undefined as Answer;
  const body: unknown = await answer.json();
  if (answer.ok) return body as Answer;
  // The log-in ended: the page itself shows the form.
  if (answer.status === 401) window.location.reload();
  throw new RefusedError(body as Problem);
}

const one = (name: string): string => `/${encodeURIComponent(name)}`;

/** The operator's side of the HTTP API. Each call rejects with {@link RefusedError}, or with a network error. */
export const api = {
  list: (): Promise<AdminStreamsAnswer> => ask(""),
  hooks: (): Promise<AdminHooksAnswer> => ask("", {}, "hooks"),
  get: (name: string): Promise<AdminStream> => ask(one(name)),
  add: (stream: { name: string; title: string }): Promise<NewKeyAnswer> =>
    ask("", { method: "POST", headers: JSON_TYPE, body: JSON.stringify(stream) }),
  change: (name: string, change: StreamChange): Promise<AdminStream> =>
    ask(one(name), { method: "PATCH", headers: JSON_TYPE, body: JSON.stringify(change) }),
  switchTo: (name: string, session: number): Promise<AdminStream> =>
    ask(`${one(name)}/switch`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify({ session }) }),
  rotateKey: (name: string): Promise<NewKeyAnswer> => ask(`${one(name)}/rotate-key`, { method: "POST" }),
  remove: (name: string): Promise<void> => ask(one(name), { method: "DELETE" }),
  setPull: (name: string, pull: { readonly url: string; readonly loop: boolean }): Promise<AdminStream> =>
    ask(`${one(name)}/pull`, { method: "PUT", headers: JSON_TYPE, body: JSON.stringify(pull) }),
  removePull: (name: string): Promise<void> => ask(`${one(name)}/pull`, { method: "DELETE" }),
  targets: (name: string): Promise<AdminTargetsAnswer> => ask(`${one(name)}/targets`),
  addTarget: (name: string, target: WrittenTarget): Promise<AdminTarget> =>
    ask(`${one(name)}/targets`, { method: "POST", headers: JSON_TYPE, body: JSON.stringify(target) }),
  changeTarget: (
    name: string,
    id: string,
    change: Partial<WrittenTarget> & { readonly enabled?: boolean },
  ): Promise<AdminTarget> =>
    ask(`${one(name)}/targets${one(id)}`, { method: "PATCH", headers: JSON_TYPE, body: JSON.stringify(change) }),
  removeTarget: (name: string, id: string): Promise<void> =>
    ask(`${one(name)}/targets${one(id)}`, { method: "DELETE" }),
};

/** What to tell a person about a call that failed. */
export function problemText(error: unknown): string {
  if (error instanceof RefusedError) {
    const sentence = `${error.message.charAt(0).toUpperCase()}${error.message.slice(1)}.`;
    return error.hint === null ? sentence : `${sentence} ${error.hint}`;
  }
  return "The server did not answer. Streams on air are not affected; try again in a moment.";
}
