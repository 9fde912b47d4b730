import type { Exchange, ExchangeKind, ExchangeRule } from "./rule.ts";

const MEDIA: readonly ExchangeKind[] = ["init", "part", "segment", "hint"];
const PLAYLISTS: readonly ExchangeKind[] = ["multivariant", "playlist", "blocking", "skip"];

/** Playlists below this gain nothing from compression. */
const GZIP_BYTES_MIN = 600;
/** Part of a body that trickles: this much longer from head to end than a local or fast link explains. */
const TRICKLE_MS_MAX = 150;

/** `max-age` (or `s-maxage` when asked) of a Cache-Control header in seconds; `undefined` when absent. */
export function maxAgeS(headers: ReadonlyMap<string, string>): number | undefined {
  const control = headers.get("cache-control");
  if (control === undefined) return undefined;
  if (/\bno-(store|cache)\b/.test(control)) return 0;
  const match = /\bmax-age=(\d{1,10})/.exec(control);
  return match === null ? undefined : Number(match[1]);
}

function contentType(exchange: Exchange): string {
  return (exchange.headers.get("content-type") ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
}

const PLAYLIST_TYPES = new Set(["application/vnd.apple.mpegurl", "audio/mpegurl"]);
const MEDIA_TYPES = new Set(["video/mp4", "audio/mp4", "video/iso.segment", "application/mp4", "video/mp2t"]);

/** What HTTP has to do with it: availability, status codes, types, encodings, caching (§4, §6.2.1, §6.2.2, §6.2.6). */
export const HTTP_RULES: readonly ExchangeRule[] = [
  {
    on: "exchange",
    id: "playlist-available",
    clause: "6.2.1",
    severity: "error",
    kinds: ["playlist", "skip", "multivariant"],
    demands: "The playlists of a living presentation are answered 200.",
    *check({ status }) {
      if (status !== 200) yield `answered ${status}`;
    },
  },
  {
    on: "exchange",
    id: "media-available",
    clause: "6.2.1",
    severity: "error",
    kinds: ["init", "part", "segment"],
    demands: "Every listed init segment, part and segment without GAP can be fetched at once.",
    *check({ status, kind }) {
      if (status !== 200 && status !== 206) yield `a listed ${kind} was answered ${status}`;
    },
  },
  {
    on: "exchange",
    id: "hint-available",
    clause: "6.2.6",
    severity: "error",
    kinds: ["hint"],
    demands: "A hinted part can be requested from the moment the hint is there.",
    *check({ status }) {
      if (status !== 200 && status !== 206) yield `a hinted part was answered ${status}`;
    },
  },
  {
    on: "exchange",
    id: "media-not-redirected",
    clause: "Apple authoring 8.18",
    severity: "error",
    kinds: MEDIA,
    demands: "Requests for media are not redirected.",
    *check({ status, kind }) {
      if (status >= 300 && status < 400) yield `a ${kind} was answered ${status}`;
    },
  },
  {
    on: "exchange",
    id: "part-at-line-speed",
    clause: "6.2.6",
    severity: "error",
    kinds: ["hint", "part"],
    demands: "No byte of a part is sent before all of it can be sent at the speed of the link.",
    *check({ bodyMs, known, sizeBytes }) {
      const target = known?.partTargetS;
      const limitMs = Math.max(TRICKLE_MS_MAX, (target ?? 1) * 500);
      if (bodyMs > limitMs) yield `${sizeBytes} bytes took ${Math.round(bodyMs)} ms from the first to the last`;
    },
  },
  {
    on: "exchange",
    id: "unknown-is-not-found",
    clause: "6.2.6",
    severity: "error",
    kinds: ["unknown"],
    demands: "A resource that neither exists nor is hinted is answered 404.",
    *check({ status, heldMs }) {
      if (status !== 404 && status !== 410) yield `answered ${status}`;
      else if (heldMs > 5_000) yield `answered ${status} only after ${Math.round(heldMs)} ms`;
    },
  },
  {
    on: "exchange",
    id: "media-immutable",
    clause: "6.2.1",
    severity: "error",
    kinds: ["again"],
    demands: "The same URL always gives the same bytes.",
    *check({ status, sameBytes }) {
      if (status === 200 && sameBytes === false) yield "the bytes differ from the first time";
      if (status !== 200) yield `answered ${status} the second time`;
    },
  },
  {
    on: "exchange",
    id: "segment-retained",
    clause: "6.2.2",
    severity: "error",
    kinds: ["retained-segment"],
    demands:
      "A removed segment can be fetched until its first listing plus its duration plus the longest playlist that had it.",
    *check({ status }) {
      if (status !== 200) yield `a removed segment was answered ${status}`;
    },
  },
  {
    on: "exchange",
    id: "part-retained",
    clause: "6.2.2",
    severity: "error",
    kinds: ["retained-part"],
    demands: "A part can be fetched for three target durations after its tag was removed.",
    *check({ status }) {
      if (status !== 200) yield `a part whose tag is gone was answered ${status}`;
    },
  },
  {
    on: "exchange",
    id: "playlist-gzip",
    clause: "6.2.1, Apple authoring 10.1",
    severity: "error",
    kinds: PLAYLISTS,
    demands: "Playlists are sent with gzip to clients that accept it.",
    *check({ status, headers, sizeBytes }) {
      if (status === 200 && headers.get("content-encoding") !== "gzip" && sizeBytes >= GZIP_BYTES_MIN) {
        yield `${sizeBytes} bytes without Content-Encoding: gzip`;
      }
    },
  },
  {
    on: "exchange",
    id: "gzip-varies",
    clause: "RFC 9110 12.5.5",
    severity: "error",
    kinds: PLAYLISTS,
    demands: "An answer that depends on Accept-Encoding says so in Vary.",
    *check({ status, headers }) {
      const compressed = status === 200 && headers.get("content-encoding") === "gzip";
      if (compressed && !/accept-encoding|\*/i.test(headers.get("vary") ?? ""))
        yield "gzip without Vary: Accept-Encoding";
    },
  },
  {
    on: "exchange",
    id: "playlist-type",
    clause: "4",
    severity: "error",
    kinds: PLAYLISTS,
    demands: "Playlists have Content-Type application/vnd.apple.mpegurl or audio/mpegurl.",
    *check(exchange) {
      if (exchange.status === 200 && !PLAYLIST_TYPES.has(contentType(exchange))) {
        yield `Content-Type is ${contentType(exchange) || "absent"}`;
      }
    },
  },
  {
    on: "exchange",
    id: "media-type",
    clause: "RFC 4337, RFC 6381",
    severity: "warning",
    kinds: MEDIA,
    demands: "Media have a media Content-Type.",
    *check(exchange) {
      if (exchange.status === 200 && !MEDIA_TYPES.has(contentType(exchange))) {
        yield `Content-Type is ${contentType(exchange) || "absent"}`;
      }
    },
  },
  {
    on: "exchange",
    id: "playlist-cached-briefly",
    clause: "6.2.5.2, B.2",
    severity: "error",
    kinds: ["playlist", "blocking", "skip"],
    demands: "A live playlist may be cached for at most a target duration, an answer to a blocking reload for six.",
    *check({ status, headers, answer, kind }) {
      if (status !== 200 || answer === undefined || answer.endList) return;
      const age = maxAgeS(headers);
      const limit = answer.targetDurationS * (kind === "blocking" ? 6 : 1);
      if (age === undefined) yield "no Cache-Control max-age";
      else if (age > limit) yield `max-age=${age}, at most ${limit} s`;
    },
  },
  {
    on: "exchange",
    id: "media-cacheable",
    clause: "6.2.2, B.2",
    severity: "warning",
    kinds: ["init", "part", "segment"],
    demands: "Media, which never change, may be cached for at least six target durations.",
    *check({ status, headers, known }) {
      const age = maxAgeS(headers);
      const least = 6 * (known?.targetDurationS ?? 1);
      if (status === 200 && (age === undefined || age < least)) yield `max-age is ${age ?? "absent"}`;
    },
  },
  {
    on: "exchange",
    id: "refusal-cached-briefly",
    clause: "B.2",
    severity: "error",
    kinds: ["unknown", "msn-too-far", "part-too-far", "part-without-msn"],
    demands: "A refusal may be cached for at most ten seconds: what does not exist now may exist soon.",
    *check({ headers, status }) {
      const age = maxAgeS(headers);
      if (status >= 400 && age !== undefined && age > 10) yield `status ${status} with max-age=${age}`;
    },
  },
];
