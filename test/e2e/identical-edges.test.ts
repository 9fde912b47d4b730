import { expect, test } from "bun:test";
import { startIngest } from "#ingest/index.ts";
import type { LiveBroadcast } from "#link/live-broadcast.ts";
import type { SubscribeFrom } from "#link/subscription.ts";
import { silentObserver } from "#observe/event.ts";
import { Metrics } from "#observe/metrics.ts";
import type { BroadcastWindow } from "#packaging/broadcast-window.ts";
import { renderManifest } from "#packaging/dash/manifest.ts";
import { renderMediaPlaylist } from "#packaging/hls/media-playlist.ts";
import { renderMultivariantPlaylist } from "#packaging/hls/multivariant-playlist.ts";
import { parseObjectName, partName, segmentName } from "#packaging/object-names.ts";
import { feedWindow } from "#packaging/window-feeder.ts";
import { startRouter } from "#router/index.ts";
import { systemClock } from "#time/system-clock.ts";
import { eventually } from "./deadline.ts";
import { freePort, startEncoder } from "./platform.ts";

const WINDOW_SECONDS = 6;

interface OpenGate extends AsyncDisposable {
  readonly url: string;
  live(): LiveBroadcast | undefined;
}

/** A gate with an RTMP port, as a node has them, open to everybody. */
async function startGate(): Promise<OpenGate> {
  const ports = { clock: systemClock, observer: silentObserver, metrics: new Metrics() };
  const checkpoints = { load: () => undefined, save: () => undefined, remove: () => undefined };
  const slates = { make: () => Promise.reject(new Error("the picture is held here")) };
  const router = await startRouter({
    ...ports,
    checkpoints,
    airtimes: { ...checkpoints, list: () => [], save: () => true },
    slates,
  });
  const lengths = { segmentSeconds: 2, partMs: 500, windowSeconds: WINDOW_SECONDS, graceSeconds: 20 };
  const settings = {
    stream: "main",
    ...lengths,
    whenBusy: "backup" as const,
    switchBack: "sticky" as const,
    title: "",
    continuity: "hold" as const,
    slateAfterMs: 1000,
    slateFile: undefined,
    slateWords: "We'll be right back",
    alwaysOn: false,
    quickStart: true,
  };
  const port = await freePort();
  const ingest = await startIngest({
    ...ports,
    rtmp: { host: "127.0.0.1", port },
    gatekeeper: { admit: (request) => Promise.try(() => router.openSession(settings, request)) },
  });
  return {
    url: `rtmp://127.0.0.1:${port}/live/key`,
    live: () => router.find("main"),
    [Symbol.asyncDispose]: async () => {
      await ingest.close();
      await router.close();
    },
  };
}

/** The window of an edge that joins now; fed until `signal` aborts. */
async function join(live: LiveBroadcast, from: SubscribeFrom, signal: AbortSignal): Promise<BroadcastWindow> {
  const { promise, resolve } = Promise.withResolvers<BroadcastWindow>();
  const subscription = live.subscribe({ from, name: `edge from ${from}` });
  void feedWindow({ subscription, signal, clock: systemClock, opened: resolve, changed: () => undefined });
  return promise;
}

/** Everything a player could read now, as text. */
function textsOf(window: BroadcastWindow): Record<string, string> {
  const texts: Record<string, string> = {
    "index.m3u8": renderMultivariantPlaylist(window),
    "manifest.mpd": renderManifest(window),
  };
  for (const { track } of window.tracks) {
    texts[track.name] = renderMediaPlaylist(window, track.name);
    texts[`${track.name}?_HLS_skip=YES`] = renderMediaPlaylist(window, track.name, { skip: "YES" });
  }
  return texts;
}

function hashOf(window: BroadcastWindow, track: string, name: string): string {
  const parsed = parseObjectName(name);
  if (parsed === undefined) throw new Error(`${name} is not the name of an object`);
  const located = window.locate(track, parsed);
  if (located.state !== "ready") return located.state;
  return `${located.bytes.byteLength} ${Bun.hash(located.bytes).toString(16)}`;
}

