import { advancePartLimit } from "#probe/conformance/directive-rules.ts";
import type { ExchangeKind } from "#probe/conformance/rule.ts";
import { lastSegmentNumber, type MediaPlaylist } from "#probe/hls/media-playlist.ts";
import { ask, pause, type Watch, withDirectives } from "./watch.ts";

/** Between two experiments, in milliseconds: a strict player, not an attacker. */
const BETWEEN_TESTS_MS = 250;
/** After the last experiment before all are made again. */
const BETWEEN_ROUNDS_MS = 15_000;

interface Experiment {
  readonly kind: ExchangeKind;
  readonly url: string;
  readonly asked?: { readonly msn: number; readonly part: number | undefined };
}

function stranger(url: string): string {
  const at = url.search(/\.[A-Za-z0-9]+(\?|$)/);
  return at === -1 ? `${url}-none` : `${url.slice(0, at)}-none${url.slice(at)}`;
}

/** The experiments of one round, given the newest playlist. */
export function experiments(playlist: MediaPlaylist, url: string, lowLatency: boolean): Experiment[] {
  const last = lastSegmentNumber(playlist);
  const found: Experiment[] = [];
  const add = (kind: ExchangeKind, msn: number, part?: number): void => {
    const target = withDirectives(url, { _HLS_msn: msn, _HLS_part: part });
    found.push({ kind, url: target, asked: { msn, part } });
  };
  const newest = playlist.segments.at(-1);
  if (newest !== undefined) found.push({ kind: "unknown", url: stranger(new URL(newest.uri, url).href) });
  found.push({ kind: "playlist", url });
  if (playlist.endList) {
    add("after-end", last + 100, 0);
    return found;
  }
  if (!lowLatency || !playlist.serverControl?.canBlockReload) return found;
  found.push({ kind: "part-without-msn", url: withDirectives(url, { _HLS_part: 0 }) });
  // A segment may be added while the request is on its way: one more than the rule's two beyond the last.
  add("msn-too-far", last + 4);
  add("msn-too-far", last + 1_000_000);
  const target = playlist.partTargetS;
  if (target !== undefined) {
    const room = Math.ceil(playlist.targetDurationS / target);
    add("part-too-far", last + 1, playlist.openParts.length + room + advancePartLimit(target) + 1);
  }
  add("stale", Math.max(0, playlist.mediaSequence - 5));
  add("stale", playlist.mediaSequence, 0);
  if (newest !== undefined && newest.parts.length > 0) add("part-past-segment", newest.msn, newest.parts.length);
  found.push({ kind: "skip", url: withDirectives(url, { _HLS_skip: "YES" }) });
  found.push({ kind: "skip", url: withDirectives(url, { _HLS_skip: "v2" }) });
  return found;
}

/** One round of experiments against the newest playlist. */
export async function runExperiments(
  watch: Watch,
  url: string,
  newest: () => MediaPlaylist | undefined,
): Promise<void> {
  const first = newest();
  const count = first === undefined ? 0 : experiments(first, url, watch.lowLatency).length;
  for (let i = 0; i < count; i++) {
    // Made anew each time, for the playlist has moved on.
    const known = newest();
    const experiment = known === undefined ? undefined : experiments(known, url, watch.lowLatency)[i];
    if (known === undefined || experiment === undefined) return;
    const { kind, asked } = experiment;
    await ask(watch, kind, experiment.url, { known, asked, timeoutMs: 3000 * known.targetDurationS + 2000 });
    if (!(await pause(watch, BETWEEN_TESTS_MS))) return;
  }
}

/** Makes the requests a well-behaved player never makes, to see that the server refuses or answers them as §6.2.5 says. */
export async function runDirectiveTests(
  watch: Watch,
  url: string,
  newest: () => MediaPlaylist | undefined,
): Promise<void> {
  while (await pause(watch, BETWEEN_TESTS_MS)) {
    if (newest() === undefined) continue;
    await runExperiments(watch, url, newest);
    if (!(await pause(watch, BETWEEN_ROUNDS_MS))) return;
  }
}
