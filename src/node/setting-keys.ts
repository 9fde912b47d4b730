import { z } from "zod";
import {
  isSlateWords,
  LATENCIES,
  type Latency,
  SETTING_BOUNDS,
  SLATE_WORDS_ALLOWED,
} from "#control/stream-settings.ts";
import {
  BUSY_POLICIES,
  type BusyPolicy,
  CONTINUITIES,
  type Continuity,
  RETURN_POLICIES,
  type ReturnPolicy,
} from "#media/publish.ts";
import { choice, decimal, KEY_FACTS, onOff, text } from "./config-keys.ts";

type OneOf<Choice extends string> = z.ZodEnum<{ [Word in Choice]: Word }>;

const bounds = SETTING_BOUNDS;

/** 0 is a value of its own here: no parts. */
const partMs = z
  .number()
  .refine((value) => value === 0 || (value >= bounds.partMs.min && value <= bounds.partMs.max))
  .describe("Duration of a part; overrides what `latency` says. 0: no parts.")
  .register(KEY_FACTS, {
    kind: "number",
    description: "Duration of a part in milliseconds; overrides what `latency` says. 0: no parts.",
    allowed: `a number from ${bounds.partMs.min} to ${bounds.partMs.max}, or 0`,
    placeholder: "MS",
  });

/** Text that names a file; relative ones count from the working folder. */
export const PATH: { readonly allowed: string; readonly matches: RegExp; readonly placeholder: string } = {
  allowed: "the path of a file",
  matches: /^[^\0]+$/,
  placeholder: "PATH",
};

/** The keys that stand at the root for all streams, and below `streams` for one of them. */
export const SETTING_KEYS: {
  readonly latency: OneOf<Latency>;
  readonly segmentSeconds: z.ZodNumber;
  readonly partMs: z.ZodNumber;
  readonly graceSeconds: z.ZodNumber;
  readonly whenBusy: OneOf<BusyPolicy>;
  readonly switchBack: OneOf<ReturnPolicy>;
  readonly continuity: OneOf<Continuity>;
  readonly slateAfterMs: z.ZodNumber;
  readonly slateFile: z.ZodString;
  readonly slateWords: z.ZodString;
} = {
  latency: choice(LATENCIES, {
    description: "How close to live: `lowest` (500 ms parts), `low` (1 s parts) or `normal` (no parts).",
  }),
  segmentSeconds: decimal({
    ...bounds.segmentSeconds,
    description: "Duration of a segment in seconds. Best a multiple of the encoder's keyframe interval.",
    placeholder: "S",
  }),
  partMs,
  graceSeconds: decimal({
    ...bounds.graceSeconds,
    description: "How long a broadcast waits for its encoder to come back, in seconds, before it is over.",
    placeholder: "S",
  }),
  whenBusy: choice(BUSY_POLICIES, {
    description:
      "An encoder that comes while another one publishes the stream: `backup` stands by and steps in, `replace` takes over, `refuse` is turned away.",
  }),
  switchBack: choice(RETURN_POLICIES, {
    description:
      "When the primary encoder is back while a backup is on air: `sticky` leaves the backup there, `prefer-primary` returns after ten steady seconds.",
  }),
  continuity: choice(CONTINUITIES, {
    description:
      "What viewers see while no encoder delivers: `slate` shows a prepared picture, `hold` holds the last one, `end` ends the broadcast; see [continuity](continuity.md).",
  }),
  slateAfterMs: decimal({
    ...bounds.slateAfterMs,
    description: "For how long the last picture is held before that, in milliseconds.",
    placeholder: "MS",
  }),
  slateFile: text({
    ...PATH,
    description:
      "Image or clip that the slate shows. Without it, a card is made of the stream's title and `slateWords`.",
  }),
  slateWords: text({
    description: "Words on the card that the slate shows.",
    allowed: SLATE_WORDS_ALLOWED,
    matches: isSlateWords,
  }),
};

/** What a stream does beyond the time that its encoders are there; no platform decides it for all. */
export const ALWAYS_ON: z.ZodBoolean = onOff({
  description: "The stream is on air with its slate before the first encoder and after the last one, too.",
});
