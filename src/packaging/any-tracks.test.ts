import { expect, test } from "bun:test";
import * as fc from "fast-check";
import * as HLS from "hls-parser";
import type { AudioCodec, Track } from "#media/track.ts";
import { BroadcastWindow } from "./broadcast-window.ts";
import { renderManifest } from "./dash/manifest.ts";
import { renderMultivariantPlaylist, renderSoundPlaylist } from "./hls/multivariant-playlist.ts";
import { TEST_AUDIO, TEST_VIDEO, testHello, testRecords } from "./test-broadcast.ts";

/*
 * Whatever tracks a broadcast has, and whichever of them are made from which, its multivariant playlist and its manifest say nothing that is not so.
 */

const CODECS: readonly AudioCodec[] = ["aac", "aac", "opus", "ac3", "flac", "mp3"];

interface Sketch {
  readonly isPicture: boolean;
  readonly lines: number;
  readonly codec: number;
  /** Place in the list of the track it was made from; beyond it, none that is there. */
  readonly madeFrom: number | undefined;
  readonly language: string | undefined;
  readonly frameBytes: number;
  readonly isSilent: boolean;
}

const SKETCH = fc.record<Sketch>({
  isPicture: fc.boolean(),
  lines: fc.integer({ min: 2, max: 2160 }),
  codec: fc.nat(CODECS.length - 1),
  madeFrom: fc.option(fc.nat(9), { nil: undefined }),
  language: fc.option(fc.oneof(fc.constantFrom("de", "pt-BR"), fc.string({ unit: "grapheme" })), { nil: undefined }),
  frameBytes: fc.integer({ min: 1, max: 3000 }),
  isSilent: fc.boolean(),
});

function trackOf(sketch: Sketch, id: number): Track {
  const base = sketch.isPicture ? TEST_VIDEO : TEST_AUDIO;
  const codec = CODECS[sketch.codec] ?? "aac";
  const config =
    base.config.kind === "video"
      ? { ...base.config, width: 640, height: sketch.lines }
      : { ...base.config, codec, codecs: codec === "aac" ? base.config.codecs : codec };
  return {
    ...base,
    id,
    name: `${sketch.isPicture ? "source" : "audio"}-${id}`,
    config,
    ...(sketch.madeFrom === undefined || sketch.madeFrom === id ? {} : { madeFrom: sketch.madeFrom }),
    ...(sketch.language === undefined ? {} : { language: sketch.language }),
  };
}

/** Two segments of all these; nothing but holes in those that are silent. */
function windowOf(sketches: readonly Sketch[]): BroadcastWindow {
  const options = { segmentCount: 2, framesPerSegment: 10, tracks: sketches.map(trackOf) };
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) {
    if (record.type === "frame") {
      const { isSilent = true, frameBytes = 1 } = sketches[record.frame.track] ?? {};
      if (!isSilent) window.apply({ ...record, frame: { ...record.frame, payload: new Uint8Array(frameBytes) } });
    } else if (record.type === "seal" && sketches[record.track]?.isSilent === true) {
      window.apply({ ...record, frameCount: 0 });
    } else {
      window.apply(record);
    }
  }
  return window;
}

const nameIn = (uri: string | undefined): string => /^([^/]+)\/index\.m3u8$/.exec(uri ?? "")?.[1] ?? "";

/** Parses with the parser's strictness, which is a setting of the whole process. */
function strictly(text: string): ReturnType<typeof HLS.parse> {
  HLS.setOptions({ strictMode: true });
  try {
    return HLS.parse(text);
  } finally {
    HLS.setOptions({ strictMode: false });
  }
}

function checkPlaylist(window: BroadcastWindow, text: string): void {
  const playlist = strictly(text);
  if (!playlist.isMasterPlaylist) throw new Error("a multivariant playlist");
  const { variants } = playlist;
  expect(variants.length).toBeGreaterThan(0);
  expect(new Set(variants.map(({ score }) => score))).toEqual(new Set(variants.map((_, i) => i + 1)));
  expect(variants[0]?.score).toBe(variants.length);
  const pictures = variants.map(({ uri }) => window.track(nameIn(uri))?.track.config.kind === "video");
  expect(new Set(pictures).size).toBe(1);
  const groups = new Map<string, string[]>();
  for (const variant of variants) {
    const own = window.track(nameIn(variant.uri))?.track;
    const members = variant.audio.map(({ uri }) => window.track(nameIn(uri))?.track);
    expect(own).toBeDefined();
    expect(variant.resolution?.height).toBe(own?.config.kind === "video" ? own.config.height : undefined);
    const codecs = [own, ...members].map((track) => track?.config.codecs ?? "missing");
    expect(new Set(variant.codecs?.split(","))).toEqual(new Set(codecs));
    if (members.length === 0) continue;
    expect(variant.audio.filter(({ isDefault }) => isDefault)).toHaveLength(1);
    groups.set(
      variant.audio[0]?.groupId ?? "",
      variant.audio.map(({ name }) => name),
    );
  }
  for (const [id, names] of groups) {
    expect(new Set(names).size).toBe(names.length);
    const best = groups.get(id.replace(/-low$/, ""));
    if (best !== undefined) expect(names).toEqual(best);
  }
}

function checkManifest(window: BroadcastWindow): void {
  const text = renderManifest(window);
  const named = [...text.matchAll(/<Representation id="([^"]*)"/g)].map(([, name = ""]) => name);
  const media = window.tracks.filter(({ segments }) => segments.some(({ gap }) => !gap));
  expect([...named].sort()).toEqual(media.map(({ track }) => track.name).sort());
  const ids = [...text.matchAll(/<AdaptationSet id="([^"]*)"/g)].map(([, id]) => id);
  expect(new Set(ids).size).toBe(ids.length);
  for (const [, kind, body = ""] of text.matchAll(
    /<AdaptationSet [^>]*contentType="(\w+)"[^>]*>(.*?)<\/AdaptationSet>/g,
  )) {
    const tracks = [...body.matchAll(/<Representation id="([^"]*)"/g)].map(
      ([, name = ""]) => window.track(name)?.track,
    );
    expect(new Set(tracks.map((track) => track?.config.codec)).size).toBe(1);
    if (kind === "audio") expect(new Set(tracks.map((track) => track?.madeFrom ?? track?.id)).size).toBe(1);
  }
}

test("any set of tracks gives a playlist that a strict parser reads, and a manifest, of tracks that are there", () => {
  fc.assert(
    fc.property(fc.array(SKETCH, { minLength: 1, maxLength: 7 }), (sketches) => {
      const window = windowOf(sketches);
      checkPlaylist(window, renderMultivariantPlaylist(window));
      if (sketches.some(({ isPicture }) => !isPicture)) checkPlaylist(window, renderSoundPlaylist(window));
      checkManifest(window);
    }),
    { numRuns: 300, interruptAfterTimeLimit: 4000 },
  );
});
