import { type CodecContext, FFmpegError, Frame, Packet } from "node-av/lib";

/** Decodes the first picture of a packet and frees the decoder. The receiver frees the picture; `undefined` when there is none. @throws FFmpegError. */
export async function decodeOne(context: CodecContext, bytes: Uint8Array): Promise<Frame | undefined> {
  const { sent, picture } = await tryDecodeOne(context, bytes);
  if (sent < 0) picture?.free();
  FFmpegError.throwIfError(sent, "decode a picture");
  return picture;
}

/** The same, for those who want to know: `sent` is what the decoder said of the packet, below zero for an error. */
export async function tryDecodeOne(
  context: CodecContext,
  bytes: Uint8Array,
): Promise<{ readonly sent: number; readonly picture: Frame | undefined }> {
  const packet = new Packet();
  packet.alloc();
  const picture = new Frame();
  picture.alloc();
  let isThere = false;
  try {
    packet.data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const sent = await context.sendPacket(packet);
    await context.sendPacket(null);
    isThere = context.receiveFrameSync(picture) >= 0;
    return { sent, picture: isThere ? picture : undefined };
  } finally {
    if (!isThere) picture.free();
    packet.free();
    context.freeContext();
  }
}
