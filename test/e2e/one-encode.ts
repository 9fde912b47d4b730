import { type ChildProcess, spawn } from "node:child_process";
import { FlvReader, FlvTagType } from "#media/containers/flv/flv-file.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { TrackConfig } from "#media/track.ts";
import { connectPublisher, type RtmpPublisher } from "#protocols/rtmp/client.ts";
import type { MediaEvent } from "#protocols/rtmp/media-event.ts";
import { ToFrames } from "#protocols/rtmp/to-frames.ts";

/*
 * One encoder whose output goes over several connections, as a bonding encoder or two uplinks send it.
 */

/** How long a path waits before it connects again, milliseconds. */
const RECONNECT_MS = 300;

/** One access unit as ffmpeg wrote it. */
export interface SentFrame {
  /** Milliseconds. */
  readonly timestamp: number;
  readonly payload: Uint8Array;
}

/** An ffmpeg whose FLV comes to this process. */
export interface OneEncode extends AsyncDisposable {
  /** What it made so far, by kind, in its order. */
  readonly sent: Readonly<Record<"video" | "audio", SentFrame[]>>;
  readonly configs: ReadonlyMap<RawTrack, TrackConfig>;
  /** Calls for each frame from now on. */
  listen(listener: (frame: RawFrame) => void): void;
  /** What ffmpeg said of its failure. */
  output(): string;
}

/** Bytes of a tag before the access unit: FLV 10.1 §E.4.2.1, §E.4.3.1. */
const HEADER_BYTES = { video: 5, audio: 2 } as const;

/** Starts ffmpeg with these inputs and codecs. */
export function startOneEncode(args: readonly string[]): OneEncode {
  const child: ChildProcess = spawn(
    "ffmpeg",
    ["-v", "error", "-nostdin", ...args, "-flush_packets", "1", "-f", "flv", "pipe:1"],
    {
      stdio: ["ignore", "pipe", "pipe"],
    },
  );
  const ended = new Promise<void>((resolve) => child.once("close", () => resolve()));
  let output = "";
  child.stderr?.on("data", (chunk: Buffer) => (output += chunk.toString()));
  const reader = new FlvReader();
  const frames = new ToFrames();
  const sent: { video: SentFrame[]; audio: SentFrame[] } = { video: [], audio: [] };
  const configs = new Map<RawTrack, TrackConfig>();
  const listeners: ((frame: RawFrame) => void)[] = [];
  child.stdout?.on("data", (chunk: Uint8Array) => {
    for (const { type, timestamp, data } of reader.receive(chunk)) {
      const kind = type === FlvTagType.VIDEO ? "video" : "audio";
      if (type !== FlvTagType.SCRIPT && data[1] === 1)
        sent[kind].push({ timestamp, payload: data.subarray(HEADER_BYTES[kind]) });
      const events: MediaEvent[] = [];
      frames.message({ type, streamId: 1, timestamp, payload: data }, events);
      for (const event of events) {
        if (event.kind === "config") configs.set(event.track, event.config);
        else if (event.kind === "frame") for (const listener of listeners) listener(event.frame);
      }
    }
  });
  return {
    sent,
    configs,
    listen: (listener) => void listeners.push(listener),
    output: () => output,
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGKILL");
      await ended;
    },
  };
}

/** Carries the encode to a URL. A connection that is lost comes back by itself; each begins with a keyframe and has its own `clockMs`. */
export function carry(encode: OneEncode, url: string, clockMs: () => number): AsyncDisposable {
  let publisher: RtmpPublisher | undefined;
  let offset = 0;
  let hasBegun = false;
  const over = new AbortController();
  encode.listen((frame) => {
    if (publisher === undefined) return;
    const at = (frame.dts + offset) >>> 0;
    if (!hasBegun) {
      if (!frame.keyframe || frame.track.kind !== "video") return;
      hasBegun = true;
      for (const [track, config] of encode.configs) publisher.configure(track, config, at);
    }
    publisher.frame({ ...frame, dts: at });
  });
  const run = async (): Promise<void> => {
    while (!over.signal.aborted) {
      try {
        const connected = await connectPublisher({
          url,
          encoder: "Lavf60.16.100",
          nowMs: () => performance.now(),
          signal: over.signal,
        });
        [publisher, offset, hasBegun] = [connected, clockMs(), false];
        await connected.closed;
      } catch {
        // Refused or cut while it connected: it comes again.
      }
      publisher = undefined;
      if (!over.signal.aborted) await new Promise((wake) => setTimeout(wake, RECONNECT_MS));
    }
  };
  const done = run();
  return {
    [Symbol.asyncDispose]: async () => {
      over.abort();
      publisher?.destroy();
      await done;
    },
  };
}
