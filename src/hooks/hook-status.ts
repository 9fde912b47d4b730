import type { StreamEvent, StreamEventType } from "#link/stream-event.ts";

/** How a hook stands; holds nothing secret. Times are milliseconds since the Unix epoch. */
export interface HookStatus {
  /** Its place in the configuration: `hooks[0]`. */
  readonly name: string;
  /** Its address as {@link shownAddress} shows it. */
  readonly url: string;
  readonly events: readonly StreamEventType[];
  /** What becomes of a publication when it gives no usable answer. */
  readonly onFailure: "refuse" | "allow";
  /** `idle`: nothing was sent yet; `working`, `failing`: so the last exchange went; `gone`: it answered 410 and is told nothing more. */
  readonly state: "idle" | "working" | "failing" | "gone";
  /** Messages that wait or are on their way. */
  readonly waiting: number;
  readonly delivered: number;
  /** Exchanges without a usable answer, each attempt counted. */
  readonly failed: number;
  /** Messages given up or dropped. */
  readonly dropped: number;
  /** Publications decided. */
  readonly allowed: number;
  readonly refused: number;
  /** When it last took a message or answered a question; `null`: never. */
  readonly lastDeliveryMs: number | null;
  /** The last failure, also when it has been overcome; `null` before the first one. */
  readonly lastProblem: HookProblem | null;
}

/** A failure of a hook. */
export interface HookProblem {
  /** Such as `answered 500`. */
  readonly message: string;
  /** What it was about. */
  readonly type: StreamEvent["type"];
  readonly stream: string;
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
}

/** Words that stand in paths for people to read: short, and without digits or capitals, as random secrets are not. */
const PLAIN_SEGMENT = /^(?:[a-z][a-z._-]{0,19}|v\d{1,2})$/;

/** A hook's address for people: without user, query and fragment, and with `…` for whatever in its path may be a secret. */
export function shownAddress(url: string): string {
  const { protocol, host, pathname } = new URL(url);
  const path = pathname.split("/").map((segment) => (segment === "" || PLAIN_SEGMENT.test(segment) ? segment : "…"));
  return `${protocol}//${host}${path.join("/")}`.replace(/\/$/, "");
}
