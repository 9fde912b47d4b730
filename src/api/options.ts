import type { Observer } from "#observe/event.ts";
import type { Metrics } from "#observe/metrics.ts";
import type { Clock } from "#time/clock.ts";
import type {
  AdminToken,
  BroadcastStopper,
  HookStatuses,
  LiveStatus,
  PullCatalogue,
  StreamCatalogue,
  TargetCatalogue,
  TargetStatuses,
} from "./ports.ts";

/** How the pages call and colour themselves. */
export interface Site {
  readonly name: string;
  /** CSS colour in place of the green. */
  readonly accent?: string;
  /** Picture in place of the mark beside the name. */
  readonly logo?: { readonly bytes: Uint8Array<ArrayBuffer>; readonly type: string };
}

/** What {@link import("./index.ts").createApi} needs. */
export interface ApiOptions {
  readonly catalogue: StreamCatalogue;
  readonly admin: AdminToken;
  readonly live: LiveStatus;
  readonly broadcasts: BroadcastStopper;
  readonly targets: TargetCatalogue;
  readonly pulls: PullCatalogue;
  readonly restream: TargetStatuses;
  readonly hooks: HookStatuses;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
  readonly version: string;
  readonly site: Site;
  readonly ingest: {
    readonly rtmpPort: number;
    /** Absent: no RTMPS. */
    readonly rtmpsPort?: number;
    /** Host name in ingest addresses. Default: the one the page was asked at. */
    readonly host?: string;
  };
  /** Address under which viewers reach the pages when it is not the one they are asked at. */
  readonly publicUrl?: string;
  /** False until every listener is up, and while the node drains. */
  isReady(): boolean;
  /** Readable browser code with source maps. Default false. */
  readonly readableAssets?: boolean;
}
