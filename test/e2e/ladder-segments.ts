import { type Chunk, readChunks, startsWithKeyframe } from "#probe/cmaf/chunk.ts";
import { type InitTrack, readInitSegment } from "#probe/cmaf/init-segment.ts";

/** How long ffmpeg may take to decode some segments, milliseconds. */
const DECODE_MS_MAX = 30_000;

/** A whole segment as a media playlist names it. */
export interface NamedSegment {
  readonly number: number;
  readonly uri: string;
  readonly initUri: string;
  readonly durationSeconds: number;
  readonly isGap: boolean;
}

/** Reads the whole segments of a media playlist, with the initialisation segment that each one needs. */
export function namedSegmentsOf(playlist: string): NamedSegment[] {
  const segments: NamedSegment[] = [];
  let initUri = "";
  let durationSeconds = 0;
  let isGap = false;
  for (const line of playlist.split("\n")) {
    initUri = /^#EXT-X-MAP:URI="([^"]+)"/.exec(line)?.[1] ?? initUri;
    if (line.startsWith("#EXTINF:")) durationSeconds = Number.parseFloat(line.slice(8));
    else if (line.startsWith("#EXT-X-GAP")) isGap = true;
    else if (line !== "" && !line.startsWith("#")) {
      const number = Number(/-(\d+)\.m4s/.exec(line)?.[1]);
      segments.push({ number, uri: line, initUri, durationSeconds, isGap });
      isGap = false;
    }
  }
  return segments;
}

/** One sample of a segment. Times in ticks of the track. */
export interface Sample {
  readonly pts: number;
  readonly duration: number;
  readonly sync: boolean;
}

/** A segment's bytes, and what its boxes say. */
export interface Segment extends NamedSegment {
  readonly init: Uint8Array;
  readonly track: InitTrack;
  readonly bytes: Uint8Array;
  /** Decode time of its first sample (`tfdt`). */
  readonly startDts: number;
  /** In the order of decoding. */
  readonly samples: readonly Sample[];
  /** Its first sample is an IDR. */
  readonly beginsWithIdr: boolean;
}

function samplesOf(chunks: readonly Chunk[]): Sample[] {
  return chunks.flatMap(({ startDts, samples }) => {
    let dts = startDts;
    return samples.map(({ duration, sync, compositionOffset }) => {
      const sample = { pts: dts + compositionOffset, duration, sync };
      dts += duration;
      return sample;
    });
  });
}

async function bytesAt(url: string): Promise<Uint8Array> {
  const answer = await fetch(url);
  if (!answer.ok) throw new Error(`${url}: ${answer.status}`);
  return answer.bytes();
}

/** Fetches segments; `base` is the folder of their playlist. Those that are gaps are an error. */
export async function fetchSegments(base: string, named: readonly NamedSegment[]): Promise<Segment[]> {
  const inits = new Map<string, Uint8Array>();
  for (const uri of new Set(named.map(({ initUri }) => initUri))) inits.set(uri, await bytesAt(`${base}/${uri}`));
  return Promise.all(
    named.map(async (segment) => {
      const init = inits.get(segment.initUri) ?? new Uint8Array(0);
      const track = readInitSegment(init);
      const bytes = await bytesAt(`${base}/${segment.uri}`);
      const chunks = readChunks(bytes, track);
      const [first] = chunks;
      const beginsWithIdr = first !== undefined && startsWithKeyframe(bytes, first, track);
      const startDts = first?.startDts ?? Number.NaN;
      return { ...segment, init, track, bytes, startDts, samples: samplesOf(chunks), beginsWithIdr };
    }),
  );
}

/** Bits of a {@link numberedPicture}'s number. */
const NUMBER_BITS = 8;

/** A test picture as ffmpeg input, in real time; black and white bars in its upper quarter give its number, modulo 256. */
export function numberedPicture([width, height]: readonly [number, number], rate: string): string[] {
  const bars = `nullsrc=size=${NUMBER_BITS}x1:rate=${rate},format=gray,geq=lum='255*mod(floor(N/pow(2,X)),2)'`;
  const band = `scale=${width}:${height >> 2}:flags=neighbor`;
  const graph = `testsrc2=size=${width}x${height}:rate=${rate}[p];${bars},${band}[n];[p][n]overlay=0:0`;
  return ["-re", "-f", "lavfi", "-i", graph];
}

/** Has ffmpeg decode segments as one file, and nothing else before them: the pictures' numbers, as they are shown. Fails when it complains. */
export async function decodeNumbers(segments: readonly Segment[]): Promise<number[]> {
  const input = Buffer.concat([segments[0]?.init ?? new Uint8Array(0), ...segments.map(({ bytes }) => bytes)]);
  const bars = `crop=iw:ih/8:0:ih/16,scale=${NUMBER_BITS}:1:flags=area,format=gray`;
  const timeBase = `1:${segments[0]?.track.timescale ?? 1}`;
  const output = ["-fps_mode", "passthrough", "-enc_time_base", timeBase, "-vf", bars, "-f", "rawvideo", "pipe:1"];
  const decoder = Bun.spawn(["ffmpeg", "-v", "error", "-threads", "1", "-f", "mp4", "-i", "pipe:0", ...output], {
    stdin: input,
    stdout: "pipe",
    stderr: "pipe",
    timeout: DECODE_MS_MAX,
  });
  const outputs = [new Response(decoder.stdout).bytes(), new Response(decoder.stderr).text()] as const;
  const [pictures, complaints] = await Promise.all(outputs);
  if (complaints !== "") throw new Error(`ffmpeg complains of ${segments[0]?.uri} and what follows: ${complaints}`);
  return Array.from({ length: pictures.length / NUMBER_BITS }, (_, i) => {
    const bits = pictures.subarray(i * NUMBER_BITS, (i + 1) * NUMBER_BITS);
    return bits.reduce((number, level, bit) => number + (level > 127 ? 2 ** bit : 0), 0);
  });
}
