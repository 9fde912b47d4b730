// Run by `bench/ladder.ts`: a clip through decoder, scalers and encoders one after the other, without pipes, stamps or queues.
import { AV_PIX_FMT_YUV420P } from "node-av/constants";
import { RungEncoder } from "#transcoder/rung-encoder.ts";
import { RungScaler } from "#transcoder/rung-scaler.ts";
import { SourceDecoder } from "#transcoder/source-decoder.ts";
import { jobOf, readClip } from "./ladder.ts";

const { config, frames } = readClip(process.argv[2] ?? "");
const { rungs, encoding, frameRate } = jobOf(config, "realtime");
const open = (): RungEncoder[] => rungs.map((rung) => RungEncoder.open({ rung, encoding, source: config, frameRate }));
const { pixelAspect } = config;
const pixelFormat = AV_PIX_FMT_YUV420P;
const scalers = rungs.map(
  ({ width, height }) => new RungScaler({ width, height, pixelFormat, pixelAspect, isFullRange: false }),
);
let encoders: RungEncoder[] = [];
let decoder: SourceDecoder | undefined;
let bytes = 0;
let isFirst = true;

/** The first rung of the source, the others of the first one; the encoders side by side. */
async function encode(pictures: Awaited<ReturnType<SourceDecoder["decode"]>>): Promise<void> {
  for (const { picture } of pictures) {
    const first = await scalers[0]?.scale(picture);
    if (first === undefined) continue;
    const scaled = await Promise.all(scalers.map((scaler, i) => (i === 0 ? first : scaler.scale(first))));
    const samples = await Promise.all(scaled.map(({ frame }, i) => encoders[i]?.encode(frame, isFirst)));
    bytes += samples.reduce((sum, sample) => sum + (sample?.byteLength ?? 0), 0);
    isFirst = false;
    for (const each of scaled) each.release();
    picture.release();
  }
}

for (const [i, { index, payload }] of frames.entries()) {
  if (index === 0) {
    if (decoder !== undefined) await encode(await decoder.drain());
    decoder?.close();
    for (const encoder of encoders) encoder.close();
    decoder = SourceDecoder.open(config, 0);
    encoders = open();
    isFirst = true;
  }
  await encode((await decoder?.decode(i, payload)) ?? []);
}
if (decoder !== undefined) await encode(await decoder.drain());
if (bytes === 0) throw new Error("nothing was encoded");
process.exit(0);
