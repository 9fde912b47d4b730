// Real encoders against a real port. What arrives is compared with what ffprobe finds in the file that was sent.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Demuxer, Muxer } from "node-av/api";
import type { RawFrame } from "#media/frame.ts";
import { eventually, GOOD_KEY, ingestUnderTest, type IngestUnderTest, type RecordingSink } from "./vectors/harness.ts";

/** Real encoders start slowly on a busy machine. */
const ENCODER_MS = 30_000;

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "ingest-encoders-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs a program to its end; gives what it printed. */
function run(program: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ["ignore", "pipe", "pipe"] });
    let printed = "";
    let complaints = "";
    child.stdout.on("data", (text: Uint8Array) => (printed += new TextDecoder().decode(text)));
    child.stderr.on("data", (text: Uint8Array) => (complaints += new TextDecoder().decode(text)));
    child.on("error", reject);
    child.on("close", (code) => (code === 0 ? resolve(printed) : reject(new Error(`${program}: ${complaints}`))));
  });
}

const ffmpeg = (...args: string[]): Promise<string> =>
  run("ffmpeg", ["-hide_banner", "-loglevel", "error", "-y", ...args]);
const picture = ["-f", "lavfi", "-i", "testsrc2=size=128x72:rate=30"];
const tone = (rate: number): string[] => ["-f", "lavfi", "-i", `sine=sample_rate=${rate}`];

interface Packet {
  kind: string;
  dts: number;
  ptsOffset: number;
  sizeBytes: number;
  keyframe: boolean;
}

/** The packets of a file in ffprobe's words, times in milliseconds. */
async function probe(file: string): Promise<Packet[]> {
  const args = ["-v", "error", "-show_entries", "packet=codec_type,pts_time,dts_time,size,flags", "-of", "json", file];
  const { packets } = JSON.parse(await run("ffprobe", args)) as { packets: Record<string, string>[] };
  return packets.map((packet) => {
    const dts = Math.round(Number(packet["dts_time"]) * 1000);
    return {
      kind: packet["codec_type"] ?? "",
      dts,
      ptsOffset: Math.round(Number(packet["pts_time"]) * 1000) - dts,
      sizeBytes: Number(packet["size"]),
      keyframe: packet["flags"]?.startsWith("K") ?? false,
    };
  });
}

/** Frames as packets, times from the first one of each kind on: muxers shift the whole. */
function comparable(kind: "video" | "audio", packets: readonly Packet[]): Packet[] {
  const own = packets.filter((packet) => packet.kind === kind);
  return own.map((packet) => ({ ...packet, dts: packet.dts - (own[0]?.dts ?? 0) }));
}

function packetOf({ track, dts, ptsOffset, payload, keyframe }: RawFrame): Packet {
  return { kind: track.kind, dts, ptsOffset, sizeBytes: payload.byteLength, keyframe };
}

async function ended(up: IngestUnderTest): Promise<RecordingSink> {
  return eventually(
    "the end of the publication",
    () => up.gate.sinks[0]?.ended !== undefined && up.gate.sinks[0],
    ENCODER_MS,
  );
}

const CASES = [
  {
    name: "H.264 with B-frames and AAC of 44.1 kHz stereo",
    args: [
      ...picture,
      ...tone(44_100),
      "-t",
      "2",
      "-c:v",
      "libx264",
      "-bf",
      "3",
      "-g",
      "30",
      "-c:a",
      "aac",
      "-ac",
      "2",
    ],
    codecs: ["avc1.", "mp4a.40.2"],
  },
  {
    name: "H.264 without B-frames and AAC of 48 kHz in 5.1",
    args: [...picture, ...tone(48_000), "-t", "1", "-c:v", "libx264", "-bf", "0", "-c:a", "aac", "-ac", "6"],
    codecs: ["avc1.", "mp4a.40.2"],
  },
  { name: "audio only", args: [...tone(48_000), "-t", "1", "-c:a", "aac"], codecs: ["mp4a.40.2"] },
  { name: "video only", args: [...picture, "-t", "1", "-c:v", "libx264", "-g", "15"], codecs: ["avc1."] },
  { name: "MP3 audio", args: [...tone(44_100), "-t", "1", "-c:a", "libmp3lame"], codecs: ["mp4a.6B"] },
] as const;

