import { type BadReload, parseDirectives, type ReloadDirectives } from "#packaging/hls/blocking-reload.ts";

const NONE: ReloadDirectives = {};

function refused(reason: string): BadReload {
  return { kind: "bad-request", reason };
}

/**
 * Reads a playlist's query: the delivery directives of RFC 8216bis §6.2.5. Directives reserved for HLS that we do not know, and CMCD, change
 * nothing; any other parameter is refused, so that a cache in front never keeps the same playlist under two names.
 */
export function parsePlaylistQuery(query: string | undefined): ReloadDirectives | BadReload {
  if (query === undefined || query === "") return NONE;
  let msn: string | undefined;
  let part: string | undefined;
  let skip: string | undefined;
  for (let at = 0; at <= query.length; ) {
    let end = query.indexOf("&", at);
    if (end < 0) end = query.length;
    let equals = query.indexOf("=", at);
    if (equals < 0 || equals > end) equals = end;
    const name = query.substring(at, equals);
    const value = query.substring(equals + 1, end);
    at = end + 1;
    if (name === "_HLS_msn") {
      if (msn !== undefined) return refused("_HLS_msn is given twice");
      msn = value;
    } else if (name === "_HLS_part") {
      if (part !== undefined) return refused("_HLS_part is given twice");
      part = value;
    } else if (name === "_HLS_skip") {
      if (skip !== undefined) return refused("_HLS_skip is given twice");
      skip = value;
    } else if (!isTolerated(name)) {
      return refused("unknown query parameter; known are _HLS_msn, _HLS_part, _HLS_skip and CMCD");
    }
  }
  return parseDirectives({ msn, part, skip });
}

function isTolerated(name: string): boolean {
  return name === "" || name === "CMCD" || name.startsWith("_HLS_");
}

/** Whether the query of anything but a media playlist has only parameters that change nothing. */
export function isHarmlessQuery(query: string | undefined): boolean {
  if (query === undefined || query === "") return true;
  const parsed = parsePlaylistQuery(query);
  return !("kind" in parsed);
}
