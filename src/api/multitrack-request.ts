import { z } from "@hono/zod-openapi";
import { credibleFrameRate } from "#media/codecs/frame-rate.ts";
import type { Rational } from "#time/ticks.ts";
import { likelyEncoder, MULTITRACK_ENCODERS, type MultitrackEncoder, usualPictures } from "./multitrack-encoder.ts";
import { MULTITRACK_PICTURES_MAX } from "./multitrack-ladder.ts";

/** Characters of the stream key with what may stand around it. */
const AUTHENTICATION_CHARACTERS_MAX = 512;
/** Characters of any other text of a request. */
const WORD_CHARACTERS_MAX = 200;
/** Entries of any list of a request. */
const LIST_ENTRIES_MAX = 64;
/** Largest side of a picture, samples. */
const SIDE_MAX = 16_384;
/** Channels of sound that are asked for at most. */
const CHANNELS_MAX = 8;

const word = z.string().max(WORD_CHARACTERS_MAX);
const side = z.number().int().min(16).max(SIDE_MAX);
const count = z.number().int().min(0).max(1_000_000_000);
const frameRate = z.object({
  numerator: z.number().int().min(1).max(1_000_000_000),
  denominator: z.number().int().min(1).max(1_000_000_000),
});
const canvas = z.object({ width: side, height: side, framerate: frameRate });

/** What OBS sends: the parts of it that are read. In 2024-06-04 the picture stands in `preferences` itself, from 2025-01-25 on in its canvases. */
const body = z.object({
  schema_version: word,
  authentication: z.string().max(AUTHENTICATION_CHARACTERS_MAX).openapi({ description: "the stream key" }),
  client: z.object({
    name: word.optional(),
    version: word.optional(),
    supported_codecs: z.array(word).max(LIST_ENTRIES_MAX).optional(),
  }),
  capabilities: z
    .object({
      cpu: z.object({ physical_cores: count.nullish() }).nullish(),
      system: z.object({ name: word.nullish() }).nullish(),
      gpu: z
        .array(z.object({ vendor_id: count.nullish() }))
        .max(LIST_ENTRIES_MAX)
        .nullish(),
    })
    .nullish(),
  preferences: z.object({
    maximum_aggregate_bitrate: count.nullish().openapi({ description: "kbit/s" }),
    maximum_video_tracks: count.nullish(),
    vod_track_audio: z.boolean().nullish(),
    composition_gpu_index: count.nullish(),
    audio_channels: count.nullish(),
    canvases: z.array(canvas).max(LIST_ENTRIES_MAX).nullish(),
    width: side.nullish(),
    height: side.nullish(),
    framerate: frameRate.nullish(),
  }),
});

interface GivenFrameRate {
  numerator: number;
  denominator: number;
}

interface GivenCanvas {
  width: number;
  height: number;
  framerate: GivenFrameRate;
}

type Maybe<T> = T | null | undefined;

/** A request for a configuration document, as OBS sends it. */
export interface MultitrackBody {
  schema_version: string;
  authentication: string;
  client: { name?: string | undefined; version?: string | undefined; supported_codecs?: string[] | undefined };
  capabilities?: Maybe<{
    cpu?: Maybe<{ physical_cores?: Maybe<number> }>;
    system?: Maybe<{ name?: Maybe<string> }>;
    gpu?: Maybe<{ vendor_id?: Maybe<number> }[]>;
  }>;
  preferences: {
    /** kbit/s. */
    maximum_aggregate_bitrate?: Maybe<number>;
    maximum_video_tracks?: Maybe<number>;
    vod_track_audio?: Maybe<boolean>;
    composition_gpu_index?: Maybe<number>;
    audio_channels?: Maybe<number>;
    canvases?: Maybe<GivenCanvas[]>;
    width?: Maybe<number>;
    height?: Maybe<number>;
    framerate?: Maybe<GivenFrameRate>;
  };
}

/** {@link MultitrackBody} for the validator. */
export const multitrackBodySchema: z.ZodType<MultitrackBody> = body.openapi("MultitrackRequest");

type NumberType = z.ZodType<number>;

type ChoicesShape = {
  readonly encoder: z.ZodOptional<z.ZodType<MultitrackEncoder>>;
  readonly tracks: z.ZodOptional<NumberType>;
  readonly bitrate: z.ZodOptional<NumberType>;
};

type PastedShape = ChoicesShape & {
  readonly width: NumberType;
  readonly height: NumberType;
  readonly fps: NumberType;
};

const choices = {
  encoder: z
    .enum(MULTITRACK_ENCODERS)
    .optional()
    .openapi({ description: "instead of the one the computer likely has" }),
  tracks: z.coerce
    .number()
    .int()
    .min(1)
    .max(MULTITRACK_PICTURES_MAX)
    .optional()
    .openapi({ description: "pictures at most" }),
  bitrate: z.coerce
    .number()
    .int()
    .min(1)
    .max(1_000_000)
    .optional()
    .openapi({ description: "kbit/s of everything together at most" }),
};

