import type { FaultCode } from "#faults/codes.ts";
import type { Config } from "./config-schema.ts";

/** Facts of the start banner. */
export interface BannerFacts {
  readonly version: string;
  /** Base of ingest URLs, such as `rtmp://localhost:1935/live`, best first. */
  readonly ingest: readonly string[];
  /** Base of pages, such as `http://localhost:8080`, best first. */
  readonly web: readonly string[];
  /** Streams to show, the first with its key where it may be shown. */
  readonly stream: { readonly name: string; readonly key?: string } | undefined;
  readonly streamCount: number;
  readonly adminToken: string;
}

/** From the supervisor to the node process: start with this, once. */
export interface StartMessage {
  readonly type: "start";
  readonly config: Config;
  /** Crashes before this start. */
  readonly restarts: number;
}

/** From the node process to its supervisor. */
export type NodeMessage =
  | { readonly type: "listening"; readonly banner: BannerFacts }
  /** The node cannot run, and says why; it exits by itself. */
  | { readonly type: "fault"; readonly code: FaultCode; readonly message: string; readonly hint?: string }
  /** Each {@link ALIVE_INTERVAL_MS}: the event loop turns. */
  | { readonly type: "alive" };

/** How often the node process says that it lives, milliseconds. */
export const ALIVE_INTERVAL_MS = 1000;

/** Whether a message of a child process is one of {@link NodeMessage}. Only our own processes can write to the channel. */
export function isNodeMessage(message: unknown): message is NodeMessage {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  return message.type === "listening" || message.type === "fault" || message.type === "alive";
}

/** Whether a message of the parent process is a {@link StartMessage}. */
export function isStartMessage(message: unknown): message is StartMessage {
  return typeof message === "object" && message !== null && "type" in message && message.type === "start";
}
