import type { ReportedRule } from "./rule.ts";

/** Id of a rule reported by name. */
export type EventRuleId =
  | "http-valid"
  | "playlist-valid"
  | "init-valid"
  | "delta-merges"
  | "dates-match-media"
  | "stream-goes-on"
  | "dash-manifest-valid"
  | "dash-media-available"
  | "dash-media-matches-timeline"
  | "dash-representation-true";

/** Rules that are checked where the fact arises: parsing, merging, following. */
export const EVENT_RULES: readonly (ReportedRule & { readonly id: EventRuleId })[] = [
  {
    on: "event",
    id: "http-valid",
    clause: "RFC 9112",
    severity: "error",
    demands: "Every request gets one complete, well-formed answer.",
  },
  {
    on: "event",
    id: "playlist-valid",
    clause: "4.1, 4.2, 4.4",
    severity: "error",
    demands: "Playlists obey the syntax: each tag in its place, once, with its required attributes.",
  },
  {
    on: "event",
    id: "init-valid",
    clause: "ISO/IEC 23000-19 7.3.1",
    severity: "error",
    demands: "An init segment has ftyp and a moov with one track and its trex.",
  },
  {
    on: "event",
    id: "delta-merges",
    clause: "6.2.5.1",
    severity: "error",
    demands: "A delta update put together with the playlist before it gives the full playlist.",
  },
  {
    on: "event",
    id: "dates-match-media",
    clause: "4.4.4.6, 6.2.1",
    severity: "error",
    demands: "Between discontinuities dates and media times keep one distance, within 5 ms.",
  },
  {
    on: "event",
    id: "stream-goes-on",
    clause: "6.2.1",
    severity: "error",
    demands: "A playlist without EXT-X-ENDLIST gets new segments in time, also at the end of the watch.",
  },
  {
    on: "event",
    id: "dash-manifest-valid",
    clause: "ISO/IEC 23009-1 5.3",
    severity: "error",
    demands: "The MPD is well-formed XML with the elements and attributes it needs.",
  },
  {
    on: "event",
    id: "dash-media-available",
    clause: "ISO/IEC 23009-1 5.3.9.5, A.3",
    severity: "error",
    demands: "Every segment the MPD announces as available can be fetched.",
  },
  {
    on: "event",
    id: "dash-media-matches-timeline",
    clause: "ISO/IEC 23009-1 5.3.9.6",
    severity: "error",
    demands: "A segment begins and lasts as its S element says.",
  },
  {
    on: "event",
    id: "dash-representation-true",
    clause: "ISO/IEC 23009-1 5.3.7",
    severity: "error",
    demands: "@codecs, @width and @height are what the init segment says; @bandwidth covers the media.",
  },
];
