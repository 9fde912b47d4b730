import { MEDIA_PLAYLIST_NAME } from "#packaging/object-names.ts";
import type { VideoConfig } from "#media/track.ts";
import type { Rational } from "#time/ticks.ts";

/** A variant as `EXT-X-STREAM-INF` describes it. */
export interface VariantStream {
  readonly trackName: string;
  /** Worst playable sum of peaks, and of averages, bits per second. */
  readonly bandwidth: number;
  readonly averageBandwidth: number;
  /** RFC 6381 values of everything that plays together. */
  readonly codecs: readonly string[];
  readonly video?: VideoConfig;
  readonly frameRate?: Rational;
  readonly audioGroup?: string;
}

/** Transfer characteristics of ISO/IEC 23091-2 that make a video HDR. */
const TRANSFER_PQ = 16;
const TRANSFER_HLG = 18;

function videoRange(video: VideoConfig): string {
  if (video.colour?.transfer === TRANSFER_PQ) return "PQ";
  return video.colour?.transfer === TRANSFER_HLG ? "HLG" : "SDR";
}

/** Size at which the picture is shown: square samples. */
function resolution(video: VideoConfig): string {
  const { num, den } = video.pixelAspect;
  return `${Math.round((video.width * num) / den)}x${video.height}`;
}

/**
 * `EXT-X-STREAM-INF` and its address; `score` above 0, the higher the better. The track's name identifies the variant for machines, on every node
 * alike. There is no `NAME`: the tag has no such attribute, and VLC would call all pictures by the first one's. RFC 8216bis §4.4.6.2.
 */
export function renderVariantStream(variant: VariantStream, score: number): string {
  const { video, frameRate, audioGroup } = variant;
  let text = `#EXT-X-STREAM-INF:BANDWIDTH=${variant.bandwidth},AVERAGE-BANDWIDTH=${variant.averageBandwidth}`;
  text += `,SCORE=${score},CODECS="${[...new Set(variant.codecs)].join(",")}"`;
  if (video !== undefined) text += `,RESOLUTION=${resolution(video)}`;
  if (frameRate !== undefined) text += `,FRAME-RATE=${(frameRate.num / frameRate.den).toFixed(3)}`;
  if (video !== undefined) text += `,VIDEO-RANGE=${videoRange(video)}`;
  if (audioGroup !== undefined) text += `,AUDIO="${audioGroup}"`;
  return `${text},STABLE-VARIANT-ID="${variant.trackName}"\n${variant.trackName}/${MEDIA_PLAYLIST_NAME}\n`;
}
