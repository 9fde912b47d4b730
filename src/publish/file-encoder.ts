import { AV_DISPOSITION_ATTACHED_PIC, AVMEDIA_TYPE_AUDIO, AVMEDIA_TYPE_VIDEO } from "node-av/constants";
import { avGetCodecName, FFmpegError, FormatContext, type Stream } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import { emit } from "#codecs/encoder-output.ts";
import type { EncoderTrack } from "#codecs/encoder-wire.ts";
import { passOver, type ReadTrack } from "#codecs/file-pass.ts";
import { PassThrough } from "#codecs/media-unit.ts";
import { AudioTranscode, VideoTranscode } from "./transcode.ts";

/** Codecs, by FFmpeg's names, that RTMP carries as they are. */
const PASSED: ReadonlySet<string> = new Set(["h264", "hevc", "av1", "aac", "opus", "ac3", "eac3", "flac", "mp3"]);

interface OpenTrack extends ReadTrack {
  readonly told: EncoderTrack;
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
function emitFile(file: FormatContext, tracks: readonly OpenTrack[], offsetMicros: number): Promise<number> {
  return passOver(file, tracks, offsetMicros, ({ track, unit }) => {
    const { keyframe, dtsMicros, payload } = unit;
    return emit({ kind: "frame", track, keyframe, dtsMicros, ptsOffsetMicros: unit.ptsMicros - dtsMicros, payload });
  });
}
