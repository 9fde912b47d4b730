/**
 * Where a request goes, cut out of its URL by hand: this runs for every request, and a `URL` object costs more than the whole answer.
 *
 *   https://host/live/{stream}/{rest}?{query}
 *
 * The HTTP server has resolved dot segments (also encoded ones) and backslashes before; what it left encoded names nothing here.
 */

/** Everything the edge serves is below this path. */
export const LIVE_PREFIX = "/live/";

/** Characters of a path below {@link LIVE_PREFIX}; no name of ours comes near. */
export const PATH_LENGTH_MAX = 300;

/** Characters of a query; the longest CMCD record players send has about 800. */
export const QUERY_LENGTH_MAX = 4_096;

/** A path below {@link LIVE_PREFIX}, taken apart. */
export interface RequestPath {
  readonly stream: string;
  /** Everything after `{stream}/`; empty where there is nothing. */
  readonly rest: string;
  /** Everything after `?`; `undefined` where there is no `?`. */
  readonly query: string | undefined;
}

/** Position of the path in `url`: after the authority, or 0 where there is none (HTTP/1.0 without `Host`). */
export function pathStart(url: string): number {
  if (url.charCodeAt(0) === 47) return 0;
  // The scheme is http or https, and an authority has at least one character.
  const slash = url.indexOf("/", 8);
  return slash < 0 ? url.length : slash;
}

/** Cuts a URL whose path starts with {@link LIVE_PREFIX} at `start`. `undefined` when the path is longer than anything we name. */
export function parsePath(url: string, start: number): RequestPath | undefined {
  let end = url.indexOf("?", start);
  let query: string | undefined;
  const hash = url.indexOf("#", start);
  const stop = hash < 0 ? url.length : hash;
  if (end >= 0 && end < stop) query = url.substring(end + 1, stop);
  else end = stop;
  if (end - start > PATH_LENGTH_MAX || (query !== undefined && query.length > QUERY_LENGTH_MAX)) return undefined;
  const from = start + LIVE_PREFIX.length;
  const slash = url.indexOf("/", from);
  if (slash < 0 || slash >= end) return { stream: url.substring(from, end), rest: "", query };
  return { stream: url.substring(from, slash), rest: url.substring(slash + 1, end), query };
}

/** A still picture of a stream, or the list of them. */
export type PictureName =
  | { readonly kind: "poster" }
  | { readonly kind: "storyboard"; readonly form: "vtt" | "json" }
  | { readonly kind: "still"; readonly version: string };

const STILL_PREFIX = "still-";
const STILL_SUFFIX = ".webp";
/** Timeline, segment and frame of the keyframe, decimal numbers without leading zeros: each still has one name only. */
const STILL_VERSION = /^[0-9a-f]{16}-(?:0|[1-9][0-9]{0,14})-(?:0|[1-9][0-9]{0,8})$/;

/** Name of a still by its version. */
export function stillName(version: string): string {
  return `${STILL_PREFIX}${version}${STILL_SUFFIX}`;
}

/** Reads everything after `/live/{stream}/` as the name of a picture; `undefined` when it is none. */
export function parsePictureName(rest: string): PictureName | undefined {
  switch (rest) {
    case "poster.webp":
      return { kind: "poster" };
    case "storyboard.vtt":
      return { kind: "storyboard", form: "vtt" };
    case "storyboard.json":
      return { kind: "storyboard", form: "json" };
    default: {
      if (!rest.startsWith(STILL_PREFIX) || !rest.endsWith(STILL_SUFFIX)) return undefined;
      const version = rest.slice(STILL_PREFIX.length, -STILL_SUFFIX.length);
      return STILL_VERSION.test(version) ? { kind: "still", version } : undefined;
    }
  }
}
