import { describe, expect, test } from "bun:test";
import * as fc from "fast-check";
import { PlaylistError } from "./attribute-list.ts";
import { edgeOf, endDateMs, lastSegmentNumber } from "./media-playlist.ts";
import { mergeDelta } from "./merge-delta.ts";
import { parseMultivariantPlaylist } from "./multivariant-playlist.ts";
import { parseDateMs, parseMediaPlaylist, playlistKind } from "./parse-media-playlist.ts";

const HEAD = "#EXTM3U\n#EXT-X-VERSION:9\n#EXT-X-TARGETDURATION:2\n";

function segments(from: number, to: number): string {
  let text = "";
  for (let n = from; n <= to; n++) text += `#EXTINF:2.0,\n${n}.m4s\n`;
  return text;
}

describe("a media playlist", () => {
  test("numbers segments and parts, and extrapolates dates", () => {
    const playlist = parseMediaPlaylist(
      `${HEAD}#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-DISCONTINUITY-SEQUENCE:2\n` +
        "#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00.250Z\n#EXTINF:2.0,first\na.m4s\n" +
        "#EXT-X-DISCONTINUITY\n#EXTINF:1.5,\nb.m4s\n" +
        '#EXT-X-PROGRAM-DATE-TIME:2026-01-01T01:00:00+01:00\n#EXT-X-PART:DURATION=0.5,URI="c.0"\n',
    );
    expect(playlist.segments.map(({ msn, discontinuitySequence }) => [msn, discontinuitySequence])).toEqual([
      [7, 2],
      [8, 3],
    ]);
    expect(playlist.segments[0]?.dateMs).toBe(Date.UTC(2026, 0, 1) + 250);
    expect(playlist.segments[1]?.dateMs).toBeUndefined();
    expect(edgeOf(playlist)).toEqual({ msn: 9, part: 0 });
    expect(endDateMs(playlist)).toBe(Date.UTC(2026, 0, 1) + 500);
  });

  test("a delta update put on its predecessor is the full playlist", () => {
    const before = parseMediaPlaylist(
      `${HEAD}#EXT-X-MEDIA-SEQUENCE:1\n#EXT-X-MAP:URI="i"\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00Z\n${segments(1, 9)}`,
    );
    const delta = parseMediaPlaylist(
      `${HEAD}#EXT-X-MEDIA-SEQUENCE:2\n#EXT-X-SKIP:SKIPPED-SEGMENTS=3\n${segments(5, 10)}`,
    );
    const full = parseMediaPlaylist(
      `${HEAD}#EXT-X-MEDIA-SEQUENCE:2\n#EXT-X-MAP:URI="i"\n#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:02Z\n${segments(2, 10)}`,
    );
    const merged = mergeDelta(before, delta);
    expect(lastSegmentNumber(merged)).toBe(10);
    const plain = (playlist: typeof full): unknown =>
      playlist.segments.map(({ msn, uri, mapUri, dateMs }) => ({ msn, uri, mapUri, dateMs }));
    expect(plain(merged)).toEqual(plain(full));
    expect(() => mergeDelta(parseMediaPlaylist(`${HEAD}${segments(0, 0)}`), delta)).toThrow(PlaylistError);
  });

  const broken: Readonly<Record<string, string>> = {
    "no #EXTM3U": "#EXT-X-TARGETDURATION:2\n",
    "a byte order mark": `\uFEFF${HEAD}`,
    "no target duration": "#EXTM3U\n#EXTINF:2,\na\n",
    "a fraction as target duration": "#EXTM3U\n#EXT-X-TARGETDURATION:2.0\n",
    "two target durations": `${HEAD}#EXT-X-TARGETDURATION:2\n`,
    "EXTINF without comma": `${HEAD}#EXTINF:2.0\na\n`,
    "EXTINF without URI": `${HEAD}#EXTINF:2.0,\n`,
    "a URI without EXTINF": `${HEAD}a.m4s\n`,
    "a negative duration": `${HEAD}#EXTINF:-1,\na\n`,
    "a late media sequence": `${HEAD}#EXTINF:2,\na\n#EXT-X-MEDIA-SEQUENCE:1\n`,
    "an unquoted URI": `${HEAD}#EXT-X-MAP:URI=init.mp4\n`,
    "a quoted number": `${HEAD}#EXT-X-PART-INF:PART-TARGET="0.5"\n`,
    "an attribute twice": `${HEAD}#EXT-X-PART:DURATION=1,DURATION=1,URI="a"\n`,
    "a part without duration": `${HEAD}#EXT-X-PART:URI="a"\n`,
    "an attribute list with a trailing comma": `${HEAD}#EXT-X-PART:DURATION=1,URI="a",\n`,
    "a hint of no type": `${HEAD}#EXT-X-PRELOAD-HINT:URI="a"\n`,
    "a date without zone": `${HEAD}#EXT-X-PROGRAM-DATE-TIME:2026-01-01T00:00:00\n#EXTINF:2,\na\n`,
    "an answer that is neither YES nor NO": `${HEAD}#EXT-X-PART:DURATION=1,URI="a",GAP=MAYBE\n`,
    "a control character": `${HEAD}#EXTINF:2,\u0007\na\n`,
    "a discontinuity inside a segment's parts": `${HEAD}#EXT-X-PART:DURATION=1,URI="a"\n#EXT-X-DISCONTINUITY\n`,
  };
  for (const [name, text] of Object.entries(broken)) {
    test(`is refused with ${name}`, () => {
      expect(() => parseMediaPlaylist(text)).toThrow(PlaylistError);
    });
  }
});

