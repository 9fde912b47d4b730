import { z } from "@hono/zod-openapi";
import type { AdminStream, LiveStream, Problem } from "#web/wire.ts";

/** Longest name a request may carry, characters; the catalogue is stricter. */
const NAME_CHARACTERS_MAX = 100;
/** Longest title a request may carry, characters. */
const TITLE_CHARACTERS_MAX = 200;

const ms = z.number().describe("milliseconds since the Unix epoch");

const problem = z
  .object({
    code: z.string().describe("stable code"),
    message: z.string(),
    hint: z.string().nullable().describe("what to do about it"),
  })
  .openapi("Problem");

const liveStream = z
  .object({
    name: z.string(),
    title: z.string(),
    state: z.enum(["live", "interrupted", "offline"]),
    sinceMs: ms.nullable(),
    endedMs: ms.nullable(),
    width: z.number().nullable(),
    height: z.number().nullable(),
  })
  .openapi("LiveStream");

const trackHealth = z.object({
  name: z.string(),
  kind: z.enum(["video", "audio"]),
  codec: z.string(),
  codecs: z.string().describe("RFC 6381"),
  width: z.number().nullable(),
  height: z.number().nullable(),
  frameRate: z.number().nullable().describe("measured frames per second"),
  sampleRate: z.number().nullable(),
  channels: z.number().nullable(),
  bitrate: z.number().describe("bits per second"),
  bitrateHistory: z.array(z.number()).describe("one value a second, oldest first; empty in lists"),
});

const health = z
  .object({
    state: z.enum(["live", "interrupted"]),
    sinceMs: ms,
    sessions: z.array(
      z.object({
        address: z.string(),
        protocol: z.string(),
        encoder: z.string().nullable(),
        connectedMs: ms,
        bitrate: z.number(),
      }),
    ),
    tracks: z.array(trackHealth),
    keyframeIntervalMs: z.object({ last: z.number(), average: z.number(), max: z.number() }).nullable(),
    counters: z.object({
      framesIn: z.number(),
      clamped: z.number(),
      interpolated: z.number(),
      dropped: z.number(),
      reconnects: z.number(),
    }),
    warnings: z.array(z.object({ code: z.string(), sentence: z.string(), fix: z.string() })),
    segments: z.number(),
  })
  .openapi("StreamHealth");

const adminStream = z
  .object({
    name: z.string(),
    title: z.string(),
    createdMs: ms,
    managedBy: z.enum(["file", "platform"]),
    health: health.nullable(),
  })
  .openapi("Stream");

const ingest = z.object({ urls: z.array(z.string()).describe("RTMP and RTMPS addresses without the key") });

/** The API's bodies as the OpenAPI document shows them. */
export const schemas: {
  readonly problem: z.ZodType<Problem>;
  readonly live: z.ZodType<{ streams: LiveStream[] }>;
  readonly time: z.ZodType<{ nowMs: number }>;
  readonly stream: z.ZodType<AdminStream>;
  readonly streams: z.ZodType<{ streams: AdminStream[]; ingest: { urls: string[] } }>;
  readonly newKey: z.ZodType<{ stream: AdminStream; key: string; ingest: { urls: string[] } }>;
} = {
  problem,
  live: z.object({ streams: z.array(liveStream) }),
  time: z.object({ nowMs: ms }),
  stream: adminStream,
  streams: z.object({ streams: z.array(adminStream), ingest }),
  newKey: z.object({ stream: adminStream, key: z.string().describe("shown this once"), ingest }),
};

/** A stream to add. */
export const newStreamSchema: z.ZodType<{ name: string; title?: string | undefined }> = z
  .strictObject({
    name: z.string().min(1).max(NAME_CHARACTERS_MAX).openapi({ example: "main" }),
    title: z.string().max(TITLE_CHARACTERS_MAX).optional().openapi({ example: "Sunday match" }),
  })
  .openapi("NewStream");

/** `{name}` in a path. */
export const nameParams: z.ZodObject<{ name: z.ZodString }> = z.object({
  name: z.string().max(NAME_CHARACTERS_MAX).openapi({ example: "main" }),
});

/** `?stream=` of public answers. */
export const streamQuery: z.ZodObject<{ stream: z.ZodOptional<z.ZodString> }> = z.object({
  stream: z.string().max(NAME_CHARACTERS_MAX).optional().openapi({ description: "only this stream, on air or not" }),
});
