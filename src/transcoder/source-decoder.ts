import { type CodecContext, Frame, Packet } from "node-av/lib";
import { openVideoDecoder } from "#codecs/video-decoder.ts";
import { AvcSample, inspectAvcSample } from "#media/codecs/avc-nal.ts";
import { HevcSample, inspectHevcSample } from "#media/codecs/hevc-nal.ts";
import type { VideoCodec, VideoConfig } from "#media/track.ts";
import { HeldPicture } from "./held-picture.ts";

/** A picture out of the decoder. */
export interface DecodedPicture {
  /** The number its frame was given to the decoder with. */
  readonly sequence: number;
  /** Held by the receiver. */
  readonly picture: HeldPicture;
}

/**
 * Whether a keyframe is a start without a past: no picture that follows it in decoding order refers to one before it. A clean random
 * access picture of HEVC, or a recovery point of AVC, is not: pictures that are shown before it may.
 */
export function isCleanStart(codec: VideoCodec, payload: Uint8Array): boolean {
  try {
    if (codec === "avc") return (inspectAvcSample(payload) & AvcSample.IDR) !== 0;
    if (codec === "hevc") return (inspectHevcSample(payload) & HevcSample.IDR) !== 0;
    return true;
  } catch {
    // Damaged: the decoder will say so, and nothing in it can be trusted to need a past.
    return true;
  }
}

/** One run of the source through its decoder, without delay beyond the reordering that the stream asks for. */
export class SourceDecoder {
  readonly #context: CodecContext;
  readonly #packet = new Packet();

  private constructor(context: CodecContext) {
    this.#context = context;
    this.#packet.alloc();
  }

  /**
   * Opens a decoder. `reorderPictures` is by how many pictures decoding runs ahead of showing, for streams that do not say it themselves.
   * @throws Fault `CODEC_UNSUPPORTED` when the library has no such decoder or refuses the parameters.
   */
  static open(config: VideoConfig, reorderPictures: number): SourceDecoder {
    return new SourceDecoder(openVideoDecoder(config, reorderPictures));
  }

  /** Decodes a frame; gives the pictures that are ready, in the order they are shown. What is damaged gives none. */
  async decode(sequence: number, payload: Uint8Array): Promise<DecodedPicture[]> {
    const packet = this.#packet;
    packet.data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    packet.pts = BigInt(sequence);
    packet.dts = BigInt(sequence);
    await this.#context.sendPacket(packet);
    packet.unref();
    return this.#receive();
  }

  /** Gives the pictures that are still held back; afterwards the decoder is only good for {@link close}. */
  async drain(): Promise<DecodedPicture[]> {
    await this.#context.sendPacket(null);
    return this.#receive();
  }

  #receive(): DecodedPicture[] {
    const pictures: DecodedPicture[] = [];
    for (;;) {
      const frame = new Frame();
      frame.alloc();
      if (this.#context.receiveFrameSync(frame) < 0) {
        frame.free();
        return pictures;
      }
      pictures.push({ sequence: Number(frame.pts), picture: new HeldPicture(frame) });
    }
  }

  /** Gives its memory back. */
  close(): void {
    this.#packet.free();
    this.#context.freeContext();
  }
}
