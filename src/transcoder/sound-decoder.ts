import {
  AV_CH_FRONT_CENTER,
  AV_CODEC_ID_AAC,
  AV_CODEC_ID_AC3,
  AV_CODEC_ID_EAC3,
  AV_CODEC_ID_FLAC,
  AV_CODEC_ID_MP3,
  AV_CODEC_ID_OPUS,
  AV_SAMPLE_FMT_FLT,
  AV_SAMPLE_FMT_FLTP,
  AV_SAMPLE_FMT_S16,
  AV_SAMPLE_FMT_S16P,
  AV_SAMPLE_FMT_S32,
  AV_SAMPLE_FMT_S32P,
  AVMEDIA_TYPE_AUDIO,
  type AVCodecID,
  type AVSampleFormat,
  type FFAudioDecoder,
} from "node-av/constants";
import { Codec, CodecContext, CodecParameters, FFmpegError, Frame, Packet } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import type { AudioCodec, AudioConfig } from "#media/track.ts";
import { SOUND_FRAME_SAMPLES_MAX } from "./sound-grid.ts";
import type { Planes, Sound } from "./sound-mix.ts";

/** Largest frame in bytes that is decoded: uncompressible FLAC of the longest frames and eight channels stays below. */
export const SOUND_FRAME_BYTES_MAX: number = 2 * 1024 * 1024;
/** Channels of decoded sound, at most. */
const CHANNELS_MAX = 8;
/** A sample beyond this, where full scale is 1, comes of damage: it becomes silence. */
const LEVEL_MAX = 8;
/** In `dfLa`, what comes before STREAMINFO (FLAC in ISOBMFF §3.3.2). */
const FLAC_BOX_HEAD_BYTES = 8;

/** The only decoders of sound that ever run. */
const DECODERS: Readonly<Record<AudioCodec, { readonly name: string; readonly id: AVCodecID }>> = {
  aac: { name: "aac", id: AV_CODEC_ID_AAC },
  opus: { name: "libopus", id: AV_CODEC_ID_OPUS },
  mp3: { name: "mp3float", id: AV_CODEC_ID_MP3 },
  ac3: { name: "ac3", id: AV_CODEC_ID_AC3 },
  eac3: { name: "eac3", id: AV_CODEC_ID_EAC3 },
  flac: { name: "flac", id: AV_CODEC_ID_FLAC },
};

/** One run of the source's sound through its decoder, frame by frame without delay. */
export class SoundDecoder {
  readonly #context: CodecContext;
  readonly #packet = new Packet();
  readonly #frame = new Frame();

  private constructor(context: CodecContext) {
    this.#context = context;
    this.#packet.alloc();
    this.#frame.alloc();
  }

  /** Opens a decoder. @throws Fault `CODEC_UNSUPPORTED` when the library has no such decoder or refuses the parameters. */
  static open(config: AudioConfig): SoundDecoder {
    const { name, id } = DECODERS[config.codec];
    const codec = Codec.findDecoderByName(name as FFAudioDecoder);
    if (codec === null) throw new Fault("CODEC_UNSUPPORTED", `the decoder ${name} is missing`);
    const parameters = new CodecParameters();
    parameters.alloc();
    parameters.codecType = AVMEDIA_TYPE_AUDIO;
    parameters.codecId = id;
    parameters.sampleRate = config.sampleRate;
    const extradata = extradataOf(config);
    if (extradata.byteLength > 0) parameters.extradata = Buffer.from(extradata);
    const context = new CodecContext();
    context.allocContext3(codec);
    const told = context.parametersToContext(parameters);
    parameters.free();
    FFmpegError.throwIfError(told, "set up a decoder");
    context.threadCount = 1;
    const opened = context.open2Sync(codec);
    if (opened < 0)
      throw new Fault("CODEC_UNSUPPORTED", `${name} refuses the source: ${new FFmpegError(opened).message}`);
    return new SoundDecoder(context);
  }

