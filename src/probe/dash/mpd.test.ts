import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { ProtocolError } from "#faults/fault.ts";
import { announcedSegments } from "./dash-segments.ts";
import { fillTemplate, parseMpd } from "./mpd.ts";
import { parseXml } from "./xml.ts";

const MPD = `<?xml version="1.0" encoding="UTF-8"?>
<!-- a comment -->
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="dynamic" availabilityStartTime="2026-01-01T00:00:00Z" minimumUpdatePeriod="PT1.5S">
  <BaseURL>media/</BaseURL>
  <Period id="p" start="PT1M">
    <AdaptationSet contentType="video" mimeType="video/mp4">
      <SegmentTemplate timescale="1000" startNumber="7" presentationTimeOffset="500" initialization="$RepresentationID$/init.mp4" media="$RepresentationID$/$Number%05d$-$Time$.m4s">
        <SegmentTimeline><S t="500" d="2000" r="1"/><S d="1000"/></SegmentTimeline>
      </SegmentTemplate>
      <Representation id="hi&amp;lo" bandwidth="9" codecs="avc1.4d401f" width="16" height="9"/>
    </AdaptationSet>
  </Period>
  <UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-iso:2014" value="../time"/>
</MPD>`;

test("a manifest gives URLs, times and dates of its segments", () => {
  const mpd = parseMpd(MPD);
  expect(mpd.minimumUpdatePeriodS).toBe(1.5);
  expect(mpd.utcTiming[0]?.value).toBe("../time");
  const found = announcedSegments(mpd, "http://server/live/manifest.mpd", "hi&lo", 0).map(({ segment }) => segment);
  expect(found.map(({ url }) => url)).toEqual([
    "http://server/live/media/hi&lo/00007-500.m4s",
    "http://server/live/media/hi&lo/00008-2500.m4s",
    "http://server/live/media/hi&lo/00009-4500.m4s",
  ]);
  expect(found.map(({ startS, durationS }) => [startS, durationS])).toEqual([
    [60, 2],
    [62, 2],
    [64, 1],
  ]);
  expect(found[0]?.dateMs).toBe(Date.UTC(2026, 0, 1, 0, 1));
});

test("a template without a timeline announces what is whole by now", () => {
  const text = MPD.replace(/<SegmentTimeline>.*<\/SegmentTimeline>/, "").replace(
    'startNumber="7"',
    'startNumber="7" duration="2000"',
  );
  const mpd = parseMpd(text.replace("<MPD", '<MPD timeShiftBufferDepth="PT4S"'));
  const nowMs = Date.UTC(2026, 0, 1, 0, 1, 9);
  const found = announcedSegments(mpd, "http://server/m.mpd", "hi&lo", nowMs).map(({ segment }) => segment);
  expect(found.map(({ startS }) => startS)).toEqual([64, 66]);
});

test("templates are filled with widths and literal dollars", () => {
  expect(
    fillTemplate("$RepresentationID$_$Number%03d$_$Time$_$$_$Bandwidth$", {
      id: "v",
      bandwidth: 5,
      number: 7,
      time: 8,
    }),
  ).toBe("v_007_8_$_5");
});

describe("is refused when it", () => {
  const broken: Readonly<Record<string, string>> = {
    "is not closed": MPD.replace("</MPD>", ""),
    "closes what is not open": MPD.replace("</Period>", "</Periode>"),
    "has an attribute twice": MPD.replace('id="p"', 'id="p" id="q"'),
    "declares entities": `<!DOCTYPE MPD [<!ENTITY a "b">]>${MPD}`,
    "uses unknown entities": MPD.replace("&amp;", "&bomb;"),
    "has two roots": `${MPD}<MPD/>`,
    "lacks @bandwidth": MPD.replace('bandwidth="9"', ""),
    "has an S without duration": MPD.replace('<S d="1000"/>', "<S/>"),
    "repeats an S endlessly": MPD.replace('r="1"', 'r="999999999"'),
    "is no MPD": "<html></html>",
  };
  for (const [name, text] of Object.entries(broken)) {
    test(name, () => {
      expect(() => parseMpd(text)).toThrow(ProtocolError);
    });
  }
});

test("no text makes the readers throw anything but a ProtocolError", () => {
  const texts = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom("<a>", "</a>", "<a b='c'/>", "<!--", "-->", "&lt;", "<?x?>", " ", 'x="'), {
        maxLength: 20,
      })
      .map((t) => t.join("")),
    fc
      .tuple(fc.nat(MPD.length), fc.string({ maxLength: 4 }))
      .map(([at, patch]) => MPD.slice(0, at) + patch + MPD.slice(at + patch.length)),
  );
  fc.assert(
    fc.property(texts, (text) => {
      for (const parse of [parseXml, parseMpd]) {
        try {
          parse(text);
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError);
        }
      }
    }),
    { numRuns: 2_000, interruptAfterTimeLimit: 2_000 },
  );
});
