import { expect, test } from "bun:test";
import { execFileSync } from "node:child_process";
import type { LinkRecord } from "#link/record.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import {
  TEST_START_MICROS,
  TEST_VIDEO,
  type TestBroadcast,
  testHello,
  testRecords,
} from "#packaging/test-broadcast.ts";
import { renderManifest } from "./manifest.ts";

/** What we read of the independent parser's answer; the package has no types. */
interface ParsedManifest {
  readonly timelineStarts: readonly { readonly start: number }[];
  readonly suggestedPresentationDelay: number;
  readonly minimumUpdatePeriod: number;
  readonly playlists: readonly ParsedPlaylist[];
  readonly mediaGroups: {
    readonly AUDIO: { readonly audio: Record<string, { readonly playlists: readonly ParsedPlaylist[] }> };
  };
}
interface ParsedPlaylist {
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly segments: readonly {
    readonly number: number;
    readonly resolvedUri: string;
    readonly duration: number;
    readonly presentationTime: number;
    readonly map: { readonly resolvedUri: string };
  }[];
}
const parserName = "mpd-parser";
const { parse } = (await import(parserName)) as {
  parse: (text: string, options: { manifestUri: string }) => ParsedManifest;
};

function windowOf(options: TestBroadcast, more: readonly LinkRecord[] = []): BroadcastWindow {
  const window = new BroadcastWindow(testHello(options));
  for (const record of [...testRecords(options).slice(1), ...more]) window.apply(record);
  return window;
}

function parsed(window: BroadcastWindow): ParsedManifest {
  return parse(renderManifest(window), { manifestUri: "https://host/live/main/manifest.mpd" });
}

function pretty(text: string): string {
  return text.replaceAll("><", ">\n<");
}

test("the whole text of a low-latency manifest", () => {
  const window = windowOf({ segmentCount: 4, extraFrames: 20, discontinuities: [3] });
  const bandwidths = [...renderManifest(window).matchAll(/bandwidth="(\d+)"/g)].map((match) => match[1]);
  expect(pretty(renderManifest(window))).toBe(`<?xml version="1.0" encoding="UTF-8"?>
<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" profiles="urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019" type="dynamic" availabilityStartTime="2026-11-18T11:06:40.000Z" publishTime="2026-11-18T11:06:48.500Z" minimumUpdatePeriod="PT1S" timeShiftBufferDepth="PT60S" suggestedPresentationDelay="PT3.5S" minBufferTime="PT2S" maxSegmentDuration="PT2S">
<ServiceDescription id="0">
<Latency target="3500" min="1750" max="7000"/>
<PlaybackRate min="0.96" max="1.04"/>
</ServiceDescription>
<Period id="d0" start="PT0S">
<AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true">
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
<Representation id="source" bandwidth="${bandwidths[0]}" codecs="avc1.64001f" width="1280" height="720" frameRate="30" sar="1:1">
<SegmentTemplate timescale="90000" presentationTimeOffset="161550000000000" initialization="source/init-7ae362f4ca8efe5c.mp4" media="source/0123456789abcdef-$Number$.m4s" startNumber="217000000" availabilityTimeOffset="1.5" availabilityTimeComplete="false">
<SegmentTimeline>
<S t="161550000000000" d="180000" r="2"/>
</SegmentTimeline>
</SegmentTemplate>
</Representation>
</AdaptationSet>
<AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
<Representation id="audio" bandwidth="${bandwidths[1]}" codecs="mp4a.40.2" audioSamplingRate="48000">
<AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
<SegmentTemplate timescale="48000" presentationTimeOffset="86160000000000" initialization="audio/init-9b44cfdbf623da02.mp4" media="audio/0123456789abcdef-$Number$.m4s" startNumber="217000000" availabilityTimeOffset="1.5" availabilityTimeComplete="false">
<SegmentTimeline>
<S t="86160000000000" d="96256" r="2"/>
</SegmentTimeline>
</SegmentTemplate>
</Representation>
</AdaptationSet>
</Period>
<Period id="d1" start="PT6S">
<AdaptationSet id="0" contentType="video" mimeType="video/mp4" segmentAlignment="true">
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
<Representation id="source" bandwidth="${bandwidths[2]}" codecs="avc1.64001f" width="1280" height="720" frameRate="30" sar="1:1">
<SegmentTemplate timescale="90000" presentationTimeOffset="161550000540000" initialization="source/init-7ae362f4ca8efe5c.mp4" media="source/0123456789abcdef-$Number$.m4s" startNumber="217000003" availabilityTimeOffset="1.5" availabilityTimeComplete="false">
<SegmentTimeline>
<S t="161550000540000" d="180000" r="1"/>
</SegmentTimeline>
</SegmentTemplate>
</Representation>
</AdaptationSet>
<AdaptationSet id="1" contentType="audio" mimeType="audio/mp4" segmentAlignment="true" startWithSAP="1">
<Role schemeIdUri="urn:mpeg:dash:role:2011" value="main"/>
<Representation id="audio" bandwidth="${bandwidths[3]}" codecs="mp4a.40.2" audioSamplingRate="48000">
<AudioChannelConfiguration schemeIdUri="urn:mpeg:dash:23003:3:audio_channel_configuration:2011" value="2"/>
<SegmentTemplate timescale="48000" presentationTimeOffset="86160000288000" initialization="audio/init-9b44cfdbf623da02.mp4" media="audio/0123456789abcdef-$Number$.m4s" startNumber="217000003" availabilityTimeOffset="1.5" availabilityTimeComplete="false">
<SegmentTimeline>
<S t="86160000288768" d="95232"/>
<S d="96256"/>
</SegmentTimeline>
</SegmentTemplate>
</Representation>
</AdaptationSet>
</Period>
<UTCTiming schemeIdUri="urn:mpeg:dash:utc:http-xsdate:2014" value="../../time"/>
</MPD>
`);
});

