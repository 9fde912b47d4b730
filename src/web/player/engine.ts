/** One quality a viewer can choose. */
export interface Quality {
  readonly index: number;
  readonly label: string;
}

/** What plays the stream: hls.js over media source extensions, or the browser's own player. */
export interface Engine {
  /** Begins at the live edge; called again, begins anew. */
  start(): void;
  /** Lets go of the media. */
  stop(): void;
  /** Moves to the live edge. */
  goLive(): void;
  /** How far the picture lies behind its capture by the server, milliseconds; `undefined` while unknown. */
  latencyMs(): number | undefined;
  /** Latency at the live edge, milliseconds. */
  targetLatencyMs(): number;
  /** Position of the live edge on the video's own time line, seconds. */
  livePosition(): number | undefined;
  /** Stream time of a position on the video's own time line: its `EXT-X-PROGRAM-DATE-TIME`, milliseconds since the Unix epoch. */
  dateMsAt(position: number): number | undefined;
  qualities(): readonly Quality[];
  /** What is chosen: -1 is automatic. */
  chosen(): number;
  /** What is playing; -1 while unknown. */
  playing(): number;
  choose(index: number): void;
}

/** What an engine tells. */
export interface EngineListener {
  /** The broadcast has ended and everything of it was shown. */
  ended(): void;
  /** The server has no room. */
  full(retryAfterSeconds: number): void;
  /** The server did not answer. */
  unreachable(): void;
  /** The browser has no decoder for what is sent. */
  undecodable(): void;
  /** Qualities or the chosen one changed. */
  changed(): void;
  /** What plays now has other parameters than what was before: another encoder's, or the slate's. */
  turned(): void;
  /** The picture is about to be taken away for a moment: keep what is seen. */
  freeze(): void;
}
