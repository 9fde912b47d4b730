import { z } from "@hono/zod-openapi";
import {
  RENDITION_CHARACTERS_MAX,
  TARGET_KEY_CHARACTERS_MAX,
  TARGET_NAME_CHARACTERS_MAX,
  TARGET_URL_CHARACTERS_MAX,
} from "#control/restream-target.ts";
import type { AdminTarget, AdminTargetsAnswer } from "#web/wire.ts";
import type { TargetChange } from "./ports.ts";

const ms = z.number().describe("milliseconds since the Unix epoch");

const name = z.string().max(TARGET_NAME_CHARACTERS_MAX).openapi({
  description: "what people call it; unique among the stream's targets",
  example: "YouTube",
});
const url = z.string().max(TARGET_URL_CHARACTERS_MAX).openapi({
  description:
    "`rtmp://` or `rtmps://` with host and application, without the key. It may lie inside the operator's own network.",
  example: "rtmps://a.rtmps.youtube.com/live2",
});
const key = z.string().max(TARGET_KEY_CHARACTERS_MAX).openapi({
  description: "what opens it; kept encrypted, never shown again",
  example: "abcd-efgh-ijkl-mnop",
});
const rendition = z.string().max(RENDITION_CHARACTERS_MAX).openapi({
  description: "name of the picture's track: `source`, or a rung such as `720p`",
  example: "source",
});
const enabled = z.boolean().describe("whether it gets the stream while that is on air");

/** A target as the API shows it. */
export const targetSchema: z.ZodType<AdminTarget> = z
  .object({
    id: z.string(),
    name,
    url,
    keyEnd: z.string().describe("the key's last four characters; empty for a short key"),
    rendition,
    enabled,
    managedBy: z
      .enum(["file", "platform"])
      .describe("`file`: declared in the configuration file, changed there only; it may be started and stopped here"),
    state: z
      .enum(["waiting", "connecting", "live", "retrying", "refused", "stopped"])
      .describe(
        "`waiting`: nothing is on air; `retrying`: lost and tried again; `refused`: the server said no; `stopped`: not enabled",
      ),
    sinceMs: ms.nullable().describe("since when it stands so"),
    nextTryMs: ms.nullable().describe("when it is tried again"),
    lastProblem: z
      .object({ code: z.string(), message: z.string(), hint: z.string().nullable(), atMs: ms })
      .nullable()
      .describe("also when it has been overcome"),
    sentBytes: z.number(),
    reconnects: z.number(),
    droppedGops: z.number().describe("groups of pictures left out because it took less than the stream has"),
  })
  .openapi("Target");

/** A stream's targets. */
export const targetsSchema: z.ZodType<AdminTargetsAnswer> = z.object({ targets: z.array(targetSchema) });

/** A target to add. */
export const newTargetSchema: z.ZodType<TargetChange> = z
  .strictObject({ name, url, key, rendition: rendition.optional(), enabled: enabled.optional() })
  .openapi("NewTarget");

/** What of a target is to change. */
export const targetChangeSchema: z.ZodType<TargetChange> = z
  .strictObject({
    name: name.optional(),
    url: url.optional(),
    key: key.optional(),
    rendition: rendition.optional(),
    enabled: enabled.optional(),
  })
  .openapi("TargetChange");
