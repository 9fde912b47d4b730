import { expect, test } from "bun:test";
import { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { TEST_AUDIO, TEST_VIDEO, testHello, testRecords } from "#packaging/test-broadcast.ts";
import type { Track } from "#media/track.ts";
import { BroadcastPlaylists } from "./broadcast-playlists.ts";

const FORM = { gzip: false, blocking: false, skip: undefined };

function playlistsOf(tracks: readonly Track[]): { window: BroadcastWindow; playlists: BroadcastPlaylists } {
  const window = new BroadcastWindow(testHello({ tracks }));
  for (const record of testRecords({ segmentCount: 2, tracks }).slice(1)) window.apply(record);
  return { window, playlists: new BroadcastPlaylists(window) };
}

test("the sound alone has a playlist where there is sound, from the moment it comes", async () => {
  const { window, playlists } = playlistsOf([TEST_VIDEO]);
  expect(playlists.find("index.m3u8")).toBeDefined();
  expect(playlists.find("audio.m3u8")).toBeUndefined();
  window.apply({ type: "tracks", tracks: [TEST_VIDEO, TEST_AUDIO] });
  playlists.forget();
  const text = await playlists.find("audio.m3u8")?.prepared(FORM).response().text();
  expect(text).toContain("audio/index.m3u8");
  expect(text).not.toContain("source");
});
