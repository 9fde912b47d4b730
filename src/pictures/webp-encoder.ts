import {
  AV_PIX_FMT_BGRA,
  AVCOL_RANGE_JPEG,
  AVCOL_SPC_RGB,
  type FFVideoEncoder,
  SWS_AREA,
  type SwsFlags,
} from "node-av/constants";
import { Codec, CodecContext, FFmpegError, Frame, Packet, Rational, SoftwareScaleContext } from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import { type PictureSize, stillSize } from "./picture-size.ts";

/** WebP's quality, of 100: about 25 kB for a busy picture. */
const QUALITY = "68";
/** libwebp's effort, of 6: more costs twice the time for a few bytes. */
const EFFORT = "2";

/** A picture in two sizes. */
export interface Webps {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The same in small. */
  readonly still: Uint8Array<ArrayBuffer>;
}

/** A picture in another size, as red, green and blue: WebP knows one kind of luma and chroma, broadcasts have several. The caller frees it. */
function scaled(picture: Frame, { width, height }: PictureSize): Frame {
  const made = new Frame();
  made.alloc();
  made.format = AV_PIX_FMT_BGRA;
  made.width = width;
  made.height = height;
  made.colorSpace = AVCOL_SPC_RGB;
  made.colorRange = AVCOL_RANGE_JPEG;
  FFmpegError.throwIfError(made.getBuffer(0), "allocate a picture");
  const context = new SoftwareScaleContext();
  try {
    // Not told any sizes or formats: then the pictures' own ones count, and their colour matrix and range with them.
    context.allocContext();
    FFmpegError.throwIfError(context.setOption("sws_flags", String(SWS_AREA satisfies SwsFlags)), "set up a scaler");
    FFmpegError.throwIfError(context.scaleFrameSync(made, picture), "scale a picture");
  } finally {
    context.freeContext();
  }
  return made;
}

/** Scales a decoded picture and gives it as WebP, and once more in small. @throws FFmpegError, Fault `CODEC_UNSUPPORTED` without libwebp. */
export async function encodeWebps(picture: Frame, size: PictureSize): Promise<Webps> {
  const frame = scaled(picture, size);
  try {
    // Of the scaled one: a twentieth of the samples that the decoded one has.
    const small = scaled(frame, stillSize(size));
    try {
      return { bytes: await encode(frame), still: await encode(small) };
    } finally {
      small.free();
    }
  } finally {
    frame.free();
  }
}

async function encode(frame: Frame): Promise<Uint8Array<ArrayBuffer>> {
  const codec = Codec.findEncoderByName("libwebp" as FFVideoEncoder);
  if (codec === null) throw new Fault("CODEC_UNSUPPORTED", "the encoder libwebp is missing");
  const context = new CodecContext();
  const packet = new Packet();
  packet.alloc();
  try {
    context.allocContext3(codec);
    context.width = frame.width;
    context.height = frame.height;
    context.pixelFormat = AV_PIX_FMT_BGRA;
    context.timeBase = new Rational(1, 1);
    context.threadCount = 1;
    // Not a Dictionary: opening consumes it, and the collector frees it a second time.
    for (const [name, value] of Object.entries({ quality: QUALITY, compression_level: EFFORT }))
      FFmpegError.throwIfError(context.setOption(name, value), `set the encoder's option ${name}`);
    FFmpegError.throwIfError(context.open2Sync(codec), "open the encoder libwebp");
    frame.pts = 0n;
    FFmpegError.throwIfError(await context.sendFrame(frame), "encode a picture");
    FFmpegError.throwIfError(context.receivePacketSync(packet), "take an encoded picture");
    return new Uint8Array(packet.data ?? new Uint8Array(0));
  } finally {
    packet.free();
    context.freeContext();
  }
}
