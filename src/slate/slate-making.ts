import type { Frame } from "node-av/lib";
import { openVideoDecoder } from "#codecs/video-decoder.ts";
import type { SlatePicture, SlateRequest } from "#media/slate.ts";
import { drawCard } from "./card.ts";
import { LoopEncoder, stillPictures } from "./loop-encoder.ts";
import { makeClip } from "./clip.ts";
import { decodeOne } from "#codecs/decode-one.ts";
import { PictureFitter } from "./picture-fitter.ts";
import { kindOfFile } from "./file-kind.ts";
import { readImage } from "./image-file.ts";
import { displaySize, formatOf, type PictureFormat } from "./picture-format.ts";
import { silenceFor } from "./silence.ts";
import type { MadeSlate } from "./slate-wire.ts";

/** Makes a slate, in the worker. @throws Fault `CODEC_UNSUPPORTED`, `LIMIT_REACHED`, `MEDIA_UNREADABLE`; FFmpegError. */
export async function makeSlate(request: SlateRequest): Promise<MadeSlate> {
  const format = formatOf(request.video);
  const { frameRate, audio, file } = request;
  const kind = file === undefined ? undefined : kindOfFile(file);
  if (file !== undefined && kind?.kind === "clip") return makeClip({ path: file, format, frameRate, audio });
  const still =
    file !== undefined && kind?.kind === "image" ? await readImage(file, kind.decoder) : await cardOf(request, format);
  try {
    const sound = audio === undefined ? undefined : await silenceFor(audio);
    return { kind: "slate", ...(await stillLoop(still, format, frameRate)), sound };
  } finally {
    still.free();
  }
}

async function cardOf(request: SlateRequest, format: PictureFormat): Promise<Frame> {
  const background = await backgroundOf(request);
  try {
    return drawCard(request, displaySize(format), background);
  } finally {
    background?.free();
  }
}

async function stillLoop(
  still: Frame,
  format: PictureFormat,
  frameRate: SlateRequest["frameRate"],
): Promise<Pick<MadeSlate, "record" | "pictures">> {
  const encoder = new LoopEncoder({ format, frameRate });
  const fitter = new PictureFitter(format);
  try {
    const coded = fitter.fit(still);
    const pictures: SlatePicture[] = [];
    for (let i = stillPictures(format, frameRate); i > 0; i--) pictures.push(await encoder.encode(coded));
    return { record: encoder.record, pictures };
  } finally {
    encoder.close();
    fitter.close();
  }
}

/** The background's picture; a keyframe that gives none is done without. */
async function backgroundOf({ background }: SlateRequest): Promise<Frame | undefined> {
  if (background === undefined) return undefined;
  try {
    return await decodeOne(openVideoDecoder(background.config), background.payload);
  } catch {
    return undefined;
  }
}
