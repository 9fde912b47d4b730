import { z } from "@hono/zod-openapi";
import { OVERLAP_SECONDS_MAX } from "#control/catalogue.ts";
import { LATENCIES, SETTING_BOUNDS, SLATE_WORDS_CHARACTERS_MAX } from "#control/stream-settings.ts";
import { LADDER_ALLOWED, LADDER_CHARACTERS_MAX } from "#media/ladder.ts";
import { BUSY_POLICIES, CONTINUITIES, RETURN_POLICIES } from "#media/publish.ts";
import { AIR_ENDS, AIR_REASONS } from "#router/air-log.ts";
import type { AdminStream, EffectiveSettings, LiveStream, Problem } from "#web/wire.ts";

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
    state: z.enum(["live", "slate", "interrupted", "offline"]),
    startsSoon: z.boolean().describe("it shows its slate, and no encoder of this broadcast was there yet"),
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

const airSource = z
  .discriminatedUnion("kind", [
    z.object({
      kind: z.literal("encoder"),
      session: z.number().describe("its session's id"),
      role: z.enum(["primary", "backup"]),
      address: z.string(),
      protocol: z.string(),
      encoder: z.string().nullable(),
    }),
    z.object({ kind: z.literal("slate") }),
    z.object({ kind: z.literal("held") }),
  ])
  .describe("an encoder's picture, the prepared picture, or the last picture held");

const airtime = z
  .object({
    stretches: z
      .array(
        z.object({
          fromMs: ms.describe("milliseconds since the Unix epoch; until the next one begins"),
          source: airSource,
          why: z.enum(AIR_REASONS).describe("what became of the source before, or why this one was chosen"),
        }),
      )
      .describe("oldest first; in lists only the last one"),
    forgotten: z.number().describe("older stretches that are no longer known"),
    untilMs: ms.describe("now, by the clock of the stretches, or the broadcast's end"),
    endedWhy: z
      .enum(AIR_ENDS)
      .nullable()
      .describe("`crashed`: the server died and the broadcast has not gone on; until when is known to a few seconds"),
  })
  .openapi("Airtime");

