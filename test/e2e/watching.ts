import { silentObserver } from "#observe/event.ts";
import { startProbe } from "#probe/index.ts";
import type { ProbeReport, RenditionReport } from "#probe/report.ts";
import { systemClock } from "#time/system-clock.ts";

/** Watches every rendition strictly for `seconds`; the protocol is by the URL unless given. */
export function watch(
  url: string,
  options: { readonly seconds: number; readonly protocol?: "ll-hls" | "hls" | "dash" },
): Promise<ProbeReport> {
  const { seconds, protocol } = options;
  return startProbe({
    url,
    seconds,
    protocol,
    allRenditions: true,
    clock: systemClock,
    observer: silentObserver,
    signal: new AbortController().signal,
  });
}

/** Rules about the pace of the stream: what breaks them may be a machine that has too little time for the encoder. */
const TIMING_RULES: ReadonlySet<string> = new Set([
  "part-clock",
  "segment-clock",
  "stale-msn-answered",
  "part-at-line-speed",
  "blocking-bounded",
]);

/** Rules that an encoder breaks by itself when it has too little time: it leaves pictures out, and single ones last longer than a part may. */
const STARVED_RULES: ReadonlySet<string> = new Set([
  ...TIMING_RULES,
  "part-long-enough",
  "duration-true",
  "parts-fill-segment",
  "dates-contiguous",
  "dates-match-media",
  "dash-media-matches-timeline",
  "hint-becomes-part",
  "average-bandwidth-true",
]);

/** What of the complaints stands when the machine had too little time for the encoder. */
export function withoutStarvation(complaints: readonly string[]): string[] {
  return complaints.filter((line) => !STARVED_RULES.has(line.split(" ")[0] ?? ""));
}

/** Everything a viewer would complain about, one line each; empty when the watch was clean. `timing` false leaves the pace out. */
export function complaintsOf(report: ProbeReport, options: { readonly timing: boolean }): string[] {
  const lines = report.errors
    .filter(({ rule }) => options.timing || !TIMING_RULES.has(rule))
    .map(({ rule, count, sentence, url }) => `${rule} ×${count}: ${sentence} (${url})`);
  if (report.failure !== null) lines.push(report.failure);
  if (report.framesMissing > 0) lines.push(`${report.framesMissing} frames missing`);
  if (report.framesRepeated > 0) lines.push(`${report.framesRepeated} frames repeated`);
  if (report.gaps > 0) lines.push(`${report.gaps} gaps`);
  if (report.renditions.length === 0 || report.renditions.some(({ frames }) => frames === 0)) {
    lines.push("a rendition without frames");
  }
  return lines;
}

/** Warnings, one line each. */
export function warningsOf(report: ProbeReport): string[] {
  return report.warnings.map(({ rule, count, sentence }) => `${rule} ×${count}: ${sentence}`);
}

/** The watched rendition of a kind. */
export function rendition(report: ProbeReport, kind: "video" | "audio"): RenditionReport | undefined {
  return report.renditions.find((watched) => watched.kind === kind);
}