for (const { name, args, codecs } of CASES) {
  test(
    `ffmpeg: every packet of ${name} arrives as it was sent`,
    async () => {
      await using up = await ingestUnderTest();
      const file = join(folder, `${name.replaceAll(/\W/g, "-")}.flv`);
      await ffmpeg(...args, file);
      await ffmpeg("-i", file, "-c", "copy", "-f", "flv", `rtmp://127.0.0.1:${up.port}/live/main?key=${GOOD_KEY}`);
      const sink = await ended(up);
      expect(sink.ended).toBe("finished");
      expect(sink.request).toMatchObject({ app: "live", path: "main", key: GOOD_KEY });
      expect(sink.configs.map(({ config }) => config.codecs.slice(0, 9)).sort()).toEqual(
        codecs.map((codec) => expect.stringContaining(codec.slice(0, 5)) as string).sort(),
      );
      const expected = await probe(file);
      const got = sink.frames.map(packetOf);
      for (const kind of ["video", "audio"] as const) expect(comparable(kind, got)).toEqual(comparable(kind, expected));
      expect(got.length).toBeGreaterThan(25);
      expect(sink.calls.lastIndexOf("configure")).toBeLessThan(sink.calls.length - 20);
      expect(up.observer.events.filter((event) => event.level !== "info" && event.level !== "debug")).toEqual([]);
    },
    ENCODER_MS,
  );
}

test(
  "ffmpeg: a wrong key ends it with an error, and nothing reaches the gate",
  async () => {
    await using up = await ingestUnderTest();
    const attempt = ffmpeg(
      ...tone(48_000),
      "-t",
      "1",
      "-c:a",
      "aac",
      "-f",
      "flv",
      `rtmp://127.0.0.1:${up.port}/live/WRONG`,
    );
    expect(
      await attempt.then(
        () => "accepted",
        () => "refused",
      ),
    ).toBe("refused");
    expect(up.gate.sinks).toEqual([]);
    expect(up.observer.named("ingest.refused")).toHaveLength(1);
  },
  ENCODER_MS,
);

for (const sink of ["rtmp2sink", "rtmpsink"]) {
  test(
    `GStreamer: flvmux and ${sink} publish every picture`,
    async () => {
      await using up = await ingestUnderTest();
      const video =
        "videotestsrc num-buffers=60 ! video/x-raw,width=128,height=72,framerate=30/1 ! x264enc tune=zerolatency key-int-max=30 ! h264parse";
      const audio =
        "audiotestsrc num-buffers=100 samplesperbuffer=1024 ! audio/x-raw,rate=48000,channels=2 ! avenc_aac ! aacparse";
      const url = `rtmp://127.0.0.1:${up.port}/live/${GOOD_KEY}`;
      await run("gst-launch-1.0", [
        "-q",
        ...`${video} ! queue ! flvmux name=m streamable=true ! ${sink} location=${url} ${audio} ! queue ! m.`.split(
          " ",
        ),
      ]);
      const got = await ended(up);
      expect(got.ended).toBe("finished");
      expect(got.framesOf("video")).toHaveLength(60);
      expect(got.framesOf("audio").length).toBeGreaterThanOrEqual(100);
      const times = got.framesOf("video").map((frame) => frame.dts);
      expect(times).toEqual(times.toSorted((a, b) => a - b));
    },
    ENCODER_MS,
  );
}

const ENHANCED = [
  {
    name: "hevc-opus",
    args: ["-c:v", "libx265", "-x265-params", "log-level=none", "-c:a", "libopus"],
    codecs: ["hvc1", "opus"],
  },
  { name: "av1-ac3", args: ["-c:v", "libaom-av1", "-cpu-used", "8", "-c:a", "ac3"], codecs: ["av01", "ac-3"] },
  { name: "vp9-flac", args: ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-c:a", "flac"], codecs: ["vp09", "fLaC"] },
] as const;

for (const { name, args, codecs } of ENHANCED) {
  test(
    `FFmpeg 8.1: ${name} arrives over Enhanced RTMP`,
    async () => {
      await using up = await ingestUnderTest();
      const file = join(folder, `${name}.mkv`);
      await ffmpeg(...picture, ...tone(48_000), "-t", "0.5", ...args, file);
      await using input = await Demuxer.open(file);
      await using output = await Muxer.open(`rtmp://127.0.0.1:${up.port}/live/${GOOD_KEY}`, { format: "flv" });
      const streams = new Map(input.streams.map((stream) => [stream.index, output.addStream(stream)]));
      for await (using packet of input.packets()) {
        const stream = packet === null ? undefined : streams.get(packet.streamIndex);
        if (packet !== null && stream !== undefined) await output.writePacket(packet, stream);
      }
      await output.close();
      const expected = await probe(file);
      // The library keeps its socket until the process ends, so there is no goodbye to wait for.
      const all = (): RecordingSink | false | undefined =>
        up.gate.sinks[0]?.frames.length === expected.length && up.gate.sinks[0];
      const sink = await eventually("all packets", all, ENCODER_MS);
      expect(sink.configs.map(({ config }) => config.codecs.slice(0, 4)).sort()).toEqual([...codecs].sort());
      const got = sink.frames.map(packetOf);
      for (const kind of ["video", "audio"] as const) {
        expect(got.filter((packet) => packet.kind === kind)).toHaveLength(
          expected.filter((packet) => packet.kind === kind).length,
        );
      }
      expect(sink.framesOf("video")[0]?.keyframe).toBe(true);
    },
    ENCODER_MS,
  );
}
