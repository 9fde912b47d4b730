import { ProtocolError } from "#faults/fault.ts";
import { parseDateMs } from "#probe/hls/parse-media-playlist.ts";
import { parseXml, type XmlElement } from "./xml.ts";

/** Segments of one timeline that are read. */
const TIMELINE_SEGMENTS_MAX = 200_000;

/** One segment of a SegmentTimeline, in ticks of its timescale. */
export interface TimelineSegment {
  readonly number: number;
  readonly start: number;
  readonly duration: number;
}

/** A Representation with what it inherits from its AdaptationSet. */
export interface Representation {
  readonly id: string;
  readonly contentType: string;
  readonly mimeType: string;
  readonly bandwidth: number;
  readonly codecs: string | undefined;
  readonly width: number | undefined;
  readonly height: number | undefined;
  readonly timescale: number;
  readonly presentationTimeOffset: number;
  readonly initialization: string | undefined;
  readonly media: string;
  readonly baseUrls: readonly string[];
  readonly availabilityTimeOffsetS: number;
  /** `@availabilityTimeComplete` is false: the last announced segment is still being made and may be read while it grows. */
  readonly growing: boolean;
  /** `undefined` when the template has a constant duration instead of a timeline. */
  readonly timeline: readonly TimelineSegment[] | undefined;
  /** Ticks; with `startNumber` for a template without a timeline. */
  readonly templateDuration: number | undefined;
  readonly startNumber: number;
}

/** A Period. Times in seconds from `availabilityStartTime`. */
export interface Period {
  readonly id: string | undefined;
  readonly startS: number;
  readonly durationS: number | undefined;
  readonly representations: readonly Representation[];
}

/** What a manifest says (ISO/IEC 23009-1 §5.3.1). */
export interface Mpd {
  readonly dynamic: boolean;
  readonly profiles: string;
  readonly availabilityStartMs: number | undefined;
  readonly publishMs: number | undefined;
  readonly minimumUpdatePeriodS: number | undefined;
  readonly timeShiftBufferDepthS: number | undefined;
  readonly suggestedPresentationDelayS: number | undefined;
  readonly minBufferTimeS: number | undefined;
  readonly utcTiming: readonly { readonly scheme: string; readonly value: string }[];
  readonly periods: readonly Period[];
}

function bad(message: string): ProtocolError {
  return new ProtocolError("NOT_CONFORMING", message, { at: "MPD" });
}

const DURATION = /^P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** Seconds of an xs:duration without years and months. */
function durationS(text: string | undefined, name: string): number | undefined {
  if (text === undefined) return undefined;
  const match = DURATION.exec(text);
  if (match === null || text.endsWith("P") || text.endsWith("T")) throw bad(`@${name} is no duration: ${text}`);
  const [, days = "0", hours = "0", minutes = "0", seconds = "0"] = match;
  return Number(days) * 86_400 + Number(hours) * 3_600 + Number(minutes) * 60 + Number(seconds);
}

function dateMs(element: XmlElement, name: string): number | undefined {
  const text = element.attributes.get(name);
  if (text === undefined) return undefined;
  const value = parseDateMs(/(Z|[+-]\d\d:\d\d)$/.test(text) ? text : `${text}Z`);
  if (value === undefined) throw bad(`@${name} is no date: ${text}`);
  return value;
}

function integer(element: XmlElement, name: string): number | undefined {
  const text = element.attributes.get(name);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!/^-?\d{1,16}$/.test(text) || !Number.isSafeInteger(value)) throw bad(`@${name} is no integer: ${text}`);
  return value;
}

function child(element: XmlElement, name: string): XmlElement | undefined {
  return element.children.find((candidate) => candidate.name === name);
}

function all(element: XmlElement, name: string): XmlElement[] {
  return element.children.filter((candidate) => candidate.name === name);
}

function readTimeline(timeline: XmlElement, startNumber: number): TimelineSegment[] {
  const segments: TimelineSegment[] = [];
  let time = 0;
  for (const s of all(timeline, "S")) {
    const duration = integer(s, "d");
    if (duration === undefined || duration <= 0) throw bad("S without a positive @d");
    time = integer(s, "t") ?? time;
    const repeat = integer(s, "r") ?? 0;
    if (repeat < 0 || repeat > TIMELINE_SEGMENTS_MAX) throw bad(`S has @r=${repeat}`);
    for (let i = 0; i <= repeat; i++) {
      if (segments.length >= TIMELINE_SEGMENTS_MAX) throw bad("the timeline is too long");
      segments.push({ number: startNumber + segments.length, start: time, duration });
      time += duration;
    }
  }
  return segments;
}

/** Attribute of the nearest of the elements that has it. */
function inherited(name: string, ...elements: (XmlElement | undefined)[]): string | undefined {
  for (const element of elements) {
    const value = element?.attributes.get(name);
    if (value !== undefined) return value;
  }
  return undefined;
}

function inheritedInteger(name: string, ...elements: (XmlElement | undefined)[]): number | undefined {
  const holder = elements.find((element) => element?.attributes.has(name));
  return holder === undefined ? undefined : integer(holder, name);
}

