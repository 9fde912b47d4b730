import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_PKT_DATA_NEW_EXTRADATA,
  AVDISCARD_ALL,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
} from "node-av/constants";
import { avGetCodecName, Dictionary, FFmpegError, FormatContext, type Stream } from "node-av/lib";
import { emit } from "#codecs/encoder-output.ts";
import type { EncoderTrack } from "#codecs/encoder-wire.ts";
import { passOver, type ReadTrack } from "#codecs/file-pass.ts";
import { type MediaUnit, PassThrough, type TimedPacket } from "#codecs/media-unit.ts";
import { Fault } from "#faults/fault.ts";
import { MICROS_PER_SECOND } from "#time/ticks.ts";
import { systemClock } from "#time/system-clock.ts";
import type { DemuxSettings } from "./demux-settings.ts";
import { Pace } from "./pace.ts";

/** Codecs, by FFmpeg's names, that a broadcast carries as they are. */
const PASSED: ReadonlySet<string> = new Set(["h264", "hevc", "av1", "aac", "opus", "ac3", "eac3", "flac", "mp3"]);
/** Decoders that may look at a few frames for what a container does not say. */
const DECODERS = "h264,hevc,av1,libdav1d,aac,opus,libopus,ac3,eac3,flac,mp3,mp3float";
/** How much is read to find out what is in an input. */
const PROBE_BYTES_MAX = 5_000_000;
/** Media time that is looked at for it. */
const PROBE_MICROS_MAX = 4 * MICROS_PER_SECOND;
/** Elementary streams of an input at most. */
const STREAMS_MAX = 64;

interface OpenTrack extends ReadTrack {
  readonly told: EncoderTrack;
}

/** A track whose decoder configuration stays: a source that changes it is read anew, from its start. */
class FixedTrack extends PassThrough {
  readonly #place: string;

  constructor({ codecpar, timeBase }: Stream, place: string) {
    super(codecpar.extradata ?? new Uint8Array(0), timeBase);
    this.#place = place;
  }

  /** @throws Fault `PULL_FAILED` when the packet brings another configuration. */
  override read(packet: TimedPacket): MediaUnit[] {
    const config = packet.getSideData(AV_PKT_DATA_NEW_EXTRADATA);
    if (config === null || Buffer.compare(config, this.config) === 0) return super.read(packet);
    throw new Fault("PULL_FAILED", `${this.#place} changed its picture or sound, and is read anew`, {
      peer: this.#place,
    });
  }
}

/** Reads an input and emits its tracks; ends at its end, or never when it loops. @throws Fault `PULL_FAILED`, `CODEC_UNSUPPORTED`. */
export async function demux(settings: DemuxSettings): Promise<void> {
  const pace = new Pace();
  let offsetMicros = 0;
  let toldTracks = "";
  for (;;) {
    const input = await open(settings);
    const tracks = openTracks(input, settings.place);
    const told = JSON.stringify(tracks.map((track) => track.told.codec));
    if (toldTracks === "") {
      await emit({ kind: "tracks", tracks: tracks.map((track) => track.told) });
      for (const [i, { reader }] of tracks.entries()) await emit({ kind: "config", track: i, config: reader.config });
    } else if (told !== toldTracks) {
      throw new Fault("PULL_FAILED", `${settings.place} was replaced by another kind of file`, {
        peer: settings.place,
      });
    }
    toldTracks = told;
    const endMicros = await passOver(input, tracks, offsetMicros, async ({ track, unit }) => {
      const { keyframe, dtsMicros, payload } = unit;
      const waitMicros = settings.paced ? pace.waitMicros(dtsMicros, systemClock.nowMs() * 1000) : 0;
      if (waitMicros > 0) await systemClock.sleep(waitMicros / 1000);
      await emit({ kind: "frame", track, keyframe, dtsMicros, ptsOffsetMicros: unit.ptsMicros - dtsMicros, payload });
    });
    await input.closeInput();
    // An input without any frame would loop without ever waiting.
    if (!settings.loop || endMicros <= offsetMicros) return;
    offsetMicros = endMicros;
  }
}

async function open({ input, place, protocols, formats, options }: DemuxSettings): Promise<FormatContext> {
  const context = new FormatContext();
  context.allocContext();
  const set = (name: string, value: string): void => {
    FFmpegError.throwIfError(context.setOption(name, value), `set ${name}`);
  };
  set("protocol_whitelist", protocols.join(","));
  set("format_whitelist", formats.join(","));
  set("codec_whitelist", DECODERS);
  set("probesize", String(PROBE_BYTES_MAX));
  set("analyzeduration", String(PROBE_MICROS_MAX));
  set("max_streams", String(STREAMS_MAX));
  const failed = (error: number): Fault =>
    new Fault("PULL_FAILED", `${place}: ${new FFmpegError(error).message}`, {
      peer: place,
      hint: "Check that the source is there and on air, and that its address and password are right.",
    });
  const opened = await context.openInput(input, null, Dictionary.fromObject({ ...options }));
  if (opened < 0) throw failed(opened);
  const found = await context.findStreamInfo();
  if (found < 0) throw failed(found);
  return context;
}

function openTracks(input: FormatContext, place: string): OpenTrack[] {
  const tracks: OpenTrack[] = [];
  for (const type of [AVMEDIA_TYPE_VIDEO, AVMEDIA_TYPE_AUDIO]) {
    const index = input.findBestStream(type);
    const stream = index < 0 ? undefined : input.streams[index];
    if (stream === undefined || (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0) continue;
    const told = toldOf(stream, type === AVMEDIA_TYPE_VIDEO ? "video" : "audio", place);
    const reader = new FixedTrack(stream, place);
    tracks.push({ streamIndex: index, reader, told });
  }
  const chosen = new Set(tracks.map(({ streamIndex }) => streamIndex));
  // Renditions that nobody asked for would be fetched all the same.
  for (const [i, stream] of input.streams.entries()) if (!chosen.has(i)) stream.discard = AVDISCARD_ALL;
  if (tracks.length > 0) return tracks;
  throw new Fault("PULL_FAILED", `${place}: neither picture nor sound in it`, {
    peer: place,
    hint: "Check that the source is on air; files and playlists it names elsewhere are not followed into this network.",
  });
}

function toldOf({ codecpar, avgFrameRate }: Stream, kind: EncoderTrack["kind"], place: string): EncoderTrack {
  const codec = avGetCodecName(codecpar.codecId) ?? "unknown";
  if (!PASSED.has(codec)) {
    throw new Fault("CODEC_UNSUPPORTED", `${place}: its ${kind} is ${codec}`, {
      peer: place,
      hint: "Let the source send H.264 and AAC; what is pulled is passed on as it is.",
    });
  }
  const bitrate = Number(codecpar.bitRate);
  if (kind === "audio") return { kind, codec, bitrate, sampleRate: codecpar.sampleRate, channels: codecpar.channels };
  const { num, den } = avgFrameRate;
  const { width, height } = codecpar;
  return { kind, codec, bitrate, width, height, ...(num > 0 && den > 0 ? { frameRate: num / den } : {}) };
}