const health = z
  .object({
    state: z.enum(["live", "slate", "interrupted"]),
    sinceMs: ms,
    sessions: z.array(
      z.object({
        id: z.number().describe("names it while its broadcast lasts; for `switch`"),
        role: z.enum(["primary", "backup"]),
        state: z
          .enum(["on-air", "merged", "standby"])
          .describe("`merged`: it carries what the one on air carries, and both are used"),
        silentMs: z.number().describe("since its last frame"),
        address: z.string(),
        protocol: z.string(),
        encoder: z.string().nullable(),
        connectedMs: ms,
        bitrate: z.number(),
        problem: z
          .string()
          .nullable()
          .describe("why it cannot be on air though it sends, such as pictures that cannot be decoded"),
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
      switches: z.number(),
    }),
    warnings: z.array(z.object({ code: z.string(), sentence: z.string(), fix: z.string() })),
    segments: z.number(),
    airtime,
  })
  .openapi("StreamHealth");

const bounds = (name: keyof typeof SETTING_BOUNDS) => ({
  minimum: SETTING_BOUNDS[name].min,
  maximum: SETTING_BOUNDS[name].max,
});
const SETTING_TEXTS = {
  latency: "how close to live: 500 ms parts, 1 s parts, no parts",
  segmentSeconds: "nominal duration of a segment, seconds",
  partMs: "part target, milliseconds; 0: no parts; overrides what `latency` says",
  graceSeconds: "how long a broadcast waits for its encoder to come back, seconds",
  ladder: `smaller pictures beside the source, made by this platform: ${LADDER_ALLOWED}; holds from the stream's next broadcast on`,
  whenBusy: "an encoder that comes while another one publishes stands by, takes over or is turned away",
  switchBack: "whether a backup stays on air when the primary encoder is back",
  continuity: "what viewers see while no encoder delivers: a prepared picture, the last one held, or the end",
  slateAfterMs: "for how long the last picture is held before that, milliseconds",
  slateWords: "words on the card that viewers see meanwhile",
  alwaysOn: "on air with its slate before the first encoder and after the last one, too",
} as const;
const settingFields = {
  latency: z.enum(LATENCIES).describe(SETTING_TEXTS.latency),
  segmentSeconds: z.number().describe(SETTING_TEXTS.segmentSeconds),
  partMs: z.number().describe(SETTING_TEXTS.partMs),
  graceSeconds: z.number().describe(SETTING_TEXTS.graceSeconds),
  ladder: z.string().describe(SETTING_TEXTS.ladder),
  whenBusy: z.enum(BUSY_POLICIES).describe(SETTING_TEXTS.whenBusy),
  switchBack: z.enum(RETURN_POLICIES).describe(SETTING_TEXTS.switchBack),
  continuity: z.enum(CONTINUITIES).describe(SETTING_TEXTS.continuity),
  slateAfterMs: z.number().describe(SETTING_TEXTS.slateAfterMs),
  slateWords: z.string().describe(SETTING_TEXTS.slateWords),
  alwaysOn: z.boolean().describe(SETTING_TEXTS.alwaysOn),
};
const effectiveSettings = z.object(settingFields).openapi("EffectiveSettings");

const keyInfo = z
  .object({
    id: z.string().describe("names the key when it is revoked; says nothing about it"),
    createdAtMs: ms,
    expiresAtMs: ms.exactOptional().describe("refused from then on; absent: valid until it is replaced"),
  })
  .openapi("Key", { required: ["id", "createdAtMs"] });

const pull = z
  .object({
    state: z.enum(["connecting", "live", "waiting", "ended"]).describe("`waiting`: before the next attempt"),
    place: z.string().describe("the source, without its secrets"),
    loop: z.boolean().describe("what has an end begins again there"),
    managedBy: z.enum(["file", "platform"]).describe("`file`: declared in the configuration file, changed there only"),
    sinceMs: ms,
    failures: z.number().describe("one after another"),
    nextTryMs: ms.nullable().describe("when it is tried again"),
    lastProblem: z
      .object({ code: z.string(), message: z.string(), hint: z.string().nullable(), atMs: ms })
      .nullable()
      .describe("also when it has been overcome"),
  })
  .openapi("Pull");

const adminStream = z
  .object({
    name: z.string(),
    title: z.string(),
    createdMs: ms,
    managedBy: z.enum(["file", "platform"]).describe("`file`: declared in the configuration file, changed there only"),
    settings: z
      .object({
        latency: settingFields.latency.exactOptional(),
        segmentSeconds: settingFields.segmentSeconds.exactOptional(),
        partMs: settingFields.partMs.exactOptional(),
        graceSeconds: settingFields.graceSeconds.exactOptional(),
        ladder: settingFields.ladder.exactOptional(),
        whenBusy: settingFields.whenBusy.exactOptional(),
        switchBack: settingFields.switchBack.exactOptional(),
        continuity: settingFields.continuity.exactOptional(),
        slateAfterMs: settingFields.slateAfterMs.exactOptional(),
        slateWords: settingFields.slateWords.exactOptional(),
        alwaysOn: settingFields.alwaysOn.exactOptional(),
      })
      .openapi({ description: "what the stream decides for itself", required: [] }),
    effectiveSettings: effectiveSettings.describe("what its next broadcast uses"),
    keys: z.array(keyInfo).describe("the keys that are valid now; their texts are shown once, when they are made"),
    health: health.nullable(),
    lastAirtime: airtime
      .exactOptional()
      .describe(
        "of the last broadcast, also of a server that was restarted since; absent while one is on air, in lists, and where none is known",
      ),
    pull: pull.exactOptional().describe("absent where the stream is not pulled"),
  })
  .openapi("Stream");

const ingest = z.object({ urls: z.array(z.string()).describe("RTMP and RTMPS addresses without the key") });

/** The API's bodies as the OpenAPI document shows them. */
export const schemas: {
  readonly problem: z.ZodType<Problem>;
  readonly live: z.ZodType<{ streams: LiveStream[] }>;
  readonly time: z.ZodType<{ nowMs: number }>;
  readonly stream: z.ZodType<AdminStream>;
  readonly streams: z.ZodType<{
    streams: AdminStream[];
    ingest: { urls: string[] };
    platformSettings: EffectiveSettings;
  }>;
  readonly newKey: z.ZodType<{ stream: AdminStream; key: string; keyId: string; ingest: { urls: string[] } }>;
} = {
  problem,
  live: z.object({ streams: z.array(liveStream) }),
  time: z.object({ nowMs: ms }),
  stream: adminStream,
  streams: z.object({
    streams: z.array(adminStream),
    ingest,
    platformSettings: effectiveSettings.describe("what streams use that decide nothing for themselves"),
  }),
  newKey: z
    .object({ stream: adminStream, key: z.string().describe("shown this once"), keyId: z.string(), ingest })
    .openapi("NewKey"),
};

/** Settings as they come from outside: what is allowed is decided, and told, by the catalogue's own parser. */
const givenSettings = z.record(z.string(), z.unknown()).openapi("StreamSettings", {
  type: "object",
  properties: {
    latency: { type: ["string", "null"], enum: [...LATENCIES, null], description: SETTING_TEXTS.latency },
    segmentSeconds: {
      type: ["number", "null"],
      ...bounds("segmentSeconds"),
      description: SETTING_TEXTS.segmentSeconds,
    },
    partMs: {
      oneOf: [{ type: "number", ...bounds("partMs") }, { const: 0 }, { type: "null" }],
      description: SETTING_TEXTS.partMs,
    },
    graceSeconds: { type: ["number", "null"], ...bounds("graceSeconds"), description: SETTING_TEXTS.graceSeconds },
    ladder: { type: ["string", "null"], maxLength: LADDER_CHARACTERS_MAX, description: SETTING_TEXTS.ladder },
    whenBusy: { type: ["string", "null"], enum: [...BUSY_POLICIES, null], description: SETTING_TEXTS.whenBusy },
    switchBack: { type: ["string", "null"], enum: [...RETURN_POLICIES, null], description: SETTING_TEXTS.switchBack },
    continuity: { type: ["string", "null"], enum: [...CONTINUITIES, null], description: SETTING_TEXTS.continuity },
    slateAfterMs: { type: ["number", "null"], ...bounds("slateAfterMs"), description: SETTING_TEXTS.slateAfterMs },
    slateWords: {
      type: ["string", "null"],
      minLength: 1,
      maxLength: SLATE_WORDS_CHARACTERS_MAX,
      description: SETTING_TEXTS.slateWords,
    },
    alwaysOn: { type: ["boolean", "null"], description: SETTING_TEXTS.alwaysOn },
  },
  additionalProperties: false,
  example: { latency: "low" },
});

const title = z
  .string()
  .max(TITLE_CHARACTERS_MAX)
  .openapi({ description: "what viewers read", example: "Sunday match" });

/** A stream to add. */
export const newStreamSchema: z.ZodType<{
  name: string;
  title?: string | undefined;
  settings?: Record<string, unknown> | undefined;
}> = z
  .strictObject({
    name: z.string().min(1).max(NAME_CHARACTERS_MAX).openapi({ example: "main" }),
    title: title.optional(),
    settings: givenSettings.optional(),
  })
  .openapi("NewStream");

/** What of a stream is to change. */
export const streamChangeSchema: z.ZodType<{
  title?: string | undefined;
  settings?: Record<string, unknown> | undefined;
}> = z
  .strictObject({ title: title.optional(), settings: givenSettings.optional() })
  .refine((change) => change.title !== undefined || change.settings !== undefined, {
    message: "give title, settings or both",
  })
  .openapi("StreamChange");

/** How a key is to be replaced. */
export const rotationSchema: z.ZodType<{ overlapSeconds?: number | undefined }> = z
  .strictObject({
    overlapSeconds: z.number().min(0).max(OVERLAP_SECONDS_MAX).optional().openapi({
      description: "how long the old keys still work; absent or 0: they end now, with the broadcast that uses one",
      example: 3600,
    }),
  })
  .openapi("KeyRotation");

const nameParam = z.string().max(NAME_CHARACTERS_MAX).openapi({ example: "main" });

/** `{name}` in a path. */
export const nameParams: z.ZodObject<{ name: z.ZodString }> = z.object({ name: nameParam });

/** `{name}` and `{id}` in a path. */
export const keyParams: z.ZodObject<{ name: z.ZodString; id: z.ZodString }> = z.object({
  name: nameParam,
  id: z
    .string()
    .max(NAME_CHARACTERS_MAX)
    .openapi({ example: "3f1c09ab42", description: "as `keys` of the stream shows it" }),
});

/** `?stream=` of public answers. */
export const streamQuery: z.ZodObject<{ stream: z.ZodOptional<z.ZodString> }> = z.object({
  stream: z.string().max(NAME_CHARACTERS_MAX).optional().openapi({ description: "only this stream, on air or not" }),
});

/** Which encoder session is to be on air. */
export const switchSchema: z.ZodType<{ session: number }> = z
  .strictObject({ session: z.int().min(1).openapi({ description: "its id in the stream's health", example: 2 }) })
  .openapi("Switch");