/** What the address may say beside what OBS says. */
export interface MultitrackChoices {
  readonly encoder?: MultitrackEncoder | undefined;
  readonly tracks?: number | undefined;
  readonly bitrate?: number | undefined;
}

/** {@link MultitrackChoices} in the query of an address. */
export const multitrackChoicesSchema: z.ZodObject<ChoicesShape> = z.object(choices);

const sides = {
  width: z.coerce.number().int().min(16).max(SIDE_MAX),
  height: z.coerce.number().int().min(16).max(SIDE_MAX),
};
const pasted = {
  ...choices,
  width: sides.width.default(1920),
  height: sides.height.default(1080),
  fps: z.coerce.number().min(1).max(300).default(30).openapi({ description: "frames per second" }),
};

/** The query of a document that is to be pasted into OBS: nobody but its reader knows the encoder. */
export const multitrackPastedSchema: z.ZodObject<PastedShape> = z.object(pasted);

/** The query of a pasted document, read. */
interface MultitrackPasted extends MultitrackChoices {
  readonly width: number;
  readonly height: number;
  readonly fps: number;
}

/** What an encoder is to be told about. */
export interface MultitrackWish {
  readonly width: number;
  readonly height: number;
  readonly frameRate: Rational;
  readonly encoder: MultitrackEncoder;
  /** Version of OBS; `undefined` where it is not told. */
  readonly clientMajor: number | undefined;
  /** Pictures to ask for at most. */
  readonly tracksMax: number;
  /** Bits per second of everything together; `undefined`: nobody set a limit. */
  readonly bitrateMax: number | undefined;
  readonly channels: number;
  /** A second sound for recordings is wanted, and OBS does not start without. */
  readonly hasVodSound: boolean;
  /** It composes more than one picture. */
  readonly hasFurtherCanvas: boolean;
}

/** The least of the limits that are set; 0 means none, as in OBS. */
function least(...limits: readonly (number | null | undefined)[]): number | undefined {
  const set = limits.filter((limit) => typeof limit === "number" && limit > 0) as number[];
  return set.length === 0 ? undefined : Math.min(...set);
}

function bitsOf(kilobits: number | undefined): number | undefined {
  return kilobits === undefined ? undefined : kilobits * 1000;
}

/** Reads what OBS sent; `undefined` when it does not say how large its picture is. */
export function wishOf(given: MultitrackBody, choices: MultitrackChoices): MultitrackWish | undefined {
  const { client, capabilities, preferences } = given;
  const { canvases, width, height, framerate } = preferences;
  const flat = width && height && framerate ? { width, height, framerate } : undefined;
  const picture = canvases?.[0] ?? flat;
  if (picture === undefined) return undefined;
  const gpus = capabilities?.gpu ?? [];
  const physicalCores = capabilities?.cpu?.physical_cores ?? undefined;
  const gpu = gpus[preferences.composition_gpu_index ?? 0] ?? gpus[0];
  const system = capabilities?.system?.name ?? "";
  const encoder = choices.encoder ?? likelyEncoder({ system, gpuVendor: gpu?.vendor_id ?? undefined });
  const major = Number.parseInt(client.version ?? "", 10);
  const tracks = least(choices.tracks, preferences.maximum_video_tracks) ?? usualPictures(encoder, physicalCores);
  const { numerator: num, denominator: den } = picture.framerate;
  return {
    width: picture.width,
    height: picture.height,
    frameRate: { num, den },
    encoder,
    clientMajor: Number.isNaN(major) ? undefined : major,
    tracksMax: Math.min(tracks, MULTITRACK_PICTURES_MAX),
    bitrateMax: bitsOf(least(choices.bitrate, preferences.maximum_aggregate_bitrate)),
    channels: Math.min(CHANNELS_MAX, Math.max(1, preferences.audio_channels ?? 2)),
    hasVodSound: preferences.vod_track_audio ?? false,
    hasFurtherCanvas: (canvases?.length ?? 0) > 1,
  };
}

/** Reads the query of a document that is to be pasted. */
export function pastedWishOf(given: MultitrackPasted): MultitrackWish {
  const { width, height, fps, encoder = "x264", tracks, bitrate } = given;
  return {
    width,
    height,
    frameRate: credibleFrameRate(Math.round(fps * 1000), 1000, true) ?? { num: 30, den: 1 },
    encoder,
    clientMajor: undefined,
    tracksMax: tracks ?? usualPictures(encoder, undefined),
    bitrateMax: bitsOf(bitrate),
    channels: 2,
    hasVodSound: false,
    hasFurtherCanvas: false,
  };
}
