import type { HlsConfig, LoaderConfig, LoadPolicy, RetryConfig } from "hls.js";

/** Fastest that the picture may run to catch up with the live edge: hardly noticed, also by ear. */
const CATCH_UP_RATE = 1.1;
/** Played media that is kept to go back to without asking again, seconds. */
const BACK_BUFFER_SECONDS = 30;
/** Longest buffer ahead; the live edge is far nearer, seconds. */
const AHEAD_SECONDS = 20;

function retry(maxNumRetry: number, retryDelayMs: number, maxRetryDelayMs: number): RetryConfig {
  return { maxNumRetry, retryDelayMs, maxRetryDelayMs, backoff: "linear" };
}

function policy(loading: LoaderConfig): LoadPolicy {
  return { default: loading };
}

/**
 * Low latency as the server offers it: hls.js stays `PART-HOLD-BACK` behind the edge. Retries are short, because what they wait for is back
 * within a second; what they do not mend, the engine starts anew.
 */
export const HLS_CONFIG: Partial<HlsConfig> = {
  lowLatencyMode: true,
  maxLiveSyncPlaybackRate: CATCH_UP_RATE,
  // The engine gives way after a stall itself, and takes it back: hls.js would keep the distance for ever.
  liveSyncOnStallIncrease: 0,
  liveDurationInfinity: true,
  backBufferLength: BACK_BUFFER_SECONDS,
  maxBufferLength: AHEAD_SECONDS,
  maxMaxBufferLength: AHEAD_SECONDS,
  // Guessing high starts with a good picture at once; measuring starts after the first part.
  abrEwmaDefaultEstimate: 4_000_000,
  testBandwidth: false,
  // Fragmented MP4 needs no remuxing: a worker would only cost its start.
  enableWorker: false,
  preferManagedMediaSource: true,
  enableInterstitialPlayback: false,
  enableCEA708Captions: false,
  manifestLoadPolicy: policy({
    maxTimeToFirstByteMs: 8_000,
    maxLoadTimeMs: 10_000,
    timeoutRetry: retry(1, 0, 0),
    errorRetry: retry(2, 200, 400),
  }),
  playlistLoadPolicy: policy({
    maxTimeToFirstByteMs: 10_000,
    maxLoadTimeMs: 15_000,
    timeoutRetry: retry(2, 0, 0),
    errorRetry: retry(3, 200, 600),
  }),
  fragLoadPolicy: policy({
    maxTimeToFirstByteMs: 8_000,
    maxLoadTimeMs: 20_000,
    timeoutRetry: retry(2, 0, 0),
    errorRetry: retry(4, 150, 600),
  }),
};