/** What each object is that `window` lists or still keeps from segment `from` on: whole segments, parts, init segments. */
function objectsOf(window: BroadcastWindow, from: number): Record<string, string> {
  const objects: Record<string, string> = {};
  for (const { track, init, segments } of window.tracks) {
    objects[`${track.name}/${init.name}`] = hashOf(window, track.name, init.name);
    for (const segment of segments.filter(({ number }) => number >= from)) {
      objects[`${track.name}/${segment.initName}`] = hashOf(window, track.name, segment.initName);
      const whole = segmentName(window.timelineId, segment.number);
      objects[`${track.name}/${whole}`] = hashOf(window, track.name, whole);
      for (const { index } of segment.parts) {
        const part = partName(window.timelineId, segment.number, index);
        objects[`${track.name}/${part}`] = hashOf(window, track.name, part);
      }
    }
  }
  return objects;
}

function newest(window: BroadcastWindow): number {
  return Math.min(...window.tracks.map(({ segments }) => segments.at(-1)?.number ?? 0));
}

function oldest(window: BroadcastWindow): number {
  return Math.max(...window.tracks.map(({ segments }) => segments[0]?.number ?? Number.POSITIVE_INFINITY));
}

function listedFrom(window: BroadcastWindow): string {
  return window.tracks.map(({ track, firstListedSegment }) => `${track.name} ${firstListedSegment}`).join(", ");
}

test("edges that joined at different times serve the same bytes", async () => {
  await using gate = await startGate();
  const stop = new AbortController();
  const options = { url: gate.url, size: "320x180", video: ["-b:v", "300k", "-tune", "film", "-bf", "2"] };
  await using first = startEncoder(options);
  const live = await eventually(15_000, "a broadcast", () => gate.live());
  const fromStart = await join(live, "window", stop.signal);
  await eventually(20_000, "two whole segments", () => (newest(fromStart) >= oldest(fromStart) + 2 ? true : undefined));
  const joined = [await join(live, "window", stop.signal)];
  first.kill("SIGKILL");
  await first.exited;
  // The encoder comes back with another picture: a discontinuity, and another init segment.
  await using _second = startEncoder({ ...options, size: "426x240" });
  const changed = await eventually(
    20_000,
    "the discontinuity",
    () => fromStart.track("source")?.segments.find(({ discontinuity }) => discontinuity)?.number,
  );
  joined.push(await join(live, "live", stop.signal));
  // One that never saw where the discontinuity was.
  await eventually(10_000, "the next segment", () => (newest(fromStart) > changed ? true : undefined));
  const late = await join(live, "live", stop.signal);
  joined.push(late);
  const windows = [fromStart, ...joined];
  let compared = 0;
  for (let rounds = 0; rounds < 8; rounds++) {
    const seen = fromStart.version;
    await eventually(5000, "something new", () => (fromStart.version > seen + 3 ? true : undefined));
    // No await from here: the windows hold what the gate has given all of them.
    const from = Math.max(...windows.map(oldest));
    const [objects, ...others] = windows.map((window) => objectsOf(window, from));
    for (const other of others) expect(other).toEqual(objects ?? {});
    compared += Object.keys(objects ?? {}).length;
  }
  expect(compared).toBeGreaterThan(100);
  // Once all list the same segments, what they say of them is the same text.
  await eventually(25_000, "the same listed window", () =>
    joined.every((window) => listedFrom(window) === listedFrom(fromStart)) ? true : undefined,
  );
  const said = textsOf(fromStart);
  expect(Object.keys(said).length).toBe(6);
  for (const window of joined) {
    const texts = textsOf(window);
    // Where a period began is known to those who saw it begin.
    if (window === late) delete texts["manifest.mpd"];
    for (const [name, text] of Object.entries(texts)) expect([name, text]).toEqual([name, said[name] ?? ""]);
  }
  stop.abort();
}, 90_000);
