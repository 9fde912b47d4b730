import { AV_DISPOSITION_ATTACHED_PIC, AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_VIDEO, AVERROR_EOF } from "node-av/constants";
import { avGetCodecName, FFmpegError, FormatContext, Packet, type Stream } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import { emit } from "./encoder-output.ts";
import type { EncoderTrack } from "./encoder-wire.ts";
import { type MediaUnit, PassThrough, type TrackReader } from "./media-unit.ts";
import { AudioTranscode, VideoTranscode } from "./transcode.ts";

/** Codecs, by FFmpeg's names, that RTMP carries as they are. */
const PASSED: ReadonlySet<string> = new Set(["h264", "hevc", "av1", "aac", "opus", "ac3", "eac3", "flac", "mp3"]);
/** Units held back at the start until every track has shown its first time. */
const OPENING_UNITS_MAX = 256;

interface OpenTrack {
  readonly streamIndex: number;
  readonly reader: TrackReader;
  readonly told: EncoderTrack;
}

interface PlacedUnit {
  readonly track: number;
  readonly unit: MediaUnit;
}

/** Demuxes a file and emits its tracks; ends at the end of the file, or goes on for ever when it loops. */
export async function runFileEncoder(settings: { path: string; loop: boolean }): Promise<void> {
  let offsetMicros = 0;
  for (let pass = 0; ; pass++) {
    const file = new FormatContext();
    const opened = await file.openInput(settings.path);
    if (opened < 0) {
      throw new Fault("MEDIA_UNREADABLE", `${settings.path}: ${new FFmpegError(opened).message}`, {
        peer: settings.path,
        hint: "check that the file exists and is a video or audio file",
      });
    }
    FFmpegError.throwIfError(await file.findStreamInfo(), "read the file's tracks");
    const tracks = await openTracks(file, settings.path);
    if (pass === 0) {
      await emit({ kind: "tracks", tracks: tracks.map((track) => track.told) });
      for (const [i, track] of tracks.entries()) await emit({ kind: "config", track: i, config: track.reader.config });
    }
    const endMicros = await emitFile(file, tracks, offsetMicros);
    await file.closeInput();
    // A file without any frame would loop without ever waiting.
    if (!settings.loop || endMicros <= offsetMicros) return;
    offsetMicros = endMicros;
  }
}

async function openTracks(file: FormatContext, path: string): Promise<OpenTrack[]> {
  const tracks: OpenTrack[] = [];
  for (const type of [AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO]) {
    const index = file.findBestStream(type);
    const stream = index < 0 ? undefined : file.streams[index];
    if (stream === undefined || (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0) continue;
    tracks.push(type === AVMEDIA_TYPE_VIDEO ? await openVideo(stream, index) : await openAudio(stream, index));
  }
  if (tracks.length > 0) return tracks;
  throw new Fault("MEDIA_UNREADABLE", `${path}: neither picture nor sound in it`, {
    peer: path,
    hint: "give a video or audio file",
  });
}

async function openVideo(stream: Stream, streamIndex: number): Promise<OpenTrack> {
  const { codecpar } = stream;
  const name = avGetCodecName(codecpar.codecId) ?? "unknown";
  const passed = PASSED.has(name);
  const reader = passed
    ? new PassThrough(codecpar.extradata ?? new Uint8Array(0), stream.timeBase)
    : await VideoTranscode.open(stream);
  const { num, den } = stream.avgFrameRate;
  const told: EncoderTrack = {
    kind: "video",
    codec: passed ? name : "h264",
    width: codecpar.width,
    height: codecpar.height,
    ...(num > 0 && den > 0 ? { frameRate: num / den } : {}),
    bitrate: Number(codecpar.bitRate),
  };
  return { streamIndex, reader, told };
}

async function openAudio(stream: Stream, streamIndex: number): Promise<OpenTrack> {
  const { codecpar } = stream;
  const name = avGetCodecName(codecpar.codecId) ?? "unknown";
  const passed = PASSED.has(name);
  const reader = passed
    ? new PassThrough(codecpar.extradata ?? new Uint8Array(0), stream.timeBase)
    : await AudioTranscode.open(stream);
  const told: EncoderTrack = {
    kind: "audio",
    codec: passed ? name : "aac",
    sampleRate: passed ? codecpar.sampleRate : 48_000,
    channels: passed ? codecpar.channels : 2,
    bitrate: Number(codecpar.bitRate),
  };
  return { streamIndex, reader, told };
}

/** Emits one pass over the file with times from `offsetMicros` on; gives the time at which the next pass begins. */
async function emitFile(file: FormatContext, tracks: readonly OpenTrack[], offsetMicros: number): Promise<number> {
  const packet = new Packet();
  packet.alloc();
  const opening: PlacedUnit[] = [];
  const seen = new Set<number>();
  let shiftMicros: number | undefined;
  let endMicros = offsetMicros;
  const flush = async (): Promise<void> => {
    shiftMicros ??= offsetMicros - Math.min(...opening.map(({ unit }) => unit.dtsMicros));
    for (const { track, unit } of opening.splice(0)) {
      endMicros = Math.max(endMicros, unit.ptsMicros + shiftMicros);
      await emit({
        kind: "frame",
        track,
        keyframe: unit.keyframe,
        dtsMicros: unit.dtsMicros + shiftMicros,
        ptsOffsetMicros: unit.ptsMicros - unit.dtsMicros,
        payload: unit.payload,
      });
    }
  };
  let lastDurationMicros = 0;
  for (;;) {
    const result = await file.readFrame(packet);
    if (result === AVERROR_EOF) break;
    FFmpegError.throwIfError(result, "read the file");
    const track = tracks.findIndex((open) => open.streamIndex === packet.streamIndex);
    const open = tracks[track];
    if (open !== undefined) {
      const base = file.streams[open.streamIndex]?.timeBase;
      if (base !== undefined) lastDurationMicros = (Number(packet.duration) * base.num * 1e6) / base.den;
      for (const unit of open.reader.read(packet)) {
        opening.push({ track, unit });
        seen.add(track);
      }
    }
    packet.unref();
    if (opening.length > 0 && (seen.size === tracks.length || opening.length >= OPENING_UNITS_MAX)) await flush();
  }
  for (const [track, open] of tracks.entries()) for (const unit of open.reader.drain()) opening.push({ track, unit });
  if (opening.length > 0) await flush();
  return endMicros > offsetMicros ? endMicros + lastDurationMicros : endMicros;
}
