import { FFmpegError, Frame, Packet } from "node-av/lib";
import { openVideoDecoder } from "#codecs/video-decoder.ts";
import type { SlatePicture, SlateRequest } from "#media/slate.ts";
import { drawCard } from "./card.ts";
import { LoopEncoder, stillPictures } from "./loop-encoder.ts";
import { displaySize, formatOf, type PictureFormat } from "./picture-format.ts";
import { toCoded } from "./rgb-picture.ts";
import { silenceFor } from "./silence.ts";
import type { MadeSlate } from "./slate-wire.ts";

/** Makes a slate, in the worker. @throws Fault `CODEC_UNSUPPORTED`, `LIMIT_REACHED`; FFmpegError. */
export async function makeSlate(request: SlateRequest): Promise<MadeSlate> {
  const format = formatOf(request.video);
  const { frameRate, audio } = request;
  const background = await backgroundOf(request);
  let card: Frame;
  try {
    card = drawCard(request, displaySize(format), background);
  } finally {
    background?.free();
  }
  const sound = audio === undefined ? undefined : silenceFor(audio);
  try {
    return { kind: "slate", ...(await stillLoop(card, format, frameRate)), sound };
  } finally {
    card.free();
  }
}

async function stillLoop(
  still: Frame,
  format: PictureFormat,
  frameRate: SlateRequest["frameRate"],
): Promise<Pick<MadeSlate, "record" | "pictures">> {
  const coded = toCoded(still, format);
  const encoder = new LoopEncoder({ format, frameRate });
  try {
    const pictures: SlatePicture[] = [];
    for (let i = stillPictures(format, frameRate); i > 0; i--) pictures.push(await encoder.encode(coded));
    return { record: encoder.record, pictures };
  } finally {
    encoder.close();
    coded.free();
  }
}

/** The background's picture; a keyframe that gives none is done without. */
async function backgroundOf({ background }: SlateRequest): Promise<Frame | undefined> {
  if (background === undefined) return undefined;
  try {
    return await decodeKeyframe(background);
  } catch {
    return undefined;
  }
}

async function decodeKeyframe({
  config,
  payload,
}: NonNullable<SlateRequest["background"]>): Promise<Frame | undefined> {
  const context = openVideoDecoder(config);
  const packet = new Packet();
  packet.alloc();
  const picture = new Frame();
  picture.alloc();
  let isThere = false;
  try {
    packet.data = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
    FFmpegError.throwIfError(await context.sendPacket(packet), "decode a keyframe");
    await context.sendPacket(null);
    isThere = context.receiveFrameSync(picture) >= 0;
    return isThere ? picture : undefined;
  } finally {
    if (!isThere) picture.free();
    packet.free();
    context.freeContext();
  }
}
