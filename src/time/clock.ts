/** Where time comes from. Nothing else in the pure folders may know what time it is. */
export interface Clock {
  /** Milliseconds of a monotonic clock with an arbitrary start, for durations and deadlines. May have fractions. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch, for anchors, `EXT-X-PROGRAM-DATE-TIME`, tokens and logs only. */
  wallMs(): number;
  /** Resolves after `ms`; rejects with the signal's reason when aborted. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}