test("an independent parser reads the same objects at the same stream times as the media playlists", () => {
  const window = windowOf({
    segmentCount: 36,
    frameRate: { num: 30_000, den: 1001 },
    framesPerSegment: 60,
    presentationDelayFrames: 1,
    partTargetMicros: 0,
  });
  const manifest = parsed(window);
  expect(manifest.suggestedPresentationDelay).toBe(6);
  const audio = Object.values(manifest.mediaGroups.AUDIO.audio)[0]?.playlists[0];
  for (const [name, playlist] of [
    ["source", manifest.playlists[0]],
    ["audio", audio],
  ] as const) {
    const track = window.track(name);
    const listed = track?.segments.filter((s) => s.sealed && s.number >= (track?.firstListedSegment ?? 0)) ?? [];
    expect(playlist?.segments.map((segment) => segment.resolvedUri)).toEqual(
      listed.map((s) => `https://host/live/main/${name}/${window.timelineId}-${s.number}.m4s`),
    );
    for (const [i, segment] of listed.entries()) {
      const other = playlist?.segments[i];
      const timescale = track?.track.timescale ?? 1;
      expect(other?.presentationTime).toBeCloseTo(segment.startDts / timescale - TEST_START_MICROS / 1e6, 5);
      expect(other?.duration).toBeCloseTo(segment.duration / timescale, 6);
      expect(other?.map.resolvedUri).toBe(`https://host/live/main/${name}/${segment.initName}`);
    }
  }
  expect(manifest.playlists[0]?.attributes["CODECS"]).toBe("avc1.64001f");
  expect(manifest.playlists[0]?.attributes["FRAME-RATE"]).toBeCloseTo(29.97, 3);
});

test("a period keeps its identity, start and offset while the window slides over it", () => {
  const options: TestBroadcast = {
    segmentCount: 24,
    discontinuities: [5],
    windowMicros: 8_000_000,
    tracks: [TEST_VIDEO],
  };
  const window = new BroadcastWindow(testHello(options));
  const seen = new Map<string, string>();
  for (const record of testRecords(options).slice(1)) {
    window.apply(record);
    for (const [, id = "", start = "", offset] of renderManifest(window).matchAll(
      /<Period id="(\w+)" start="(\w+)">.*?presentationTimeOffset="(\d+)"/g,
    )) {
      expect(`${start} ${offset}`).toBe(seen.get(id) ?? `${start} ${offset}`);
      seen.set(id, `${start} ${offset}`);
    }
  }
  expect([...seen]).toEqual([
    ["d0", "PT0S 161550000000000"],
    ["d1", "PT10S 161550000900000"],
  ]);
});

test("an ended broadcast has a duration and asks for no more updates", () => {
  const text = renderManifest(windowOf({ segmentCount: 3 }, [{ type: "end", why: "stopped" }]));
  expect(text).toContain('mediaPresentationDuration="PT6.016S');
  expect(text).not.toContain("minimumUpdatePeriod");
});

test("the manifest is well-formed XML, whatever stands in a language tag", () => {
  const window = windowOf({ segmentCount: 2, tracks: [{ ...TEST_VIDEO, language: `<"&'>` }] });
  const out = execFileSync("xmllint", ["--format", "-"], { input: renderManifest(window), encoding: "utf8" });
  expect(out).toContain('lang="&lt;&quot;&amp;\'&gt;"');
});
