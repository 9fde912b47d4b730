import { type CodecContext, FFmpegError, Frame, Packet } from "node-av/lib";

/** Decodes the first picture of a packet and frees the decoder. The receiver frees the picture; `undefined` when there is none. @throws FFmpegError. */
export async function decodeOne(context: CodecContext, bytes: Uint8Array): Promise<Frame | undefined> {
  const packet = new Packet();
  packet.alloc();
  const picture = new Frame();
  picture.alloc();
  let isThere = false;
  try {
    packet.data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    FFmpegError.throwIfError(await context.sendPacket(packet), "decode a picture");
    await context.sendPacket(null);
    isThere = context.receiveFrameSync(picture) >= 0;
    return isThere ? picture : undefined;
  } finally {
    if (!isThere) picture.free();
    packet.free();
    context.freeContext();
  }
}
