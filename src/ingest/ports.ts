import type { Metrics } from "#observe/metrics.ts";
import type { Observer } from "#observe/event.ts";
import type { Gatekeeper } from "#media/publish.ts";
import type { Clock } from "#time/clock.ts";

/** What ingest needs from the rest of the node. */
export interface IngestPorts {
  /** Decides who may publish and takes their frames. */
  readonly gatekeeper: Gatekeeper;
  readonly clock: Clock;
  readonly observer: Observer;
  readonly metrics: Metrics;
}
