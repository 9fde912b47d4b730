import { type Frame, FrameFlag } from "#media/frame.ts";
import { parseAvcConfig } from "#media/codecs/avc.ts";
import { VIDEO_TIMESCALE, type VideoConfig } from "#media/track.ts";
import { readChunks } from "#probe/cmaf/chunk.ts";
import { readInitSegment } from "#probe/cmaf/init-segment.ts";
import type { Platform } from "./platform.ts";

/** A picture of H.264 as viewers get it. */
export interface ServedTrack {
  readonly config: VideoConfig;
  /** Numbers of the segments in the playlist. */
  readonly numbers: readonly number[];
  /** Every sample of them as a frame. */
  readonly frames: readonly Frame[];
  readonly hasGap: boolean;
}

/** Number of a segment, by its name. */
export function numberOf(name: string | undefined): number {
  return Number(/-(\d+)\.m4s/.exec(name ?? "")?.[1]);
}

/** Names of the segments that a track's playlist has now. */
export async function segmentNamesOf(platform: Platform, track: string): Promise<string[]> {
  const text = await (await fetch(`${platform.http}/live/main/${track}/index.m3u8`)).text();
  return text.split("\n").filter((line) => line.endsWith(".m4s") && !line.startsWith("#"));
}

/** Reads what a viewer of the track would have seen; segments that `wants` refuses are left out. */
export async function readServedTrack(
  platform: Platform,
  track: string,
  wants: (segment: number) => boolean = () => true,
): Promise<ServedTrack> {
  const folder = `${platform.http}/live/main/${track}`;
  const bytesOf = async (name: string): Promise<Uint8Array> => {
    const answer = await fetch(`${folder}/${name}`);
    if (!answer.ok) throw new Error(`${name}: status ${answer.status}`);
    return answer.bytes();
  };
  const text = await (await fetch(`${folder}/index.m3u8`)).text();
  const names = text.split("\n").filter((line) => line.endsWith(".m4s") && !line.startsWith("#"));
  const initBytes = await bytesOf(/#EXT-X-MAP:URI="([^"]+)"/.exec(text)?.[1] ?? "");
  const init = readInitSegment(initBytes);
  const recordAt = Buffer.from(initBytes).indexOf("avcC") + 4;
  const recordEnd = recordAt - 8 + Buffer.from(initBytes).readUInt32BE(recordAt - 8);
  const frames: Frame[] = [];
  const wanted = names.filter((name) => wants(numberOf(name)));
  for (const name of wanted) {
    const bytes = await bytesOf(name);
    let index = 0;
    for (const chunk of readChunks(bytes, init)) {
      let at = chunk.dataStart;
      let dts = chunk.startDts;
      for (const { duration, sizeBytes, sync, compositionOffset } of chunk.samples) {
        const payload = bytes.slice(at, at + sizeBytes);
        const flags = (sync ? FrameFlag.KEY : 0) | (index === 0 ? FrameFlag.CUT : 0);
        const times = { dts, ptsOffset: compositionOffset, duration };
        frames.push({ track: 0, segment: numberOf(name), index: index++, ...times, flags, payload });
        at += sizeBytes;
        dts += duration;
      }
    }
  }
  if (init.timescale !== VIDEO_TIMESCALE) throw new Error(`${track} is no picture`);
  return {
    config: parseAvcConfig(initBytes.slice(recordAt, recordEnd)),
    numbers: wanted.map(numberOf),
    frames,
    hasGap: text.includes("EXT-X-GAP"),
  };
}