test("a multivariant playlist is read and its mistakes are refused", () => {
  const playlist = parseMultivariantPlaylist(
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID="a",NAME="n",URI="a.m3u8"\n' +
      '#EXT-X-STREAM-INF:BANDWIDTH=1,CODECS="avc1.4d401f,mp4a.40.2",RESOLUTION=16x9,FRAME-RATE=25.000,AUDIO="a"\nv.m3u8\n',
  );
  expect(playlist.variants[0]).toMatchObject({ uri: "v.m3u8", resolution: { width: 16, height: 9 }, frameRate: 25 });
  for (const text of [
    "#EXTM3U\n",
    '#EXTM3U\n#EXT-X-STREAM-INF:CODECS="a"\nv\n',
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n",
    "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\n#EXT-X-VERSION:3\nv\n",
    "#EXTM3U\nv\n",
    '#EXTM3U\n#EXT-X-MEDIA:TYPE=SMELL,GROUP-ID="a",NAME="n"\n',
  ]) {
    expect(() => parseMultivariantPlaylist(text)).toThrow(PlaylistError);
  }
});

test("dates keep their fractions and need a zone", () => {
  expect(parseDateMs("2026-01-01T00:00:00.1234567Z")).toBeCloseTo(Date.UTC(2026, 0, 1) + 123.4567, 3);
  expect(parseDateMs("2026-01-01T00:00:00")).toBeUndefined();
  expect(parseDateMs("yesterday")).toBeUndefined();
});

describe("no text makes a parser throw anything but a PlaylistError", () => {
  const valid = `${HEAD}#EXT-X-MEDIA-SEQUENCE:7\n#EXT-X-PART-INF:PART-TARGET=0.5\n#EXT-X-PART:DURATION=0.5,URI="a",BYTERANGE="1@2"\n${segments(1, 3)}`;
  const lines = fc.constantFrom(
    ...valid.split("\n"),
    "#EXT-X-SKIP:SKIPPED-SEGMENTS=99999999999",
    "#EXT-X-BYTERANGE:5",
    '#EXT-X-RENDITION-REPORT:URI="',
    "#EXT-X-STREAM-INF:BANDWIDTH=1",
    "#EXT-X-KEY:METHOD=NONE",
    '#EXT-X-PRELOAD-HINT:TYPE=PART,URI="x"',
    "#EXT-X-SERVER-CONTROL:CAN-BLOCK-RELOAD=YES",
    '#EXT-X-DATERANGE:ID="x"',
  );
  const texts = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(lines, { maxLength: 30 }).map((picked) => `#EXTM3U\n${picked.join("\n")}`),
    fc
      .tuple(fc.nat(valid.length), fc.string({ maxLength: 3 }))
      .map(([at, patch]) => valid.slice(0, at) + patch + valid.slice(at + patch.length)),
  );
  for (const [name, parse] of Object.entries({ parseMediaPlaylist, parseMultivariantPlaylist, playlistKind })) {
    test(name, () => {
      fc.assert(
        fc.property(texts, (text) => {
          try {
            parse(text);
          } catch (error) {
            expect(error).toBeInstanceOf(PlaylistError);
          }
        }),
        { numRuns: 2_000, interruptAfterTimeLimit: 2_000 },
      );
    });
  }
});