  /** Decodes a frame; `undefined` where nothing can be made of it. */
  decode(payload: Uint8Array): Sound | undefined {
    // An empty packet would end the decoder.
    if (payload.byteLength === 0 || payload.byteLength > SOUND_FRAME_BYTES_MAX) return undefined;
    this.#packet.data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    this.#context.sendPacketSync(this.#packet);
    this.#packet.unref();
    let sound: Sound | undefined;
    while (this.#context.receiveFrameSync(this.#frame) >= 0) {
      sound = joined(sound, soundOf(this.#frame));
      this.#frame.unref();
    }
    return sound;
  }

  /** Gives its memory back. */
  close(): void {
    this.#packet.free();
    this.#frame.free();
    this.#context.freeContext();
  }
}

function extradataOf({ codec, record }: AudioConfig): Uint8Array {
  if (codec === "aac") return record;
  if (codec === "flac") return record.subarray(FLAC_BOX_HEAD_BYTES);
  return codec === "opus" ? opusHead(record) : new Uint8Array(0);
}

/**
 * An identification header (RFC 7845 §5.1) of `dOps` (Opus in ISOBMFF §4.3.2), its numbers with the other byte first. Without pre-skip: every
 * frame keeps its samples, as it does with players that begin anywhere.
 */
function opusHead(record: Uint8Array): Uint8Array {
  const head = new Uint8Array(8 + record.byteLength);
  head.set(new TextEncoder().encode("OpusHead"));
  const from = new DataView(record.buffer, record.byteOffset, record.byteLength);
  const to = new DataView(head.buffer, 8);
  head.set(record, 8);
  to.setUint8(0, 1);
  to.setUint16(2, 0, true);
  to.setUint32(4, from.getUint32(4), true);
  to.setInt16(8, from.getInt16(8), true);
  return head;
}

/** Two frames out of one packet, one behind the other; of frames that are unlike the first counts. */
function joined(before: Sound | undefined, next: Sound | undefined): Sound | undefined {
  if (before === undefined || next === undefined) return before ?? next;
  const isAlike = before.sampleRate === next.sampleRate && before.planes.length === next.planes.length;
  const [first] = before.planes;
  if (!isAlike || (first?.length ?? 0) > SOUND_FRAME_SAMPLES_MAX) return before;
  const planes = before.planes.map((plane, i) => Float32Array.of(...plane, ...(next.planes[i] ?? [])));
  return { ...before, planes };
}

function soundOf(frame: Frame): Sound | undefined {
  const { sampleRate, nbSamples, channelLayout, data } = frame;
  const channels = channelLayout.nbChannels;
  const isUsable = sampleRate > 0 && nbSamples > 0 && nbSamples <= SOUND_FRAME_SAMPLES_MAX && data !== null;
  if (!isUsable || channels < 1 || channels > CHANNELS_MAX) return undefined;
  // A sound's format is a sample format.
  const planes = planesOf(data, frame.format as AVSampleFormat, { channels, count: nbSamples });
  return planes && { sampleRate, planes, speakers: channels === 1 ? AV_CH_FRONT_CENTER : channelLayout.mask };
}

type Samples = Float32Array | Int16Array | Int32Array;

interface SampleFormat {
  readonly view: (bytes: Buffer, count: number) => Samples;
  readonly fullScale: number;
  readonly isPlanar: boolean;
}

const floats = (bytes: Buffer, count: number): Samples => new Float32Array(bytes.buffer, bytes.byteOffset, count);
const shorts = (bytes: Buffer, count: number): Samples => new Int16Array(bytes.buffer, bytes.byteOffset, count);
const longs = (bytes: Buffer, count: number): Samples => new Int32Array(bytes.buffer, bytes.byteOffset, count);

const FORMATS: ReadonlyMap<AVSampleFormat, SampleFormat> = new Map([
  [AV_SAMPLE_FMT_FLTP, { view: floats, fullScale: 1, isPlanar: true }],
  [AV_SAMPLE_FMT_FLT, { view: floats, fullScale: 1, isPlanar: false }],
  [AV_SAMPLE_FMT_S16P, { view: shorts, fullScale: 2 ** 15, isPlanar: true }],
  [AV_SAMPLE_FMT_S16, { view: shorts, fullScale: 2 ** 15, isPlanar: false }],
  [AV_SAMPLE_FMT_S32P, { view: longs, fullScale: 2 ** 31, isPlanar: true }],
  [AV_SAMPLE_FMT_S32, { view: longs, fullScale: 2 ** 31, isPlanar: false }],
]);

/** Copies a frame's samples out of the library's memory, which it will use again. */
function planesOf(
  data: readonly Buffer[],
  sampleFormat: AVSampleFormat,
  { channels, count }: { readonly channels: number; readonly count: number },
): Planes | undefined {
  const format = FORMATS.get(sampleFormat);
  if (format === undefined) return undefined;
  const { view, fullScale, isPlanar } = format;
  const planes: Float32Array[] = [];
  for (let channel = 0; channel < channels; channel++) {
    const bytes = data[isPlanar ? channel : 0];
    if (bytes === undefined) return undefined;
    const samples = view(bytes, isPlanar ? count : count * channels);
    const plane = new Float32Array(count);
    for (let i = 0; i < count; i++) {
      const sample = (samples[isPlanar ? i : i * channels + channel] ?? 0) / fullScale;
      plane[i] = sample > -LEVEL_MAX && sample < LEVEL_MAX ? sample : 0;
    }
    planes.push(plane);
  }
  return planes;
}
