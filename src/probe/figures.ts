import type { RawResponse } from "./http/connection.ts";
import type { TrafficObserver } from "./http/client.ts";
import { Distribution } from "./distribution.ts";

/** The counters behind a report. Plain numbers that only grow; one set per group of viewers. */
export class Figures implements TrafficObserver {
  readonly blockingMs: Distribution = new Distribution();
  readonly requestMs: Distribution = new Distribution();
  readonly partIntervalMs: Distribution = new Distribution();
  readonly latencyMs: Distribution = new Distribution();
  readonly byStatus: Map<number, number> = new Map();
  latencyMsLast: number | null = null;
  /** Date of media time zero, in milliseconds since the Unix epoch. */
  dateOfZeroMs: number | null = null;
  bytes = 0;
  requests = 0;
  connectionsLost = 0;
  framesVideo = 0;
  framesAudio = 0;
  framesMissing = 0;
  framesRepeated = 0;
  gaps = 0;
  playlistAtMs: number | null = null;
  initAtMs: number | null = null;
  partAtMs: number | null = null;
  frameAtMs: number | null = null;

  answered(answer: RawResponse): void {
    this.bytes += answer.sizeBytes;
    this.requests++;
    this.byStatus.set(answer.status, (this.byStatus.get(answer.status) ?? 0) + 1);
  }

  lost(): void {
    this.connectionsLost++;
  }

  latency(ms: number): void {
    this.latencyMs.record(ms);
    this.latencyMsLast = Math.round(ms);
  }
}
