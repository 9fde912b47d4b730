import { type Finding, type ProbeReport, renderLiveLine } from "#probe/report.ts";

function findingLines({ rule, clause, sentence, url, count }: Finding): string[] {
  const times = count === 1 ? "once" : `${count} times`;
  return [`  ${rule} (${clause}), ${times}: ${sentence}`, `    ${url}`];
}

function ms(value: number | null): string {
  return value === null ? "–" : `${Math.round(value)} ms`;
}

/** The whole report for people: the last line of the watch, the start, the renditions, and what was wrong. */
export function renderProbeReport(report: ProbeReport): string {
  const { startup, renditions, errors, warnings, load, failure, exitCode } = report;
  const lines = [renderLiveLine(report).trim()];
  if (failure !== null) return [...lines, "", `Watching was impossible: ${failure}`].join("\n");
  lines.push(
    "",
    `Start: playlist ${ms(startup.playlistMs)}, init ${ms(startup.initMs)}, first frame ${ms(startup.frameMs)}, playing ${ms(startup.playMs)}`,
    ...renditions.map((rendition) => {
      const { name, kind, codec, width, height, frameRate, segments, parts, frames } = rendition;
      const size =
        width === null ? "" : ` ${width}×${height ?? 0}${frameRate === null ? "" : ` ${frameRate.toFixed(3)} fps`}`;
      return `Rendition ${name}: ${kind} ${codec ?? "?"}${size}, ${segments} segments, ${parts} parts, ${frames} frames`;
    }),
  );
  if (load !== null) {
    lines.push(
      `Viewers: ${load.playing} of ${load.viewers} playing, ${load.viewersStalled} stalled, ${load.failures} failed requests`,
    );
  }
  for (const [label, findings] of [["Errors", errors] as const, ["Warnings", warnings] as const]) {
    if (findings.length > 0) lines.push("", `${label}:`, ...findings.flatMap(findingLines));
  }
  const checks = Object.values(report.checks).reduce((sum, count) => sum + count, 0);
  lines.push("", exitCode === 0 ? `Clean: ${checks} checks, no error.` : `${errors.length} rules were broken.`);
  return lines.join("\n");
}
