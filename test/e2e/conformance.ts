import type { ProbeReport } from "#probe/report.ts";
import { complaintsOf, warningsOf, watch } from "./watching.ts";

/** The three ways a stream is watched. */
export const PROTOCOLS = ["ll-hls", "hls", "dash"] as const;

/** What a watch by one protocol gave. */
export interface Verdict {
  readonly protocol: (typeof PROTOCOLS)[number];
  readonly report: ProbeReport;
  readonly complaints: readonly string[];
  readonly warnings: readonly string[];
}

/** Address of a stream for a protocol. `base` is `http://host/live/stream`. */
export function addressOf(base: string, protocol: (typeof PROTOCOLS)[number]): string {
  return `${base}/${protocol === "dash" ? "manifest.mpd" : "index.m3u8"}`;
}

/** Watches all renditions of a stream by all three protocols at once, strictly. */
export function verdictsOf(
  base: string,
  options: { readonly seconds: number; readonly timing: boolean },
): Promise<Verdict[]> {
  return Promise.all(
    PROTOCOLS.map(async (protocol) => {
      const report = await watch(addressOf(base, protocol), { seconds: options.seconds, protocol });
      return { protocol, report, complaints: complaintsOf(report, options), warnings: warningsOf(report) };
    }),
  );
}
