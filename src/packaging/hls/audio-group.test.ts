import { expect, test } from "bun:test";
import type { AudioConfig, Track, VideoConfig } from "#media/track.ts";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { TEST_AUDIO, TEST_VIDEO, testHello, testRecords } from "#packaging/test-broadcast.ts";
import { renderMultivariantPlaylist, renderSoundPlaylist } from "./multivariant-playlist.ts";

const LOW: Track = { ...TEST_AUDIO, id: 3000, name: "audio-64k", madeFrom: 1 };
const OPUS: Track = {
  ...TEST_AUDIO,
  config: { ...(TEST_AUDIO.config as AudioConfig), codec: "opus", samplesPerFrame: 960, codecs: "opus" },
};
const AAC: Track = { ...TEST_AUDIO, id: 3001, name: "audio-aac", madeFrom: 1 };
const GERMAN: Track = { ...TEST_AUDIO, id: 2, name: "audio-2", language: "de" };

function rung(height: number, id: number): Track {
  const config: VideoConfig = { ...(TEST_VIDEO.config as VideoConfig), height, width: (height * 16) / 9 };
  return { ...TEST_VIDEO, id, name: `${height}p`, config, madeFrom: 0 };
}

/** Bytes of a frame of each track; 40 where it is not said. */
type FrameBytes = Readonly<Record<string, number>>;

/** Rates that make a picture large: about 2.4 Mbit/s. */
const LARGE = 10_000;

function windowOf(tracks: readonly Track[], frameBytes: FrameBytes = {}): BroadcastWindow {
  const options = { segmentCount: 4, tracks };
  const window = new BroadcastWindow(testHello(options));
  const names = new Map(tracks.map(({ id, name }) => [id, name]));
  for (const record of testRecords(options).slice(1)) {
    if (record.type === "frame") {
      const payload = new Uint8Array(frameBytes[names.get(record.frame.track) ?? ""] ?? 40);
      window.apply({ ...record, frame: { ...record.frame, payload } });
    } else {
      window.apply(record);
    }
  }
  return window;
}

interface Tag {
  readonly attributes: Readonly<Record<string, string>>;
  readonly uri: string;
}

