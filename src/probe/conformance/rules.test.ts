import { describe, expect, test } from "bun:test";
import { unreachable } from "#faults/fault.ts";
import { parseMpd } from "#probe/dash/mpd.ts";
import { parseMediaPlaylist } from "#probe/hls/parse-media-playlist.ts";
import { parseMultivariantPlaylist } from "#probe/hls/multivariant-playlist.ts";
import type { Exchange, MeasuredRendition, MediaFacts, PlaylistContext, RenditionView, Rule } from "./rule.ts";
import { listRules, RULES } from "./rules.ts";

const URL_ = "http://server/live/video/index.m3u8";
const AUDIO_URL = "http://server/live/audio/index.m3u8";

/** Three whole segments of 2 s, two parts of a fourth. */
const BASE = `#EXTM3U
#EXT-X-TARGETDURATION:2
#EXT-X-VERSION:9
#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES,CAN-SKIP-UNTIL=12.0,PART-HOLD-BACK=1.5,HOLD-BACK=6.0
#EXT-X-PART-INF:PART-TARGET=0.5
#EXT-X-MEDIA-SEQUENCE:10
#EXT-X-DISCONTINUITY-SEQUENCE:3
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MAP:URI="init.mp4"
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z
#EXTINF:2.00000,
10.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02.000Z
#EXTINF:2.00000,
11.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:04.000Z
#EXT-X-PART:DURATION=0.50000,URI="12.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.50000,URI="12.1.m4s"
#EXT-X-PART:DURATION=0.50000,URI="12.2.m4s"
#EXT-X-PART:DURATION=0.50000,URI="12.3.m4s"
#EXTINF:2.00000,
12.m4s
#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:06.000Z
#EXT-X-PART:DURATION=0.50000,URI="13.0.m4s",INDEPENDENT=YES
#EXT-X-PART:DURATION=0.50000,URI="13.1.m4s"
#EXT-X-PRELOAD-HINT:TYPE=PART,URI="13.2.m4s"
#EXT-X-RENDITION-REPORT:URI="../audio/index.m3u8",LAST-MSN=13,LAST-PART=1
`;

const HINT = '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="13.2.m4s"';
/** The version after {@link BASE}: one more part. */
const NEXT = BASE.replace(
  HINT,
  '#EXT-X-PART:DURATION=0.50000,URI="13.2.m4s"\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="13.3.m4s"',
).replace("LAST-PART=1", "LAST-PART=2");
/** Then segment 13 is whole and segment 10 gone. */
const LATER = NEXT.replace("SEQUENCE:10", "SEQUENCE:11")
  .replace("#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n#EXTINF:2.00000,\n10.m4s\n", "")
  .replace(
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="13.3.m4s"',
    '#EXT-X-PART:DURATION=0.50000,URI="13.3.m4s"\n#EXTINF:2.00000,\n13.m4s\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="14.0.m4s"',
  )
  .replace("LAST-PART=2", "LAST-PART=3");

/** A base with one text replaced; a replacement that changes nothing is a mistake of the test. */
function but(text: string, ...changes: readonly [string, string][]): string {
  let changed = text;
  for (const [from, to] of changes) {
    if (!changed.includes(from)) throw new Error(`nothing to replace: ${from}`);
    changed = changed.replace(from, to);
  }
  return changed;
}

const CONTEXT: PlaylistContext = {
  url: URL_,
  atMs: 10_000,
  held: true,
  slackMs: 100,
  segmentAddedAtMs: 8_500,
  partAddedAtMs: 9_500,
  owners: new Map([["http://server/live/video/13.0.m4s", "13.0"]]),
  otherRenditions: [AUDIO_URL],
};

interface PlaylistCase {
  readonly bad: string;
  readonly before?: string;
  readonly context?: Partial<PlaylistContext>;
}

