import { z } from "zod";
import type { DeclaredTarget } from "#control/declared-targets.ts";
import { isTargetText, TARGET_ALLOWED, TARGETS_PER_STREAM_MAX } from "#control/restream-target.ts";
import { KEY_FACTS, onOff, text } from "./config-keys.ts";

const field = (name: keyof typeof TARGET_ALLOWED, description: string, isSecret: boolean): z.ZodString =>
  text({ description, allowed: TARGET_ALLOWED[name], matches: (value) => isTargetText(name, value), isSecret });

/** One entry below `targets` of a stream. */
export const targetSchema: z.ZodType<DeclaredTarget> = z.strictObject({
  name: field("name", "What people call the target; unique among the stream's.", false),
  // Who forgets that the key stands apart writes it here.
  url: field("url", "Address of the server, without the key.", true),
  key: field("key", "What opens it.", true),
  rendition: field("rendition", "The picture it gets.", false).default("source"),
  enabled: onOff({ description: "How it begins; it may be stopped and started by hand." }).default(true),
});

const listText = "Other servers that get the stream while it is on air; see [restream](restream.md).";

/** `targets` of a stream. */
export const TARGETS: z.ZodType<readonly DeclaredTarget[]> = z
  .array(targetSchema)
  .max(TARGETS_PER_STREAM_MAX)
  .describe(listText)
  .register(KEY_FACTS, {
    kind: "list",
    description: listText,
    allowed: `a list of at most ${TARGETS_PER_STREAM_MAX} targets, each with name, url and key`,
    isSecret: true,
  });