/** Tags of a kind with their attributes, quotes taken away; written without the parsers that the tests compare with. */
function tagsOf(text: string, name: "EXT-X-MEDIA" | "EXT-X-STREAM-INF"): Tag[] {
  const lines = text.split("\n");
  return lines.flatMap((line, i) => {
    if (!line.startsWith(`#${name}:`)) return [];
    const pairs = [...line.slice(name.length + 2).matchAll(/([A-Z-]+)=("[^"]*"|[^,]*)/g)];
    const attributes = Object.fromEntries(pairs.map(([, key = "", value = ""]) => [key, value.replaceAll('"', "")]));
    return [{ attributes, uri: attributes["URI"] ?? lines[i + 1] ?? "" }];
  });
}

function groupsOf(text: string): string[] {
  return tagsOf(text, "EXT-X-MEDIA").map(
    ({ attributes: { "GROUP-ID": group, NAME: name }, uri }) => `${group} ${name} ${uri}`,
  );
}

function variantsOf(text: string): string[] {
  return tagsOf(text, "EXT-X-STREAM-INF").map(
    ({ attributes, uri }) => `${uri} ${attributes["AUDIO"]} ${attributes["SCORE"]}`,
  );
}

const numbersOf = (text: string, attribute: string): number[] =>
  tagsOf(text, "EXT-X-STREAM-INF").map(({ attributes }) => Number(attributes[attribute]));

test("small pictures take the small sound, the source its own", () => {
  const tracks = [TEST_VIDEO, rung(480, 2000), rung(360, 2001), rung(240, 2002), TEST_AUDIO, LOW];
  const sizes = { source: 3 * LARGE, "480p": LARGE, "360p": LARGE / 2, audio: 400, "audio-64k": 170 };
  const text = renderMultivariantPlaylist(windowOf(tracks, sizes));
  expect(groupsOf(text)).toEqual(["audio audio audio/index.m3u8", "audio-low audio audio-64k/index.m3u8"]);
  expect(variantsOf(text)).toEqual([
    "source/index.m3u8 audio 4",
    "480p/index.m3u8 audio 3",
    "360p/index.m3u8 audio-low 2",
    "240p/index.m3u8 audio-low 1",
  ]);
});

test("bandwidths are those of what plays together", () => {
  const sizes = { source: 3 * LARGE, "360p": LARGE, audio: 400, "audio-64k": 170 };
  const pictures = [TEST_VIDEO, rung(360, 2000)];
  const window = windowOf([...pictures, TEST_AUDIO, LOW], sizes);
  const silent = renderMultivariantPlaylist(windowOf(pictures, sizes));
  for (const attribute of ["BANDWIDTH", "AVERAGE-BANDWIDTH"]) {
    const [source = 0, small = 0] = numbersOf(silent, attribute);
    const [best = 0, low = 0] = numbersOf(renderSoundPlaylist(window), attribute);
    expect(low).toBeLessThan(best / 2);
    expect(numbersOf(renderMultivariantPlaylist(window), attribute)).toEqual([source + best, small + low]);
  }
});

test("the sound alone of a broadcast with pictures is a playlist of its own, the same as without them", () => {
  const sounds = [TEST_AUDIO, GERMAN, LOW];
  const sizes = { audio: 400, "audio-2": 400, "audio-64k": 170 };
  const text = renderSoundPlaylist(windowOf([TEST_VIDEO, ...sounds], sizes));
  expect(text).toBe(renderMultivariantPlaylist(windowOf(sounds, sizes)));
  expect(variantsOf(text)).toEqual(["audio/index.m3u8 audio 2", "audio-64k/index.m3u8 audio-low 1"]);
  expect(text).not.toContain("source");
  expect(tagsOf(text, "EXT-X-STREAM-INF").map(({ attributes }) => attributes["CODECS"])).toEqual([
    "mp4a.40.2",
    "mp4a.40.2",
  ]);
});

test("a picture of few bits takes the small sound, however tall; one that stands upright counts by its width", () => {
  const upright = rung(640, 2001);
  const tracks = [
    TEST_VIDEO,
    rung(720, 2000),
    { ...upright, config: { ...upright.config, width: 360 } as VideoConfig },
    TEST_AUDIO,
    LOW,
  ];
  const sizes = { source: 3 * LARGE, "720p": 2000, "640p": LARGE, audio: 400, "audio-64k": 170 };
  expect(variantsOf(renderMultivariantPlaylist(windowOf(tracks, sizes))).map((line) => line.split(" ")[1])).toEqual([
    "audio",
    "audio-low",
    "audio-low",
  ]);
});

test("a sound made AAC stands in for one that few players decode; both qualities are of one codec", () => {
  const tracks = [TEST_VIDEO, rung(240, 2000), OPUS, AAC, LOW];
  const sizes = { source: LARGE, audio: 200, "audio-aac": 400, "audio-64k": 170 };
  const text = renderMultivariantPlaylist(windowOf(tracks, sizes));
  expect(text).not.toContain("opus");
  expect(text).not.toContain('"audio/index.m3u8"');
  expect(groupsOf(text)).toEqual(["audio audio audio-aac/index.m3u8", "audio-low audio audio-64k/index.m3u8"]);
  expect(variantsOf(text).map((line) => line.split(" ")[1])).toEqual(["audio", "audio-low"]);
});

test("the sound that few players decode is offered while its AAC has not come", () => {
  const options = { segmentCount: 4, tracks: [TEST_VIDEO, OPUS, AAC] };
  const window = new BroadcastWindow(testHello(options));
  for (const record of testRecords(options).slice(1)) {
    if (record.type === "frame" && record.frame.track === AAC.id) continue;
    window.apply(record.type === "seal" && record.track === AAC.id ? { ...record, frameCount: 0 } : record);
  }
  const text = renderMultivariantPlaylist(window);
  expect(groupsOf(text)).toEqual(["audio audio audio/index.m3u8"]);
  expect(text).toContain("opus");
});

test("languages are members of every group, in the best they have", () => {
  const low: Track = { ...LOW, id: 3002, name: "audio-2-64k", madeFrom: 2 };
  const french: Track = { ...GERMAN, id: 4, name: "audio-3", language: "fr" };
  const sizes = { source: LARGE, audio: 400, "audio-2": 400, "audio-3": 400, "audio-64k": 170, "audio-2-64k": 170 };
  const text = renderMultivariantPlaylist(
    windowOf([TEST_VIDEO, rung(240, 2000), TEST_AUDIO, GERMAN, french, LOW, low], sizes),
  );
  expect(groupsOf(text)).toEqual([
    "audio audio audio/index.m3u8",
    "audio audio-2 audio-2/index.m3u8",
    "audio audio-3 audio-3/index.m3u8",
    "audio-low audio audio-64k/index.m3u8",
    "audio-low audio-2 audio-2-64k/index.m3u8",
    "audio-low audio-3 audio-3/index.m3u8",
  ]);
  const members = tagsOf(text, "EXT-X-MEDIA").map(({ attributes }) => attributes);
  for (const i of [0, 1, 2]) {
    const { URI: _, "GROUP-ID": __, "STABLE-RENDITION-ID": ___, ...best } = members[i] ?? {};
    expect(members[i + 3]).toMatchObject(best);
  }
  expect(members.map((attributes) => attributes["STABLE-RENDITION-ID"])).toEqual([
    "audio",
    "audio-2",
    "audio-3",
    "audio-64k",
    "audio-2-64k",
    "audio-3",
  ]);
});

test("a version that is larger than what the encoder sends is none of lower quality", () => {
  const text = renderMultivariantPlaylist(
    windowOf([TEST_VIDEO, rung(240, 2000), TEST_AUDIO, LOW], { source: LARGE, audio: 100, "audio-64k": 170 }),
  );
  expect(groupsOf(text)).toEqual(["audio audio audio/index.m3u8"]);
  expect(variantsOf(text)).toEqual(["source/index.m3u8 audio 2", "240p/index.m3u8 audio 1"]);
});

test("without a picture every version is a variant, the encoder's first", () => {
  const sizes = { audio: 400, "audio-2": 400, "audio-64k": 170 };
  expect(variantsOf(renderMultivariantPlaylist(windowOf([TEST_AUDIO, LOW], sizes)))).toEqual([
    "audio/index.m3u8 undefined 2",
    "audio-64k/index.m3u8 undefined 1",
  ]);
  const two = renderMultivariantPlaylist(windowOf([TEST_AUDIO, GERMAN, LOW], sizes));
  expect(variantsOf(two)).toEqual(["audio/index.m3u8 audio 2", "audio-64k/index.m3u8 audio-low 1"]);
  expect(groupsOf(two)).toHaveLength(4);
});

test("the source is the best whatever it measures; the others follow by bandwidth, not by their place", () => {
  const second: Track = { ...TEST_VIDEO, id: 4, name: "source-2" };
  const third: Track = { ...TEST_VIDEO, id: 5, name: "source-3" };
  const sizes = { source: 100, "source-2": LARGE, "source-3": 2 * LARGE };
  const text = renderMultivariantPlaylist(windowOf([TEST_VIDEO, second, third, TEST_AUDIO], sizes));
  expect(variantsOf(text)).toEqual([
    "source/index.m3u8 audio 3",
    "source-2/index.m3u8 audio 1",
    "source-3/index.m3u8 audio 2",
  ]);
});

test("a variant is identified by its track, in every codec of the sound", () => {
  const opus: Track = { ...OPUS, id: 7, name: "audio-2" };
  const text = renderMultivariantPlaylist(windowOf([TEST_VIDEO, TEST_AUDIO, opus]));
  expect(tagsOf(text, "EXT-X-STREAM-INF").map(({ attributes }) => attributes["STABLE-VARIANT-ID"])).toEqual([
    "source",
    "source",
  ]);
  expect(variantsOf(text)).toEqual(["source/index.m3u8 audio-aac 2", "source/index.m3u8 audio-opus 1"]);
});
