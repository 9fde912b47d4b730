/**
 * What the edge says when it has nothing to show. A few plain words, readable from any origin; never kept by a cache but where a player asks
 * again within the second anyway.
 */

/** Headers a script of another origin may read. */
export const EXPOSED_HEADERS = "Date, ETag, Content-Length, Content-Range, Retry-After";

const NO_STORE = "no-store";
/** A negative answer that is about to become wrong: long enough for a cache to merge a crowd, short enough not to hurt. */
const ONE_SECOND = "public, max-age=1";

function plain(status: number, words: string, cacheControl: string, more?: Readonly<Record<string, string>>): Response {
  return new Response(`${words}\n`, {
    status,
    headers: {
      "content-type": "text/plain; charset=utf-8",
      "cache-control": cacheControl,
      "access-control-allow-origin": "*",
      "access-control-expose-headers": EXPOSED_HEADERS,
      ...more,
    },
  });
}

/** 404 for a name that never meant anything here. */
export function notFound(): Response {
  return plain(404, "not found", NO_STORE);
}

/** 404 for a stream that is not on air, or not long enough to be played: ask again in a second. */
export function notOnAir(): Response {
  return plain(404, "this stream is not on air", ONE_SECOND, { "retry-after": "1" });
}

/** 404 for a picture that is not there: the stream has none, none yet, or it has left the live window. */
export function noPicture(): Response {
  return plain(404, "there is no such picture of this stream", ONE_SECOND);
}

/** 404 for a segment or part that does not exist yet. */
export function notYet(): Response {
  return plain(404, "not there yet", ONE_SECOND);
}

/** 410 for media that has left the live window. */
export function gone(): Response {
  return plain(410, "no longer in the live window", NO_STORE);
}

/** 400 with what is wrong. */
export function badRequest(words: string): Response {
  return plain(400, words, NO_STORE);
}

/** 405 for anything but reading. */
export function methodNotAllowed(): Response {
  return plain(405, "only GET, HEAD and OPTIONS are allowed here", NO_STORE, { allow: "GET, HEAD, OPTIONS" });
}

/** 503 when a limit is reached, or when what a playlist request waits for did not come in three target durations (RFC 8216bis §6.2.5.2). */
export function unavailable(words: string, retryAfterSeconds: number): Response {
  return plain(503, words, NO_STORE, { "retry-after": String(retryAfterSeconds) });
}

/** 416 for a range outside the body. */
export function unsatisfiableRange(sizeBytes: number): Response {
  return plain(416, "range not satisfiable", NO_STORE, { "content-range": `bytes */${sizeBytes}` });
}

/** 204 to a CORS preflight: everybody may read, nobody may send credentials. */
export function preflight(): Response {
  return new Response(null, {
    status: 204,
    headers: {
      allow: "GET, HEAD, OPTIONS",
      "access-control-allow-origin": "*",
      "access-control-allow-methods": "GET, HEAD, OPTIONS",
      "access-control-allow-headers": "*",
      "access-control-max-age": "86400",
    },
  });
}
