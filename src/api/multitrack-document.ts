import { z } from "@hono/zod-openapi";
import { credibleFrameRate } from "#media/codecs/frame-rate.ts";
import { encoderSetup } from "./multitrack-encoder.ts";
import { type MultitrackPicture, planMultitrack } from "./multitrack-ladder.ts";
import type { MultitrackWish } from "./multitrack-request.ts";

/** Versions of the document that are known; whoever asks for another gets the last. */
const SCHEMA_VERSIONS = ["2024-06-04", "2025-01-25"] as const;
const SERVICE = "Grandstand";

/** Bits per second of sound in one or two channels, and of each of more. */
const STEREO_BITRATE = 160_000;
const CHANNEL_BITRATE = 64_000;

const setting = z.union([z.string(), z.number(), z.boolean()]);
const videoEncoder = z.object({
  type: z.string().describe("encoder of OBS"),
  width: z.number(),
  height: z.number(),
  framerate: z.object({ numerator: z.number(), denominator: z.number() }),
  gpu_scale_type: z.string(),
  colorspace: z.string(),
  range: z.string(),
  format: z.string(),
  settings: z.record(z.string(), setting),
  canvas_index: z.number(),
});
const audioEncoder = z.object({
  codec: z.string(),
  track_id: z.number(),
  channels: z.number(),
  settings: z.object({ bitrate: z.number().describe("kbit/s") }),
});
const document = z.object({
  meta: z.object({ service: z.string(), schema_version: z.string(), config_id: z.string() }),
  status: z.object({
    result: z.enum(["success", "warning", "error"]),
    html_en_us: z.string().describe("what OBS shows; empty on success"),
  }),
  ingest_endpoints: z.array(z.object({ protocol: z.enum(["RTMP", "RTMPS"]), url_template: z.string() })),
  encoder_configurations: z.array(videoEncoder).describe("the best picture first"),
  audio_configurations: z.object({ live: z.array(audioEncoder), vod: z.array(audioEncoder).optional() }),
});

/** One encoder of a picture, in OBS's own words. */
interface VideoEncoderConfiguration {
  type: string;
  width: number;
  height: number;
  framerate: { numerator: number; denominator: number };
  gpu_scale_type: string;
  colorspace: string;
  range: string;
  format: string;
  settings: Record<string, string | number | boolean>;
  canvas_index: number;
}

/** One encoder of sound. */
interface AudioEncoderConfiguration {
  codec: string;
  track_id: number;
  channels: number;
  /** `bitrate` in kbit/s. */
  settings: { bitrate: number };
}

/** The document that tells OBS what to encode and where to send it. */
export interface MultitrackDocument {
  meta: { service: string; schema_version: string; config_id: string };
  status: { result: "success" | "warning" | "error"; html_en_us: string };
  ingest_endpoints: { protocol: "RTMP" | "RTMPS"; url_template: string }[];
  encoder_configurations: VideoEncoderConfiguration[];
  audio_configurations: { live: AudioEncoderConfiguration[]; vod?: AudioEncoderConfiguration[] | undefined };
}

/** {@link MultitrackDocument} as the OpenAPI document shows it. */
export const multitrackDocumentSchema: z.ZodType<MultitrackDocument> = document.openapi("MultitrackConfiguration");

function metaOf(schemaVersion: string, configId: string): MultitrackDocument["meta"] {
  const [latest] = SCHEMA_VERSIONS.slice(-1);
  const known = SCHEMA_VERSIONS.find((version) => version === schemaVersion) ?? latest ?? "";
  return { service: SERVICE, schema_version: known, config_id: configId };
}

/** A document that keeps OBS from starting; it shows the text, which is HTML. */
export function refusedDocument(schemaVersion: string, html: string): MultitrackDocument {
  return {
    meta: metaOf(schemaVersion, ""),
    status: { result: "error", html_en_us: html },
    ingest_endpoints: [],
    encoder_configurations: [],
    audio_configurations: { live: [] },
  };
}

function audioEncoderOf(trackId: number, channels: number): AudioEncoderConfiguration {
  const bitrate = channels <= 2 ? STEREO_BITRATE : CHANNEL_BITRATE * channels;
  return { codec: "aac", track_id: trackId, channels, settings: { bitrate: bitrate / 1000 } };
}

/** Seconds between keyframes: a whole number that divides the segment, so that segments are as long as they are meant to be. */
function keyframeSecondsOf(segmentSeconds: number): number {
  return segmentSeconds % 2 === 0 ? 2 : 1;
}

/** What {@link multitrackDocument} needs. */
export interface MultitrackDocumentOptions {
  readonly schemaVersion: string;
  readonly wish: MultitrackWish;
  /** RTMP and RTMPS addresses without the key. */
  readonly ingestUrls: readonly string[];
  /** Nominal duration of the stream's segments, seconds. */
  readonly segmentSeconds: number;
}

function videoEncoderOf(
  picture: MultitrackPicture,
  { wish, segmentSeconds }: MultitrackDocumentOptions,
): VideoEncoderConfiguration {
  const { type, settings } = encoderSetup(wish.encoder, {
    kilobits: Math.floor(picture.bitrate / 1000),
    keyframeSeconds: keyframeSecondsOf(segmentSeconds),
    clientMajor: wish.clientMajor,
  });
  const { num, den } = wish.frameRate;
  const slower = den * picture.frameRateDivisor;
  const frameRate = credibleFrameRate(num, slower, true) ?? { num, den: slower };
  return {
    type,
    width: picture.width,
    height: picture.height,
    framerate: { numerator: frameRate.num, denominator: frameRate.den },
    gpu_scale_type: "OBS_SCALE_BICUBIC",
    colorspace: "VIDEO_CS_709",
    range: "VIDEO_RANGE_PARTIAL",
    format: "VIDEO_FORMAT_NV12",
    settings: { ...settings },
    canvas_index: 0,
  };
}

/** What OBS is to encode and where to send it: H.264 pictures with keyframes at the same times, and AAC. Always a document; its status tells what is wrong. */
export function multitrackDocument(options: MultitrackDocumentOptions): MultitrackDocument {
  const { schemaVersion, wish, ingestUrls } = options;
  const live = [audioEncoderOf(1, wish.channels)];
  const vod = wish.hasVodSound ? [audioEncoderOf(2, wish.channels)] : [];
  const soundBitrate = [...live, ...vod].reduce((sum, { settings }) => sum + settings.bitrate * 1000, 0);
  const bitrateMax = wish.bitrateMax === undefined ? undefined : wish.bitrateMax - soundBitrate;
  const pictures = planMultitrack({ ...wish, bitrateMax });
  if (typeof pictures === "number") {
    const needed = Math.ceil((pictures + soundBitrate) / 1000);
    const html = `The maximum streaming bandwidth is too small for any picture. Allow at least ${needed} kbit/s, or choose Auto.`;
    return refusedDocument(schemaVersion, html);
  }
  const further =
    "Several canvases would be several streams: only the main canvas is sent. Viewers see nothing of the additional one.";
  return {
    meta: metaOf(schemaVersion, pictures.map(({ height }) => height).join("-")),
    status: wish.hasFurtherCanvas ? { result: "warning", html_en_us: further } : { result: "success", html_en_us: "" },
    ingest_endpoints: ingestUrls.map((url) => ({
      protocol: url.startsWith("rtmps:") ? "RTMPS" : "RTMP",
      url_template: `${url}/{stream_key}`,
    })),
    encoder_configurations: pictures.map((picture) => videoEncoderOf(picture, options)),
    audio_configurations: { live, ...(vod.length === 0 ? {} : { vod }) },
  };
}