const PLAYLIST_CASES: Readonly<Record<string, PlaylistCase>> = {
  "version-sufficient": { bad: but(BASE, ["VERSION:9", "VERSION:5"]) },
  "extinf-within-target": { bad: but(BASE, ["#EXTINF:2.00000,\n10", "#EXTINF:2.50000,\n10"]) },
  "part-inf-present": { bad: but(BASE, ["#EXT-X-PART-INF:PART-TARGET=0.5\n", ""]) },
  "part-within-target": { bad: but(BASE, ['DURATION=0.50000,URI="13.0', 'DURATION=0.60000,URI="13.0']) },
  "part-long-enough": { bad: but(BASE, ['DURATION=0.50000,URI="12.1', 'DURATION=0.40000,URI="12.1']) },
  "parts-fill-segment": {
    bad: but(
      BASE,
      ["#EXTINF:2.00000,\n11", '#EXT-X-PART:DURATION=0.5,URI="11.3.m4s"\n#EXTINF:2.00000,\n11'],
      ['#EXT-X-PART:DURATION=0.50000,URI="12.3.m4s"\n', ""],
    ),
  },
  "server-control-minima": { bad: but(BASE, ["CAN-SKIP-UNTIL=12.0", "CAN-SKIP-UNTIL=11.0"]) },
  "part-hold-back-advice": { bad: but(BASE, ["PART-HOLD-BACK=1.5", "PART-HOLD-BACK=1.1"]) },
  "map-present": { bad: but(BASE, ['#EXT-X-MAP:URI="init.mp4"\n', ""]) },
  "live-without-type": { bad: but(BASE, ["#EXT-X-INDEP", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEP"]) },
  "date-present": { bad: BASE.replace(/#EXT-X-PROGRAM-DATE-TIME:.*\n/g, "") },
  "dates-contiguous": { bad: but(BASE, ["00:00:02.000Z", "00:00:02.002Z"]) },
  "date-at-discontinuity": {
    bad: but(BASE, ["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02.000Z", "#EXT-X-DISCONTINUITY"]),
  },
  "discontinuity-sequence-present": {
    bad: but(
      BASE,
      ["#EXT-X-DISCONTINUITY-SEQUENCE:3\n", ""],
      ["#EXTINF:2.00000,\n11", "#EXT-X-DISCONTINUITY\n#EXTINF:2.00000,\n11"],
    ),
  },
  "one-hint-per-type": { bad: but(BASE, [HINT, `${HINT}\n#EXT-X-PRELOAD-HINT:TYPE=PART,URI="x.m4s"`]) },
  "hint-is-upcoming": { bad: but(BASE, ['TYPE=PART,URI="13.2', 'TYPE=PART,URI="13.1']) },
  "hint-present": { bad: but(BASE, [HINT, ""]) },
  "block-reload-with-parts": { bad: but(BASE, ["CAN-BLOCK-RELOAD=YES,", ""]) },
  "uris-unique": { bad: but(BASE, ["11.m4s", "10.m4s"]) },
  "rendition-reports-complete": { bad: but(BASE, [",LAST-PART=1", ""]) },
  "target-duration-constant": { before: BASE, bad: but(NEXT, ["TARGETDURATION:2", "TARGETDURATION:3"]) },
  "header-constant": { before: BASE, bad: but(NEXT, ["PART-TARGET=0.5", "PART-TARGET=0.6"]) },
  "media-sequence-monotonic": { before: LATER, bad: NEXT },
  "segments-unchanged": { before: BASE, bad: but(LATER, ["SEQUENCE:11", "SEQUENCE:12"]) },
  "segments-not-withdrawn": {
    before: LATER,
    bad: but(NEXT, ["SEQUENCE:10", "SEQUENCE:11"], ["#EXTINF:2.00000,\n10.m4s\n", ""]),
  },
  "parts-unchanged": { before: BASE, bad: but(NEXT, ["13.1.m4s", "13.1b.m4s"]) },
  "uris-never-reused": { bad: but(BASE, ["13.1.m4s", "13.0.m4s"]) },
  "discontinuity-sequence-monotonic": { before: BASE, bad: but(NEXT, ["SEQUENCE:3", "SEQUENCE:2"]) },
  "discontinuity-sequence-preserved": { before: BASE, bad: but(LATER, ["SEQUENCE:3", "SEQUENCE:4"]) },
  "format-change-is-discontinuity": {
    bad: but(BASE, ["#EXTINF:2.00000,\n11", '#EXT-X-MAP:URI="other.mp4"\n#EXTINF:2.00000,\n11']),
  },
  "window-long-enough": {
    before: BASE,
    bad: but(
      LATER,
      ["SEQUENCE:11", "SEQUENCE:13"],
      ["#EXTINF:2.00000,\n11.m4s\n", ""],
      ["#EXTINF:2.00000,\n12.m4s\n", "#EXTINF:0.50000,\n12.m4s\n"],
    ),
  },
  "parts-leave-the-playlist": {
    bad: but(
      BASE,
      ["#EXTINF:2.00000,\n10", '#EXT-X-PART:DURATION=2,URI="p"\n#EXTINF:2.00000,\n10'],
      ["#EXTINF:2.00000,\n11.m4s", "#EXTINF:2.00000,\n11a.m4s\n#EXTINF:2.00000,\n11b.m4s\n#EXTINF:2.00000,\n11.m4s"],
    ),
  },
  "segment-clock": { before: NEXT, bad: LATER, context: { segmentAddedAtMs: 6_800 } },
  "part-clock": { before: BASE, bad: NEXT, context: { partAddedAtMs: 9_300 } },
  "hint-becomes-part": { before: but(BASE, ['TYPE=PART,URI="13.2', 'TYPE=PART,URI="other']), bad: NEXT },
  "hint-used": {
    before: LATER,
    bad: but(
      LATER,
      ['TYPE=PART,URI="14.0', 'TYPE=PART,URI="14.1'],
      ["#EXT-X-PRELOAD", '#EXT-X-PART:DURATION=0.5,URI="x.m4s",INDEPENDENT=YES\n#EXT-X-PRELOAD'],
    ),
  },
  "ended-stays-ended": { before: `${BASE}#EXT-X-ENDLIST\n`, bad: NEXT },
};

function view(text: string, options: Partial<RenditionView> = {}): RenditionView {
  return {
    url: URL_,
    name: "video",
    playlist: parseMediaPlaylist(text),
    sentAtMs: 2_000,
    atMs: 2_500,
    held: true,
    dateOfZeroMs: 0,
    reported: undefined,
    ...options,
  };
}

const AUDIO = but(BASE, ["../audio/", "../video/"]);

function audio(text: string = AUDIO, options: Partial<RenditionView> = {}): RenditionView {
  return view(text, { url: AUDIO_URL, name: "audio", sentAtMs: 1_000, atMs: 1_500, ...options });
}

const RENDITION_CASES: Readonly<Record<string, { bad: RenditionView; others: RenditionView[] }>> = {
  "same-target-duration": { bad: view(but(BASE, ["TARGETDURATION:2", "TARGETDURATION:3"])), others: [audio()] },
  "same-server-control": { bad: view(but(BASE, ["HOLD-BACK=6.0", "HOLD-BACK=7.0"])), others: [audio()] },
  "same-playlist-type": {
    bad: view(but(BASE, ["#EXT-X-INDEP", "#EXT-X-PLAYLIST-TYPE:EVENT\n#EXT-X-INDEP"])),
    others: [audio()],
  },
  "discontinuities-match": { bad: view(but(BASE, ["SEQUENCE:3", "SEQUENCE:4"])), others: [audio()] },
  "dates-in-all": { bad: view(BASE.replace(/#EXT-X-PROGRAM-DATE-TIME:.*\n/g, "")), others: [audio()] },
  "dates-consistent": { bad: view(BASE, { dateOfZeroMs: 100 }), others: [audio()] },
  "content-in-all": { bad: view(BASE), others: [audio(AUDIO.replaceAll("T00:00:0", "T00:00:1"))] },
  "report-not-behind": { bad: view(but(BASE, ["LAST-MSN=13", "LAST-MSN=12"])), others: [audio()] },
  "report-not-ahead": { bad: view(BASE, { reported: { msn: 13, part: 2, atMs: 1_000 } }), others: [audio()] },
};

const HEADERS = new Map([
  ["content-type", "application/vnd.apple.mpegurl"],
  ["content-encoding", "gzip"],
  ["vary", "Accept-Encoding"],
  ["cache-control", "max-age=1"],
]);
const MEDIA_HEADERS = new Map([
  ["content-type", "video/mp4"],
  ["cache-control", "max-age=31536000, immutable"],
]);

function exchange(options: Partial<Exchange>): Exchange {
  const known = parseMediaPlaylist(BASE);
  const media = ["init", "part", "segment", "hint"].includes(options.kind ?? "");
  return {
    kind: "playlist",
    url: URL_,
    status: 200,
    headers: media ? MEDIA_HEADERS : HEADERS,
    sizeBytes: 1_000,
    heldMs: 5,
    bodyMs: 1,
    asked: undefined,
    answer: undefined,
    known,
    sameBytes: undefined,
    ...options,
  };
}

function without(headers: ReadonlyMap<string, string>, name: string, value?: string): Map<string, string> {
  const changed = new Map(headers);
  if (value === undefined) changed.delete(name);
  else changed.set(name, value);
  return changed;
}

const base = parseMediaPlaylist(BASE);
const LONG = but(
  BASE,
  [
    "#EXTINF:2.00000,\n10",
    `${Array.from({ length: 5 }, (_, i) => `#EXTINF:2.00000,\n${5 + i}.m4s\n`).join("")}#EXTINF:2.00000,\n10`,
  ],
  ["SEQUENCE:10", "SEQUENCE:5"],
  ["#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.000Z\n", ""],
);
const long = parseMediaPlaylist(LONG);
const delta = (skipped: number): ReturnType<typeof parseMediaPlaylist> =>
  parseMediaPlaylist(
    but(LONG, [
      LONG.slice(LONG.indexOf("#EXT-X-MAP"), LONG.indexOf(`#EXTINF:2.00000,\n${5 + skipped}.m4s`)),
      `#EXT-X-SKIP:SKIPPED-SEGMENTS=${skipped}\n`,
    ]),
  );
const SKIP_URL = `${URL_}?_HLS_skip=YES`;

const EXCHANGE_CASES: Readonly<Record<string, { bad: Partial<Exchange>; good: Partial<Exchange> }>> = {
  "blocking-answer-complete": {
    bad: { kind: "blocking", asked: { msn: 13, part: 2 }, answer: base },
    good: { kind: "blocking", asked: { msn: 13, part: 1 }, answer: base },
  },
  "blocking-succeeds": { bad: { kind: "blocking", status: 404 }, good: { kind: "blocking", status: 200 } },
  "blocking-bounded": {
    bad: { kind: "blocking", heldMs: 7_000 },
    good: { kind: "blocking", heldMs: 7_000, status: 503 },
  },
  "part-without-msn-refused": {
    bad: { kind: "part-without-msn", status: 200 },
    good: { kind: "part-without-msn", status: 400 },
  },
  "msn-too-far-refused": {
    bad: { kind: "msn-too-far", status: 503, heldMs: 6_000, asked: { msn: 90, part: undefined } },
    good: { kind: "msn-too-far", status: 400, asked: { msn: 90, part: undefined } },
  },
  "part-too-far-refused": {
    bad: { kind: "part-too-far", status: 200, asked: { msn: 13, part: 90 } },
    good: { kind: "part-too-far", status: 400, asked: { msn: 13, part: 90 } },
  },
  "stale-msn-answered": {
    bad: { kind: "stale", status: 400, asked: { msn: 1, part: undefined } },
    good: { kind: "stale", answer: base, asked: { msn: 1, part: undefined } },
  },
  "part-past-segment-moves-on": {
    bad: { kind: "part-past-segment", status: 400, asked: { msn: 12, part: 9 } },
    good: { kind: "part-past-segment", asked: { msn: 12, part: 9 } },
  },
  "directives-ignored-after-end": { bad: { kind: "after-end", status: 400 }, good: { kind: "after-end" } },
  "skip-honoured": {
    bad: { kind: "skip", url: SKIP_URL, known: long, answer: long },
    good: { kind: "skip", url: SKIP_URL, known: long, answer: delta(2) },
  },
  "skip-boundary": {
    bad: { kind: "skip", url: SKIP_URL, known: long, answer: delta(3) },
    good: { kind: "skip", url: SKIP_URL, known: long, answer: delta(2) },
  },
  "playlist-available": { bad: { status: 500 }, good: {} },
  "media-available": { bad: { kind: "segment", status: 404 }, good: { kind: "segment" } },
  "hint-available": { bad: { kind: "hint", status: 404 }, good: { kind: "hint" } },
  "media-not-redirected": { bad: { kind: "part", status: 302 }, good: { kind: "part" } },
  "part-at-line-speed": { bad: { kind: "hint", bodyMs: 400 }, good: { kind: "hint", bodyMs: 20 } },
  "unknown-is-not-found": { bad: { kind: "unknown" }, good: { kind: "unknown", status: 404 } },
  "media-immutable": { bad: { kind: "again", sameBytes: false }, good: { kind: "again", sameBytes: true } },
  "segment-retained": { bad: { kind: "retained-segment", status: 410 }, good: { kind: "retained-segment" } },
  "part-retained": { bad: { kind: "retained-part", status: 404 }, good: { kind: "retained-part" } },
  "playlist-gzip": { bad: { headers: without(HEADERS, "content-encoding") }, good: {} },
  "gzip-varies": { bad: { headers: without(HEADERS, "vary") }, good: {} },
  "playlist-type": { bad: { headers: without(HEADERS, "content-type", "text/plain") }, good: {} },
  "media-type": {
    bad: { kind: "part", headers: without(MEDIA_HEADERS, "content-type") },
    good: { kind: "part" },
  },
  "playlist-cached-briefly": {
    bad: { answer: base, headers: without(HEADERS, "cache-control", "max-age=60") },
    good: { answer: base },
  },
  "media-cacheable": {
    bad: { kind: "part", headers: without(MEDIA_HEADERS, "cache-control") },
    good: { kind: "part" },
  },
  "refusal-cached-briefly": {
    bad: { kind: "unknown", status: 404, headers: new Map([["cache-control", "max-age=3600"]]) },
    good: { kind: "unknown", status: 404, headers: new Map([["cache-control", "max-age=1"]]) },
  },
};

const FACTS: MediaFacts = {
  kind: "part",
  announcedS: 0.5,
  announcedIndependent: true,
  broken: undefined,
  durationS: 0.5,
  decodable: true,
  missing: 0,
  repeated: 0,
  joinSentence: "a break",
  equalsParts: true,
  misalignedFrames: 0.5,
};

const MEDIA_CASES: Readonly<Record<string, Partial<MediaFacts>>> = {
  "cmaf-valid": { broken: "moof without mdat" },
  "frames-none-missing": { missing: 1 },
  "frames-none-repeated": { repeated: 1 },
  "independent-is-decodable": { decodable: false },
  "duration-true": { durationS: 0.48 },
  "segment-equals-parts": { equalsParts: false },
  "tracks-aligned": { misalignedFrames: 2 },
};

const MULTIVARIANT = `#EXTM3U
#EXT-X-VERSION:9
#EXT-X-INDEPENDENT-SEGMENTS
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=3000000,AVERAGE-BANDWIDTH=2500000,CODECS="avc1.4d401f,mp4a.40.2",RESOLUTION=1280x720,FRAME-RATE=29.970,AUDIO="a"
video/index.m3u8
`;

function measured(url: string, kind: "video" | "audio"): MeasuredRendition {
  const video = kind === "video";
  return {
    url,
    init: {
      trackId: 1,
      timescale: 90_000,
      kind,
      codec: video ? "avc1.4d401f" : "mp4a.40.2",
      width: video ? 1280 : undefined,
      height: video ? 720 : undefined,
      sampleRate: undefined,
      nalLengthBytes: 4,
      defaultDuration: 0,
      defaultSizeBytes: 0,
      defaultFlags: 0,
    },
    peakBitrate: video ? 2_800_000 : 130_000,
    averageBitrate: video ? 2_200_000 : 128_000,
    seconds: 30,
    frameRate: video ? 29.97 : 46.875,
  };
}

const MEASURED = new Map([
  ["http://server/live/video/index.m3u8", measured(URL_, "video")],
  ["http://server/live/audio/index.m3u8", measured(AUDIO_URL, "audio")],
]);

const MULTIVARIANT_CASES: Readonly<Record<string, string>> = {
  "codecs-true": but(MULTIVARIANT, [",mp4a.40.2", ""]),
  "bandwidth-covers-peak": but(MULTIVARIANT, ["BANDWIDTH=3000000", "BANDWIDTH=2300000"]),
  "average-bandwidth-true": but(MULTIVARIANT, ["AVERAGE-BANDWIDTH=2500000,", ""]),
  "resolution-true": but(MULTIVARIANT, ["1280x720", "1920x1080"]),
  "frame-rate-true": but(MULTIVARIANT, ["29.970", "25.000"]),
  "frame-rate-reached": but(MULTIVARIANT, ["29.970", "30.030"]),
  "groups-consistent": but(MULTIVARIANT, ['AUDIO="a"', 'AUDIO="b"']),
  "groups-alike": `${MULTIVARIANT}#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="b",NAME="sound",AUTOSELECT=YES,URI="low/index.m3u8"\n`,
  "scores-consistent": `${MULTIVARIANT}#EXT-X-STREAM-INF:BANDWIDTH=1,SCORE=1\nlow/index.m3u8\n`,
  "stable-ids-consistent": `${MULTIVARIANT}#EXT-X-STREAM-INF:BANDWIDTH=1,STABLE-VARIANT-ID="a b"\nlow/index.m3u8\n`,
  "independent-segments-stated": but(MULTIVARIANT, ["#EXT-X-INDEPENDENT-SEGMENTS\n", ""]),
};

const MPD = `<?xml version="1.0"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" profiles="urn:mpeg:dash:profile:isoff-live:2011" minBufferTime="PT2S" availabilityStartTime="1970-01-01T00:00:00Z" publishTime="2026-01-01T00:00:10Z" minimumUpdatePeriod="PT2S">
<Period id="0" start="PT0S"><AdaptationSet contentType="video" mimeType="video/mp4"><SegmentTemplate timescale="90000" startNumber="10" initialization="i.mp4" media="$Number$.m4s" availabilityTimeComplete="false"><SegmentTimeline><S t="0" d="180000" r="1"/><S t="360000" d="180000"/></SegmentTimeline></SegmentTemplate><Representation id="v" bandwidth="1000"/></AdaptationSet></Period>
<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="/time"/></MPD>`;

const MPD_CASES: Readonly<Record<string, string>> = {
  "dash-live-attributes": but(MPD, [' minBufferTime="PT2S"', ""]),
  "dash-utc-timing": MPD.replace(/<UTCTiming[^>]*>/, ""),
  "dash-start-constant": but(MPD, ["1970-01-01T00:00:00Z", "1970-01-01T00:00:01Z"]),
  "dash-publish-time-monotonic": but(MPD, ["00:00:10Z", "00:00:09Z"]),
  "dash-timeline-contiguous": but(MPD, ['t="360000"', 't="360001"']),
  "dash-timeline-unchanged": but(MPD, ['startNumber="10"', 'startNumber="11"']),
  "dash-forecast-exact": but(MPD, ['<S t="360000" d="180000"', '<S t="360000" d="180256"']),
  "dash-periods-continuous": but(MPD, ['start="PT0S"', 'start="PT1S"']),
  "dash-ids-unique": but(MPD, [
    '<Representation id="v" bandwidth="1000"/>',
    '<Representation id="v" bandwidth="1"/><Representation id="v" bandwidth="2"/>',
  ]),
};

function complaints(rule: Rule, isBad: boolean): string[] {
  const { id } = rule;
  switch (rule.on) {
    case "playlist": {
      const { bad, before, context } = PLAYLIST_CASES[id] ?? missing(id);
      const text = isBad ? bad : before === undefined ? BASE : before === NEXT ? LATER : NEXT;
      const known = before === undefined ? undefined : isBad ? before : before === NEXT ? NEXT : BASE;
      const previous = known === undefined ? undefined : parseMediaPlaylist(known);
      return [...rule.check(parseMediaPlaylist(text), previous, { ...CONTEXT, ...(isBad ? context : {}) })];
    }
    case "renditions": {
      const { bad, others } = RENDITION_CASES[id] ?? missing(id);
      return [...(isBad ? rule.check(bad, others) : rule.check(view(BASE), [audio()]))];
    }
    case "exchange": {
      const { bad, good } = EXCHANGE_CASES[id] ?? missing(id);
      const subject = exchange(isBad ? bad : good);
      expect(rule.kinds).toContain(subject.kind);
      return [...rule.check(subject)];
    }
    case "media":
      return [...rule.check({ ...FACTS, ...(isBad ? (MEDIA_CASES[id] ?? missing(id)) : {}) })];
    case "multivariant": {
      const text = isBad ? (MULTIVARIANT_CASES[id] ?? missing(id)) : MULTIVARIANT;
      return [...rule.check(parseMultivariantPlaylist(text), MEASURED, "http://server/live/index.m3u8")];
    }
    case "mpd":
      return [...rule.check(parseMpd(isBad ? (MPD_CASES[id] ?? missing(id)) : MPD), parseMpd(MPD))];
    case "event":
      return isBad ? ["found while watching"] : [];
    default:
      return unreachable(rule);
  }
}

function missing(id: string): never {
  throw new Error(`no test case for the rule ${id}`);
}

describe("every rule finds its breach and nothing else", () => {
  for (const rule of RULES) {
    if (rule.on === "event") continue;
    test(`${rule.id}: ${rule.demands}`, () => {
      expect(complaints(rule, false)).toEqual([]);
      expect(complaints(rule, true).length).toBeGreaterThan(0);
    });
  }
});

test("a sound in two groups is measured in each; sound alone is no sum of its languages", () => {
  const low = measured("http://server/live/low/index.m3u8", "audio");
  const text = `${MULTIVARIANT}#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="b",NAME="sound",DEFAULT=YES,AUTOSELECT=YES,URI="low/index.m3u8"
#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="b",NAME="other",AUTOSELECT=YES,URI="audio/index.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=130000,AVERAGE-BANDWIDTH=128000,CODECS="mp4a.40.2",AUDIO="b"
low/index.m3u8
`;
  const rule = RULES.find(({ id }) => id === "bandwidth-covers-peak");
  if (rule?.on !== "multivariant") throw new Error("no such rule");
  const found = (peakBitrate: number): string[] => [
    ...rule.check(
      parseMultivariantPlaylist(text),
      new Map([...MEASURED, [low.url, { ...low, peakBitrate }]]),
      "http://server/live/index.m3u8",
    ),
  ];
  expect(found(60_000)).toEqual([]);
  expect(found(200_000)).toEqual(["low/index.m3u8 has BANDWIDTH=130000, segments reach 200000 bit/s"]);
});

test("no rule of a playlist finds anything in three correct versions", () => {
  for (const [text, before] of [
    [BASE, undefined],
    [NEXT, BASE],
    [LATER, NEXT],
  ] as const) {
    for (const rule of RULES) {
      if (rule.on !== "playlist") continue;
      const previous = before === undefined ? undefined : parseMediaPlaylist(before);
      expect({ rule: rule.id, found: [...rule.check(parseMediaPlaylist(text), previous, CONTEXT)] }).toEqual({
        rule: rule.id,
        found: [],
      });
    }
  }
});

test("the printed table names every rule once, with a clause", () => {
  const rules = listRules();
  expect(new Set(rules.map((rule) => rule.id)).size).toBe(rules.length);
  for (const rule of rules) {
    expect(rule.clause).not.toBe("");
    expect(rule.demands.endsWith(".")).toBe(true);
  }
});
