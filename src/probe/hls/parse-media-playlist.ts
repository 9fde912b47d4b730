import { AttributeList, PlaylistError } from "./attribute-list.ts";
import type {
  ByteRange,
  MediaPlaylist,
  PlaylistPart,
  PlaylistSegment,
  PreloadHint,
  RenditionReport,
  ServerControl,
} from "./media-playlist.ts";

/** Lines of a playlist that are read: a day of 500 ms parts. */
const PLAYLIST_LINES_MAX = 500_000;

const DATE_TIME = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(\.\d{1,9})?(Z|[+-]\d{2}:?\d{2})$/;

/** Milliseconds since the Unix epoch of an ISO 8601 date with a zone, fractions kept; `undefined` when it is none. */
export function parseDateMs(text: string): number | undefined {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const whole = Date.parse(`${match[1]}${match[3]}`);
  return Number.isNaN(whole) ? undefined : whole + Number(match[2] ?? "0") * 1000;
}

/** U+0000 to U+001F and U+007F, which §4.1 forbids but for line ends. */
function hasControlCharacter(line: string): boolean {
  for (let i = 0; i < line.length; i++) {
    const code = line.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}

/** Splits a playlist into lines after checking its outer form (§4.1). @throws PlaylistError. */
export function playlistLines(text: string): string[] {
  if (text.startsWith("\uFEFF")) throw new PlaylistError("a byte order mark before #EXTM3U", 1);
  const lines = text.split(/\r?\n/);
  if (lines.length > PLAYLIST_LINES_MAX) throw new PlaylistError("too many lines", PLAYLIST_LINES_MAX);
  if (lines[0] !== "#EXTM3U") throw new PlaylistError("the first line is not #EXTM3U", 1);
  for (let i = 0; i < lines.length; i++) {
    if (hasControlCharacter(lines[i] ?? "")) throw new PlaylistError("a control character", i + 1);
  }
  return lines;
}

/** Media or multivariant: what kind of playlist a text is (§4.1). @throws PlaylistError when it is both or neither. */
export function playlistKind(text: string): "media" | "multivariant" {
  const media = /^#(EXTINF|EXT-X-TARGETDURATION|EXT-X-PART|EXT-X-MEDIA-SEQUENCE)[:]/m.test(text);
  const multivariant = /^#EXT-X-(STREAM-INF|I-FRAME-STREAM-INF|MEDIA):/m.test(text);
  if (media && multivariant) throw new PlaylistError("tags of media and multivariant playlists are mixed", 1);
  if (!media && !multivariant) throw new PlaylistError("neither a media nor a multivariant playlist", 1);
  return media ? "media" : "multivariant";
}

const ONCE = new Set([
  "EXT-X-VERSION",
  "EXT-X-TARGETDURATION",
  "EXT-X-MEDIA-SEQUENCE",
  "EXT-X-DISCONTINUITY-SEQUENCE",
  "EXT-X-PLAYLIST-TYPE",
  "EXT-X-INDEPENDENT-SEGMENTS",
  "EXT-X-I-FRAMES-ONLY",
  "EXT-X-ENDLIST",
  "EXT-X-PART-INF",
  "EXT-X-SERVER-CONTROL",
  "EXT-X-SKIP",
]);

class MediaPlaylistReader {
  #line = 0;
  readonly #seen = new Set<string>();
  #version: number | undefined;
  #targetDurationS: number | undefined;
  #mediaSequence: number | undefined;
  #discontinuitySequence: number | undefined;
  #playlistType: "EVENT" | "VOD" | undefined;
  #partTargetS: number | undefined;
  #serverControl: ServerControl | undefined;
  #skipped: number | undefined;
  #recentlyRemoved = false;
  #floating = false;
  readonly #segments: PlaylistSegment[] = [];
  readonly #hints: PreloadHint[] = [];
  readonly #reports: RenditionReport[] = [];
  readonly #dateRanges: string[] = [];
  #parts: PlaylistPart[] = [];
  #info: { durationS: number; title: string } | undefined;
  #byteRange: ByteRange | undefined;
  #discontinuity = false;
  #discontinuities = 0;
  #dateMs: number | undefined;
  #nextDateMs: number | undefined;
  #gap = false;
  #mapUri: string | undefined;
  #key: string | undefined;

  #fail(message: string): never {
    throw new PlaylistError(message, this.#line);
  }

  #integer(value: string, tag: string): number {
    if (!/^\d{1,15}$/.test(value)) this.#fail(`${tag} is not a decimal integer`);
    return Number(value);
  }

  #nextMsn(): number {
    return (this.#mediaSequence ?? 0) + (this.#skipped ?? 0) + this.#segments.length;
  }

  #range(text: string, previousEnd: number | undefined): ByteRange {
    const match = /^(\d{1,15})(?:@(\d{1,15}))?$/.exec(text);
    if (match === null) this.#fail("a byte range is not n[@o]");
    const offset = match[2] === undefined ? previousEnd : Number(match[2]);
    if (offset === undefined) this.#fail("a byte range has no offset and nothing before it");
    return { offset, length: Number(match[1]) };
  }

  read(text: string): MediaPlaylist {
    const lines = playlistLines(text);
    for (let i = 1; i < lines.length; i++) {
      this.#line = i + 1;
      const line = lines[i] ?? "";
      if (line === "") continue;
      if (!line.startsWith("#")) {
        this.#uri(line);
      } else if (line.startsWith("#EXT")) {
        const colon = line.indexOf(":");
        const tag = colon === -1 ? line.slice(1) : line.slice(1, colon);
        if (ONCE.has(tag)) {
          if (this.#seen.has(tag)) this.#fail(`${tag} appears twice`);
          this.#seen.add(tag);
        }
        this.#tag(tag, colon === -1 ? "" : line.slice(colon + 1));
      }
    }
    return this.#finish(lines.length);
  }

  #tag(tag: string, value: string): void {
    switch (tag) {
      case "EXTM3U":
        return this.#fail("#EXTM3U inside the playlist");
      case "EXTINF":
        return this.#extinf(value);
      case "EXT-X-BYTERANGE": {
        const before = this.#segments.at(-1)?.byteRange;
        this.#byteRange = this.#range(value, before === undefined ? undefined : before.offset + before.length);
        return;
      }
      case "EXT-X-DISCONTINUITY":
        if (this.#parts.length > 0) this.#fail("EXT-X-DISCONTINUITY inside the parts of one segment");
        this.#discontinuity = true;
        this.#nextDateMs = undefined;
        this.#discontinuities++;
        return;
      case "EXT-X-GAP":
        this.#gap = true;
        return;
      case "EXT-X-PROGRAM-DATE-TIME":
        this.#dateMs = parseDateMs(value);
        if (this.#dateMs === undefined) this.#fail("EXT-X-PROGRAM-DATE-TIME is not an ISO 8601 date with a zone");
        return;
      case "EXT-X-MAP":
        this.#mapUri = AttributeList.parse(value, this.#line).requiredQuoted("URI");
        return;
      case "EXT-X-KEY":
        this.#key = AttributeList.parse(value, this.#line).enumerated("METHOD") === "NONE" ? undefined : value;
        return;
      case "EXT-X-PART":
        return this.#part(value);
      case "EXT-X-DATERANGE":
        this.#dateRanges.push(AttributeList.parse(value, this.#line).requiredQuoted("ID"));
        return;
      default:
        return this.#playlistTag(tag, value);
    }
  }

  #playlistTag(tag: string, value: string): void {
    switch (tag) {
      case "EXT-X-VERSION":
        this.#version = this.#integer(value, tag);
        return;
      case "EXT-X-TARGETDURATION":
        this.#targetDurationS = this.#integer(value, tag);
        return;
      case "EXT-X-MEDIA-SEQUENCE":
        this.#beforeSegments(tag);
        this.#mediaSequence = this.#integer(value, tag);
        return;
      case "EXT-X-DISCONTINUITY-SEQUENCE":
        this.#beforeSegments(tag);
        if (this.#discontinuities > 0) this.#fail(`${tag} after EXT-X-DISCONTINUITY`);
        this.#discontinuitySequence = this.#integer(value, tag);
        return;
      case "EXT-X-PLAYLIST-TYPE":
        if (value !== "EVENT" && value !== "VOD") this.#fail(`${tag} is ${value}`);
        this.#playlistType = value;
        return;
      case "EXT-X-PART-INF":
        this.#partTargetS = AttributeList.parse(value, this.#line).requiredDecimal("PART-TARGET");
        return;
      case "EXT-X-SERVER-CONTROL":
        return this.#control(value);
      case "EXT-X-SKIP": {
        this.#beforeSegments(tag);
        const list = AttributeList.parse(value, this.#line);
        this.#skipped = list.requiredInteger("SKIPPED-SEGMENTS");
        this.#recentlyRemoved = list.quoted("RECENTLY-REMOVED-DATERANGES") !== undefined;
        return;
      }
      case "EXT-X-PRELOAD-HINT":
        return this.#hint(value);
      case "EXT-X-RENDITION-REPORT": {
        const list = AttributeList.parse(value, this.#line);
        const report = { lastMsn: list.integer("LAST-MSN"), lastPart: list.integer("LAST-PART") };
        this.#reports.push({ uri: list.requiredQuoted("URI"), ...report });
        return;
      }
      default:
        // Unknown tags are ignored (§6.3.1); the flags without a value are remembered in `#seen`.
        return;
    }
  }

  #beforeSegments(tag: string): void {
    if (this.#segments.length > 0 || this.#parts.length > 0) this.#fail(`${tag} after the first segment`);
  }

  #extinf(value: string): void {
    const match = /^(\d{1,9}(?:\.\d{1,12})?),(.*)$/.exec(value);
    if (match === null) this.#fail("EXTINF is not <duration>,[<title>]");
    if (this.#info !== undefined) this.#fail("two EXTINF for one segment");
    const duration = match[1] ?? "0";
    if (duration.includes(".")) this.#floating = true;
    this.#info = { durationS: Number(duration), title: match[2] ?? "" };
  }

  #part(value: string): void {
    const list = AttributeList.parse(value, this.#line);
    const before = this.#parts.at(-1);
    const range = list.quoted("BYTERANGE");
    const uri = list.requiredQuoted("URI");
    const previous = before?.uri === uri ? before.byteRange : undefined;
    this.#parts.push({
      msn: this.#nextMsn(),
      index: this.#parts.length,
      uri,
      durationS: list.requiredDecimal("DURATION"),
      independent: list.yes("INDEPENDENT"),
      gap: list.yes("GAP"),
      byteRange: range === undefined ? undefined : this.#range(range, previous && previous.offset + previous.length),
    });
  }

  #control(value: string): void {
    const list = AttributeList.parse(value, this.#line);
    this.#serverControl = {
      canBlockReload: list.yes("CAN-BLOCK-RELOAD"),
      canSkipUntilS: list.decimal("CAN-SKIP-UNTIL"),
      canSkipDateRanges: list.yes("CAN-SKIP-DATERANGES"),
      holdBackS: list.decimal("HOLD-BACK"),
      partHoldBackS: list.decimal("PART-HOLD-BACK"),
      text: value,
    };
  }

  #hint(value: string): void {
    const list = AttributeList.parse(value, this.#line);
    const type = list.enumerated("TYPE");
    if (type !== "PART" && type !== "MAP") this.#fail(`EXT-X-PRELOAD-HINT has TYPE ${type ?? "(none)"}`);
    this.#hints.push({
      type,
      uri: list.requiredQuoted("URI"),
      byteRangeStart: list.integer("BYTERANGE-START") ?? 0,
      byteRangeLength: list.integer("BYTERANGE-LENGTH"),
    });
  }

  #uri(uri: string): void {
    const info = this.#info;
    if (info === undefined) this.#fail("a URI line without EXTINF");
    const dateMs = this.#dateMs ?? this.#nextDateMs;
    this.#segments.push({
      msn: this.#nextMsn(),
      uri,
      durationS: info.durationS,
      title: info.title,
      byteRange: this.#byteRange,
      discontinuity: this.#discontinuity,
      discontinuitySequence: (this.#discontinuitySequence ?? 0) + this.#discontinuities,
      programDateTimeMs: this.#dateMs,
      dateMs,
      gap: this.#gap,
      mapUri: this.#mapUri,
      key: this.#key,
      parts: this.#parts,
    });
    this.#nextDateMs = dateMs === undefined ? undefined : dateMs + info.durationS * 1000;
    this.#parts = [];
    this.#info = undefined;
    this.#byteRange = undefined;
    this.#discontinuity = false;
    this.#dateMs = undefined;
    this.#gap = false;
  }

  #finish(lines: number): MediaPlaylist {
    if (this.#info !== undefined) this.#fail("EXTINF without a URI line");
    if (this.#targetDurationS === undefined) this.#fail("EXT-X-TARGETDURATION is missing");
    return {
      version: this.#version,
      targetDurationS: this.#targetDurationS,
      mediaSequence: this.#mediaSequence ?? 0,
      hasMediaSequence: this.#mediaSequence !== undefined,
      discontinuitySequence: this.#discontinuitySequence ?? 0,
      hasDiscontinuitySequence: this.#discontinuitySequence !== undefined,
      playlistType: this.#playlistType,
      independentSegments: this.#seen.has("EXT-X-INDEPENDENT-SEGMENTS"),
      iFramesOnly: this.#seen.has("EXT-X-I-FRAMES-ONLY"),
      endList: this.#seen.has("EXT-X-ENDLIST"),
      partTargetS: this.#partTargetS,
      serverControl: this.#serverControl,
      skippedSegments: this.#skipped,
      recentlyRemovedDateRanges: this.#recentlyRemoved,
      segments: this.#segments,
      openParts: this.#parts,
      open: { discontinuity: this.#discontinuity, programDateTimeMs: this.#dateMs, mapUri: this.#mapUri },
      preloadHints: this.#hints,
      renditionReports: this.#reports,
      dateRanges: this.#dateRanges,
      usesFloatingDurations: this.#floating,
      lines,
    };
  }
}

/**
 * Parses a media playlist as strictly as §4 allows: what a lenient player would mend is an error here.
 * @throws PlaylistError naming the line; nothing else, whatever the text.
 */
export function parseMediaPlaylist(text: string): MediaPlaylist {
  return new MediaPlaylistReader().read(text);
}
