/**
 * The picture worker: keyframes are decoded here and nowhere else, so that a crash of a codec ends this process alone. Jobs of
 * `picture-wire.ts` come on standard input, one answer to each goes to standard output. It ends when standard input does. Nothing is opened,
 * probed or fetched, and nothing is kept from one job to the next.
 */
import { setPriority } from "node:os";
import { AV_LOG_FATAL } from "node-av/constants";
import { Log } from "node-av/lib";
import { decodeKeyframe } from "./keyframe-decoder.ts";
import {
  type KeyframeVerdict,
  type PictureAnswer,
  type PictureJob,
  PictureJobReader,
  writePictureAnswer,
} from "./picture-wire.ts";
import { encodeWebps } from "./webp-encoder.ts";

/** Everything else goes before pictures. */
const NICENESS = 15;

async function make({ id, codec, record, keyframe, width, height }: PictureJob): Promise<PictureAnswer> {
  let verdict: KeyframeVerdict = "unknown";
  try {
    const decoded = await decodeKeyframe(codec, record, keyframe);
    const { picture, why } = decoded;
    ({ verdict } = decoded);
    try {
      if (picture === undefined || width === 0) return { kind: "none", id, verdict, why };
      return { kind: "picture", id, verdict, why, ...(await encodeWebps(picture, { width, height })) };
    } finally {
      picture?.free();
    }
  } catch (error) {
    // A keyframe that is whole stays so where no picture could be made of it.
    return { kind: "none", id, verdict, why: error instanceof Error ? error.message : String(error) };
  }
}

setPriority(NICENESS);
Log.setLevel(AV_LOG_FATAL);
process.stdout.on("error", () => process.exit(0));
const reader = new PictureJobReader();
for await (const chunk of process.stdin) {
  for (const job of reader.receive(chunk as Uint8Array)) process.stdout.write(writePictureAnswer(await make(job)));
}
process.stdout.end(() => process.exit(0));
