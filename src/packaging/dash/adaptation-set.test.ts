import { expect, test } from "bun:test";
import type { AudioConfig, Track, VideoConfig } from "#media/track.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { TEST_AUDIO, TEST_VIDEO, testHello, testRecords } from "#packaging/test-broadcast.ts";
import { renderManifest } from "./manifest.ts";

const AUDIO = TEST_AUDIO.config as AudioConfig;
const LOW: Track = { ...TEST_AUDIO, id: 3000, name: "audio-64k", madeFrom: 1 };
const OPUS: Track = { ...TEST_AUDIO, config: { ...AUDIO, codec: "opus", samplesPerFrame: 960, codecs: "opus" } };
const AAC: Track = { ...TEST_AUDIO, id: 3001, name: "audio-aac", madeFrom: 1 };

interface Set {
  readonly id: string | undefined;
  readonly type: string | undefined;
  readonly role: string | undefined;
  readonly lang: string | undefined;
  readonly aligned: boolean;
  readonly representations: readonly string[];
}

/** The adaptation sets of a manifest with one period. */
function setsOf(tracks: readonly Track[]): Set[] {
  const options = { segmentCount: 3, tracks };
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) window.apply(record);
  return [...renderManifest(window).matchAll(/<AdaptationSet ([^>]*)>(.*?)<\/AdaptationSet>/g)].map(
    ([, attributes = "", body = ""]) => ({
      id: /\bid="([^"]*)"/.exec(attributes)?.[1],
      type: /contentType="([^"]*)"/.exec(attributes)?.[1],
      role: /value="(\w+)"/.exec(body)?.[1],
      lang: /lang="([^"]*)"/.exec(attributes)?.[1],
      aligned: attributes.includes('segmentAlignment="true"'),
      representations: [...body.matchAll(/<Representation id="([^"]*)"/g)].map((match) => match[1] ?? ""),
    }),
  );
}

test("versions of a sound are one adaptation set, further sounds of the encoder others", () => {
  const german: Track = { ...TEST_AUDIO, id: 2, name: "audio-2", language: "de" };
  const germanLow: Track = { ...LOW, id: 3002, name: "audio-2-64k", madeFrom: 2 };
  const sets = setsOf([TEST_VIDEO, { ...TEST_AUDIO, language: "en" }, german, LOW, germanLow]);
  expect(sets.map(({ id, role, lang, representations }) => [id, role, lang, ...representations])).toEqual([
    ["0", "main", undefined, "source"],
    ["1", "main", "en", "audio", "audio-64k"],
    ["2", "alternate", "de", "audio-2", "audio-2-64k"],
  ]);
});

test("a sound in several codecs is a set for each, all of one role and language, AAC first", () => {
  const sets = setsOf([TEST_VIDEO, { ...OPUS, language: "en" }, AAC, LOW]);
  expect(sets.map(({ id, role, lang, representations }) => [id, role, lang, ...representations])).toEqual([
    ["0", "main", undefined, "source"],
    ["3001", "main", "en", "audio-aac", "audio-64k"],
    ["1", "main", "en", "audio"],
  ]);
});

test("pictures of one codec are one set; those made in another have its role, other pictures of the encoder do not", () => {
  const config: VideoConfig = { ...(TEST_VIDEO.config as VideoConfig), codec: "hevc", codecs: "hvc1.1.6.L93.B0" };
  const hevc: Track = { ...TEST_VIDEO, id: 2000, name: "720p", madeFrom: 0, config };
  const av1: Track = { ...hevc, id: 5, name: "source-2", config: { ...config, codec: "av1", codecs: "av01.0.04M.08" } };
  const { madeFrom: _, ...second } = av1;
  expect(setsOf([TEST_VIDEO, hevc, second]).map(({ role, representations }) => [role, ...representations])).toEqual([
    ["main", "source"],
    ["main", "720p"],
    ["alternate", "source-2"],
  ]);
});

test("alignment is claimed of sounds on one grid of access units only", () => {
  const heAac: Track = { ...TEST_AUDIO, config: { ...AUDIO, samplesPerFrame: 2048, codecs: "mp4a.40.5" } };
  const slower: Track = { ...LOW, timescale: 44_100, config: { ...AUDIO, sampleRate: 44_100 } };
  expect(setsOf([TEST_AUDIO, LOW]).map(({ aligned }) => aligned)).toEqual([true]);
  expect(setsOf([heAac, LOW]).map(({ aligned }) => aligned)).toEqual([false]);
  expect(setsOf([TEST_AUDIO, slower]).map(({ aligned }) => aligned)).toEqual([false]);
  expect(setsOf([heAac]).map(({ aligned }) => aligned)).toEqual([true]);
});

test("sound alone keeps its versions together", () => {
  expect(setsOf([TEST_AUDIO, LOW])).toEqual([
    { id: "1", type: "audio", role: "main", lang: undefined, aligned: true, representations: ["audio", "audio-64k"] },
  ]);
});