function readRepresentation(
  representation: XmlElement,
  set: XmlElement,
  period: XmlElement,
  mpd: XmlElement,
): Representation {
  const templates = [representation, set, period].map((element) => child(element, "SegmentTemplate"));
  const media = inherited("media", ...templates);
  if (media === undefined) throw bad("a Representation without SegmentTemplate@media");
  const id = representation.attributes.get("id");
  if (id === undefined) throw bad("a Representation without @id");
  const bandwidth = integer(representation, "bandwidth");
  if (bandwidth === undefined) throw bad(`Representation ${id} has no @bandwidth`);
  const mimeType = inherited("mimeType", representation, set);
  if (mimeType === undefined) throw bad(`Representation ${id} has no @mimeType`);
  const timelineHolder = templates.find((template) => template !== undefined && child(template, "SegmentTimeline"));
  const timeline = timelineHolder === undefined ? undefined : child(timelineHolder, "SegmentTimeline");
  const templateDuration = inheritedInteger("duration", ...templates);
  if (timeline === undefined && templateDuration === undefined)
    throw bad(`Representation ${id}: no timeline, no @duration`);
  const startNumber = inheritedInteger("startNumber", ...templates) ?? 1;
  const offset = inherited("availabilityTimeOffset", ...templates);
  return {
    id,
    contentType: inherited("contentType", set) ?? mimeType.split("/")[0] ?? "",
    mimeType,
    bandwidth,
    codecs: inherited("codecs", representation, set),
    width: inheritedInteger("width", representation, set),
    height: inheritedInteger("height", representation, set),
    timescale: inheritedInteger("timescale", ...templates) ?? 1,
    presentationTimeOffset: inheritedInteger("presentationTimeOffset", ...templates) ?? 0,
    initialization: inherited("initialization", ...templates),
    media,
    baseUrls: [mpd, period, set, representation]
      .map((e) => child(e, "BaseURL")?.text.trim() ?? "")
      .filter((u) => u !== ""),
    availabilityTimeOffsetS: offset === undefined || offset === "INF" ? 0 : Number(offset),
    growing: inherited("availabilityTimeComplete", ...templates) === "false",
    timeline: timeline === undefined ? undefined : readTimeline(timeline, startNumber),
    templateDuration,
    startNumber,
  };
}

/** Parses a manifest with SegmentTemplates. @throws ProtocolError `NOT_CONFORMING`; nothing else, whatever the text. */
export function parseMpd(text: string): Mpd {
  const root = parseXml(text);
  if (root.name !== "MPD") throw bad(`the root is ${root.name}`);
  const dynamic = root.attributes.get("type") === "dynamic";
  let startS = 0;
  const periods: Period[] = all(root, "Period").map((period) => {
    startS = durationS(period.attributes.get("start"), "start") ?? startS;
    const length = durationS(period.attributes.get("duration"), "duration");
    const own = startS;
    startS += length ?? 0;
    const representations = all(period, "AdaptationSet").flatMap((set) =>
      all(set, "Representation").map((representation) => readRepresentation(representation, set, period, root)),
    );
    return { id: period.attributes.get("id"), startS: own, durationS: length, representations };
  });
  const attribute = (name: string): number | undefined => durationS(root.attributes.get(name), name);
  return {
    dynamic,
    profiles: root.attributes.get("profiles") ?? "",
    availabilityStartMs: dateMs(root, "availabilityStartTime"),
    publishMs: dateMs(root, "publishTime"),
    minimumUpdatePeriodS: attribute("minimumUpdatePeriod"),
    timeShiftBufferDepthS: attribute("timeShiftBufferDepth"),
    suggestedPresentationDelayS: attribute("suggestedPresentationDelay"),
    minBufferTimeS: attribute("minBufferTime"),
    utcTiming: all(root, "UTCTiming").map((timing) => ({
      scheme: timing.attributes.get("schemeIdUri") ?? "",
      value: timing.attributes.get("value") ?? "",
    })),
    periods,
  };
}

/** Fills a template (ISO/IEC 23009-1 §5.3.9.4.4): `$RepresentationID$`, `$Number%05d$`, `$Time$`, `$Bandwidth$`, `$$`. */
export function fillTemplate(
  template: string,
  values: { readonly id: string; readonly bandwidth: number; readonly number?: number; readonly time?: number },
): string {
  return template.replace(/\$(\w*)(?:%0(\d{1,2})d)?\$/g, (all_, name: string, width: string | undefined) => {
    const pad = (value: number | undefined): string =>
      value === undefined ? all_ : String(value).padStart(Number(width ?? 1), "0");
    switch (name) {
      case "":
        return "$";
      case "RepresentationID":
        return values.id;
      case "Number":
        return pad(values.number);
      case "Time":
        return pad(values.time);
      case "Bandwidth":
        return pad(values.bandwidth);
      default:
        return all_;
    }
  });
}

/** Absolute URL of a template's resource. */
export function mediaUrl(mpdUrl: string, representation: Representation, path: string): string {
  let url = mpdUrl;
  for (const part of representation.baseUrls) url = new URL(part, url).href;
  return new URL(path, url).href;
}
