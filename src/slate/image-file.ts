import { readFileSync } from "node:fs";
import { FFmpegError, type Frame } from "node-av/lib";
import { AVMEDIA_TYPE_VIDEO } from "node-av/constants";
import { decodeOne } from "#codecs/decode-one.ts";
import { openDecoder } from "./file-decoders.ts";
import { unusable } from "./file-kind.ts";
import { flatten, pixelsOf, toRgb } from "./rgb-picture.ts";
import { upright } from "./upright.ts";

/** Decodes an image; where it can be seen through it is black. The receiver frees it. @throws Fault `MEDIA_UNREADABLE`. */
export async function readImage(path: string, decoder: string): Promise<Frame> {
  const bytes = readFileSync(path);
  const picture = await (async () => {
    try {
      return await decodeOne(openDecoder(decoder, AVMEDIA_TYPE_VIDEO), bytes);
    } catch (cause) {
      if (!(cause instanceof FFmpegError)) throw cause;
      throw unusable(path, `it is broken: ${cause.message}`, cause);
    }
  })();
  if (picture === undefined) throw unusable(path, "there is no picture in it");
  try {
    const turned = upright(picture);
    if (turned !== undefined) return turned;
    const flat = toRgb(picture, picture);
    flatten(pixelsOf(flat));
    return flat;
  } finally {
    picture.free();
  }
}
