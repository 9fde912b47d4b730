import type { StreamEventType } from "#link/stream-event.ts";

/** Hooks a configuration may have: each holds at most 28 HTTP exchanges at a time, and the runtime carries 256 in all. */
export const HOOKS_MAX = 8;

/** One entry of `hooks` in the configuration. */
export interface HookSettings {
  /** Where messages are posted, `https:` or `http:`; it may hold a secret itself, so it is never logged. */
  readonly url: string;
  /** `whsec_` and 24 to 64 bytes in base64. */
  readonly secret: string;
  /** What it is told; with `stream.publish-requested` it decides who may publish. */
  readonly events: readonly StreamEventType[];
  /** How long it may take to answer, milliseconds. */
  readonly timeoutMs: number;
  /** What becomes of a publication when it gives no usable answer in time. */
  readonly onFailure: "refuse" | "allow";
}
