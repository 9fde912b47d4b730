import { AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE, AVERROR_EAGAIN, type AVPixelFormat } from "node-av/constants";
import {
  type CodecContext,
  FFmpegError,
  Frame,
  type HardwareDeviceContext,
  type HardwareFramesContext,
  Packet,
} from "node-av/lib";
import { Fault } from "#faults/fault.ts";
import { systemClock } from "#time/system-clock.ts";

/** How long a picture may be in an encoder that works beside us, milliseconds; with more it hangs. */
const PACKET_MS_MAX = 4000;
/** How often it is asked, milliseconds. */
const PACKET_ASK_MS = 1;

/** What a device holds pictures with. */
export interface DeviceMemory {
  readonly device: HardwareDeviceContext;
  readonly frames: HardwareFramesContext;
}

/** An encoder as the library has it, ready for its first picture. */
export interface OpenContext {
  /** The library's name of the encoder. */
  readonly name: string;
  readonly context: CodecContext;
  /** What pictures are given as. */
  readonly pixelFormat: AVPixelFormat;
  /** Where pictures must be brought first. */
  readonly memory: DeviceMemory | undefined;
  /** Its parameter sets are to be taken from a packet. */
  readonly tellsInPackets: boolean;
}

/** Encodes pictures one by one: each gives its packet before the next is taken, and refers to the one before it or to none. */
export class VideoEncoder {
  /** The library's name of it. */
  readonly name: string;
  /** What pictures must be given as. */
  readonly pixelFormat: AVPixelFormat;
  /** As the library gives them; they never change. `undefined`: each key picture has them, see {@link firstPacket}. */
  readonly parameterSets: Uint8Array | undefined;
  readonly #context: CodecContext;
  readonly #memory: DeviceMemory | undefined;
  readonly #packet = new Packet();
  #count = 0;

  /** Takes an open context over. */
  constructor({ name, context, pixelFormat, memory, tellsInPackets }: OpenContext) {
    this.name = name;
    this.pixelFormat = pixelFormat;
    this.#context = context;
    this.#memory = memory;
    this.parameterSets = tellsInPackets ? undefined : new Uint8Array(context.extraData ?? new Uint8Array(0));
    this.#packet.alloc();
  }

  /**
   * Encodes a picture, which is only read until the promise resolves, as a key picture if `isKey`. Gives the packet as the library makes it.
   * @throws FFmpegError; Fault `TRANSCODER_STALLED` when nothing comes out.
   */
  async encode(picture: Frame, isKey: boolean): Promise<Uint8Array> {
    const given = this.#memory === undefined ? picture : await upload(picture, this.#memory);
    given.pictType = isKey ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    given.pts = BigInt(this.#count++);
    FFmpegError.throwIfError(await this.#context.sendFrame(given), "encode a picture");
    if (given !== picture) given.free();
    await this.#receive();
    const bytes = new Uint8Array(this.#packet.data ?? new Uint8Array(0));
    this.#packet.unref();
    return bytes;
  }

  /** The packet of a key picture. It waits for it, and nothing can be encoded afterwards. @throws FFmpegError. */
  firstPacket(picture: Frame): Uint8Array {
    picture.pictType = AV_PICTURE_TYPE_I;
    picture.pts = 0n;
    FFmpegError.throwIfError(this.#context.sendFrameSync(picture), "encode a picture");
    FFmpegError.throwIfError(this.#context.sendFrameSync(null), "end an encoder");
    FFmpegError.throwIfError(this.#context.receivePacketSync(this.#packet), "take an encoded picture");
    return new Uint8Array(this.#packet.data ?? new Uint8Array(0));
  }

  /** Gives its memory back. */
  close(): void {
    this.#packet.free();
    this.#context.freeContext();
    this.#memory?.frames.free();
    this.#memory?.device.free();
  }

  /** Encoders that work beside us have the packet some moments later. */
  async #receive(): Promise<void> {
    const sinceMs = systemClock.nowMs();
    for (;;) {
      const result = this.#context.receivePacketSync(this.#packet);
      if (result !== AVERROR_EAGAIN) {
        FFmpegError.throwIfError(result, "take an encoded picture");
        return;
      }
      if (systemClock.nowMs() - sinceMs > PACKET_MS_MAX)
        throw new Fault("TRANSCODER_STALLED", `${this.name} gave no picture for ${PACKET_MS_MAX} ms`);
      await systemClock.sleep(PACKET_ASK_MS);
    }
  }
}

async function upload(picture: Frame, { frames }: DeviceMemory): Promise<Frame> {
  const there = new Frame();
  there.alloc();
  FFmpegError.throwIfError(frames.getBuffer(there, 0), "find room for a picture in the device");
  FFmpegError.throwIfError(await frames.transferData(there, picture), "bring a picture to the device");
  return there;
}
