import {
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_YUV420P,
  AVCOL_RANGE_JPEG,
  AVCOL_RANGE_MPEG,
  type AVColorPrimaries,
  type AVColorSpace,
  type AVColorTransferCharacteristic,
  type FFVideoEncoder,
} from "node-av/constants";
import {
  Codec,
  CodecContext,
  FFmpegError,
  HardwareDeviceContext,
  HardwareFramesContext,
  Rational as AvRational,
} from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import {
  BUFFER_SECONDS,
  type EncoderFallback,
  type EncoderOptions,
  type Hardware,
  PEAK_FACTOR,
  type VideoEncoderSettings,
} from "./encoding.ts";
import {
  type HardwareCodec,
  type HardwareEncoder,
  hardwareEncodersOf,
  KEY_INTERVAL_PICTURES,
} from "./hardware-encoders.ts";
import { SOFTWARE_ENCODERS } from "./software-encoders.ts";
import { type DeviceMemory, VideoEncoder } from "./video-encoder.ts";

/** Pictures in a device's memory: the one that comes, the one that is encoded, what it refers to, and some on their way. */
const DEVICE_PICTURES = 8;

/** What {@link openVideoEncoder} found. */
export interface OpenedEncoder {
  readonly encoder: VideoEncoder;
  readonly fallback: EncoderFallback | undefined;
}

/**
 * Opens the encoder that is wanted, or the processor's own in its place.
 * @throws Fault `CODEC_UNSUPPORTED` when that one refuses too.
 */
export function openVideoEncoder(settings: VideoEncoderSettings, hardware: Hardware): OpenedEncoder {
  const failures: { readonly wanted: string; readonly reason: string; readonly hint: string }[] = [];
  const { codec } = settings;
  for (const candidate of hardwareEncodersOf(hardware)) {
    if (codec === "av1") break;
    try {
      return { encoder: openHardware(candidate, codec, settings), fallback: undefined };
    } catch (error) {
      failures.push({ wanted: candidate.names[codec], reason: (error as Error).message, hint: candidate.hint });
    }
  }
  const encoder = openSoftware(settings);
  const [first] = failures;
  if (first === undefined) return { encoder, fallback: undefined };
  return {
    encoder,
    fallback: {
      wanted: failures.map(({ wanted }) => wanted).join(", "),
      used: encoder.name,
      reason: failures.map(({ reason }) => reason).join("; "),
      hint:
        failures.length === 1
          ? first.hint
          : "there is no such hardware here, or no driver of it: see what each one said",
    },
  };
}

function openSoftware(settings: VideoEncoderSettings): VideoEncoder {
  const { name, options, isConstantRate = false, tellsInPackets = false } = SOFTWARE_ENCODERS[settings.codec];
  const context = allocate(name, settings);
  try {
    if (isConstantRate) context.rcMaxRate = context.bitRate;
    context.pixelFormat = AV_PIX_FMT_YUV420P;
    context.threadCount = 1;
    setOptions(context, name, options(settings));
    open(context, name);
  } catch (cause) {
    context.freeContext();
    const { width, height } = settings;
    const why = (cause as Error).message;
    throw new Fault("CODEC_UNSUPPORTED", `${name} refuses pictures of ${width}x${height}: ${why}`, { cause });
  }
  return new VideoEncoder({ name, context, pixelFormat: AV_PIX_FMT_YUV420P, memory: undefined, tellsInPackets });
}

function openHardware(candidate: HardwareEncoder, codec: HardwareCodec, settings: VideoEncoderSettings): VideoEncoder {
  const { names, pixelFormat, device, options } = candidate;
  const name = names[codec];
  const context = allocate(name, settings);
  let memory: DeviceMemory | undefined;
  try {
    context.pixelFormat = device?.pixelFormat ?? pixelFormat;
    context.gopSize = KEY_INTERVAL_PICTURES;
    context.maxBFrames = 0;
    setOptions(context, name, { refs: "1", ...options(codec, settings.profile) });
    memory = device === undefined ? undefined : openMemory(candidate, device, settings);
    if (memory !== undefined) context.hwFramesCtx = memory.frames;
    open(context, name);
    if ((context.extraData?.byteLength ?? 0) === 0)
      throw new Fault("CODEC_UNSUPPORTED", `${name} does not tell its parameter sets`);
    return new VideoEncoder({ name, context, pixelFormat, memory, tellsInPackets: false });
  } catch (error) {
    context.freeContext();
    memory?.frames.free();
    memory?.device.free();
    throw error;
  }
}

function openMemory(
  { hardware, pixelFormat }: HardwareEncoder,
  device: NonNullable<HardwareEncoder["device"]>,
  { width, height }: VideoEncoderSettings,
): DeviceMemory {
  const opened = new HardwareDeviceContext();
  FFmpegError.throwIfError(opened.create(device.type), `open the device of ${hardware}`);
  const frames = new HardwareFramesContext();
  try {
    frames.alloc(opened);
    frames.format = device.pixelFormat;
    frames.swFormat = pixelFormat;
    frames.width = width;
    frames.height = height;
    frames.initialPoolSize = DEVICE_PICTURES;
    FFmpegError.throwIfError(frames.init(), `find memory in the device of ${hardware}`);
  } catch (error) {
    frames.free();
    opened.free();
    throw error;
  }
  return { device: opened, frames };
}

function setOptions(context: CodecContext, name: string, options: EncoderOptions): void {
  // Not a Dictionary: opening consumes it, and the collector frees it a second time.
  for (const [option, value] of Object.entries(options))
    FFmpegError.throwIfError(context.setOption(option, value), `set the option ${option} of ${name}`);
}

function open(context: CodecContext, name: string): void {
  FFmpegError.throwIfError(context.open2Sync(), `open ${name}`);
}

/** Tells an encoder the meaning of its pictures' samples, where it is known. */
export function nameColour(context: CodecContext, colour: VideoEncoderSettings["colour"]): void {
  if (colour === undefined) return;
  context.colorRange = colour.fullRange ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  // The library's numbers are those of ISO/IEC 23091-2.
  context.colorPrimaries = colour.primaries as AVColorPrimaries;
  context.colorTrc = colour.transfer as AVColorTransferCharacteristic;
  context.colorSpace = colour.matrix as AVColorSpace;
}

/** @throws Fault `CODEC_UNSUPPORTED` when the library has no such encoder. */
function allocate(name: string, settings: VideoEncoderSettings): CodecContext {
  const codec = Codec.findEncoderByName(name as FFVideoEncoder);
  if (codec === null) throw new Fault("CODEC_UNSUPPORTED", `the encoder ${name} is not in this library`);
  const { width, height, frameRate, pixelAspect, bitrate, colour } = settings;
  const context = new CodecContext();
  context.allocContext3(codec);
  context.width = width;
  context.height = height;
  context.timeBase = new AvRational(frameRate.den, frameRate.num);
  context.framerate = new AvRational(frameRate.num, frameRate.den);
  context.sampleAspectRatio = new AvRational(pixelAspect.num, pixelAspect.den);
  context.bitRate = BigInt(Math.round(bitrate));
  context.rcMaxRate = BigInt(Math.round(bitrate * PEAK_FACTOR));
  context.rcBufferSize = Math.round(bitrate * PEAK_FACTOR * BUFFER_SECONDS);
  nameColour(context, colour);
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER);
  return context;
}
