import { edgeOf, lastSegmentNumber, type MediaPlaylist } from "#probe/hls/media-playlist.ts";
import type { Exchange, ExchangeRule } from "./rule.ts";

/** Refusals are immediate: later than this the request was held first. */
const REFUSAL_MS_MAX = 500;
/** Blocking longer than this many target durations must end with 503. */
const BLOCKING_TARGETS_MAX = 3;

/** Parts by which `_HLS_part` may lie beyond the newest part (§6.2.5.2). */
export function advancePartLimit(partTargetS: number): number {
  return partTargetS < 1 ? Math.ceil(3 / partTargetS) : 3;
}

/** Whether a playlist contains a part (or something later), or, without a part, a whole segment. */
export function containsAsked(
  playlist: MediaPlaylist,
  asked: { readonly msn: number; readonly part: number | undefined },
): boolean {
  const last = lastSegmentNumber(playlist);
  if (asked.part === undefined || last >= asked.msn) return last >= asked.msn;
  const edge = edgeOf(playlist);
  return edge.msn > asked.msn || (edge.msn === asked.msn && edge.part >= asked.part);
}

function* refused(exchange: Exchange, what: string): Iterable<string> {
  const { asked, answer } = exchange;
  // The presentation may have moved on meanwhile, so that what was asked for was not too far any more.
  if (answer !== undefined && asked !== undefined && lastSegmentNumber(answer) >= asked.msn) return;
  if (exchange.status !== 400)
    yield `${what} was answered ${exchange.status} after ${Math.round(exchange.heldMs)} ms, not 400`;
  else if (exchange.heldMs > REFUSAL_MS_MAX) yield `${what} was refused only after ${Math.round(exchange.heldMs)} ms`;
}

function askedText({ asked }: Exchange): string {
  return `_HLS_msn=${asked?.msn}${asked?.part === undefined ? "" : `&_HLS_part=${asked.part}`}`;
}

function* checkBlocking(exchange: Exchange): Iterable<string> {
  const { asked, answer, status } = exchange;
  if (asked === undefined) return;
  if (status === 200 && answer !== undefined && !answer.endList && !containsAsked(answer, asked)) {
    const edge = edgeOf(answer);
    yield `${askedText(exchange)} was answered with a playlist that ends at ${edge.msn}.${edge.part}`;
  }
}

/** Where skipped segments must stop: how far the last skipped one's end may reach, in seconds from the end of the last whole segment. */
function* checkSkipBoundary({ answer, known }: Exchange): Iterable<string> {
  const skipped = answer?.skippedSegments;
  const boundary = answer?.serverControl?.canSkipUntilS;
  if (answer === undefined || skipped === undefined || boundary === undefined) return;
  if (skipped === 0) yield "SKIPPED-SEGMENTS=0";
  const kept = answer.segments.reduce((sum, segment) => sum + segment.durationS, 0);
  if (kept < boundary - 0.001) {
    yield `segments ${kept.toFixed(3)} s from the end were skipped, the skip boundary is ${boundary} s`;
  }
  const first = answer.segments[0];
  if (first !== undefined && kept - first.durationS > boundary + 0.001) {
    yield `segment ${first.msn} lies beyond the skip boundary and was not skipped`;
  }
  const lastKnown = known === undefined ? undefined : known.mediaSequence;
  if (lastKnown !== undefined && answer.mediaSequence < lastKnown)
    yield "the delta update begins before the full playlist";
}

function beyondBoundary(playlist: MediaPlaylist, boundaryS: number): boolean {
  let total = 0;
  for (const segment of playlist.segments) total += segment.durationS;
  return total - (playlist.segments[0]?.durationS ?? 0) > boundaryS + 0.001;
}

function* checkSkipAnswered({ answer, known, status }: Exchange): Iterable<string> {
  if (answer === undefined || known === undefined || status !== 200) return;
  const boundary = known.serverControl?.canSkipUntilS;
  if (boundary === undefined || known.endList) {
    if (answer.skippedSegments !== undefined) yield "_HLS_skip was obeyed although CAN-SKIP-UNTIL is not offered";
  } else if (answer.skippedSegments === undefined && !answer.endList && beyondBoundary(answer, boundary)) {
    yield "_HLS_skip was answered with the full playlist";
  }
}

/** Delivery directives (§6.2.5). */
export const DIRECTIVE_RULES: readonly ExchangeRule[] = [
  {
    on: "exchange",
    id: "blocking-answer-complete",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["blocking", "part-past-segment"],
    demands: "A blocking reload is answered with a playlist that has what was asked for, or with an error.",
    check: checkBlocking,
  },
  {
    on: "exchange",
    id: "blocking-succeeds",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["blocking"],
    demands: "A blocking reload for the next part or segment of a living presentation is answered 200.",
    *check(exchange) {
      if (exchange.status !== 200) yield `${askedText(exchange)} was answered ${exchange.status}`;
    },
  },
  {
    on: "exchange",
    id: "blocking-bounded",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["blocking"],
    demands: "A server that cannot answer within three target durations answers 503.",
    *check({ status, heldMs, known }) {
      const limitMs = BLOCKING_TARGETS_MAX * 1000 * (known?.targetDurationS ?? Number.POSITIVE_INFINITY);
      if (status !== 503 && heldMs > limitMs + REFUSAL_MS_MAX) {
        yield `held ${Math.round(heldMs)} ms, then answered ${status}`;
      }
    },
  },
  {
    on: "exchange",
    id: "part-without-msn-refused",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["part-without-msn"],
    demands: "_HLS_part without _HLS_msn is answered 400.",
    check: (exchange) => refused(exchange, "_HLS_part without _HLS_msn"),
  },
  {
    on: "exchange",
    id: "msn-too-far-refused",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["msn-too-far"],
    demands: "_HLS_msn more than two beyond the last segment is answered 400 at once.",
    check: (exchange) => refused(exchange, askedText(exchange)),
  },
  {
    on: "exchange",
    id: "part-too-far-refused",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["part-too-far"],
    demands: "_HLS_part beyond the advance part limit is answered 400 at once.",
    check: (exchange) => refused(exchange, askedText(exchange)),
  },
  {
    on: "exchange",
    id: "stale-msn-answered",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["stale"],
    demands: "_HLS_msn of the past, even of a removed segment, gets the whole current playlist at once.",
    *check(exchange) {
      const { status, answer, known, heldMs } = exchange;
      if (status !== 200) yield `${askedText(exchange)} was answered ${status}`;
      else if (heldMs > REFUSAL_MS_MAX) yield `${askedText(exchange)} was held ${Math.round(heldMs)} ms`;
      if (answer === undefined || known === undefined) return;
      if (answer.skippedSegments !== undefined) yield "a stale _HLS_msn was answered with a delta update";
      if (lastSegmentNumber(answer) < lastSegmentNumber(known))
        yield "a stale _HLS_msn was answered with an old playlist";
      if (answer.segments.length === 0 && known.segments.length > 0) yield "a stale _HLS_msn got an empty playlist";
    },
  },
  {
    on: "exchange",
    id: "part-past-segment-moves-on",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["part-past-segment"],
    demands: "A part index beyond the last part of a whole segment means part 0 of the next segment.",
    *check(exchange) {
      if (exchange.status !== 200) yield `${askedText(exchange)} was answered ${exchange.status}`;
    },
  },
  {
    on: "exchange",
    id: "directives-ignored-after-end",
    clause: "6.2.5.2",
    severity: "error",
    kinds: ["after-end"],
    demands: "_HLS_msn and _HLS_part are ignored in a playlist with EXT-X-ENDLIST.",
    *check(exchange) {
      if (exchange.status !== 200) yield `${askedText(exchange)} of an ended playlist was answered ${exchange.status}`;
      else if (exchange.heldMs > REFUSAL_MS_MAX) yield `held ${Math.round(exchange.heldMs)} ms`;
    },
  },
  {
    on: "exchange",
    id: "skip-honoured",
    clause: "6.2.5.1",
    severity: "error",
    kinds: ["skip", "blocking"],
    demands: "_HLS_skip gets a delta update if CAN-SKIP-UNTIL is offered, and is ignored otherwise.",
    *check(exchange) {
      if (exchange.url.includes("_HLS_skip=")) yield* checkSkipAnswered(exchange);
      else if (exchange.answer?.skippedSegments !== undefined) yield "a delta update nobody asked for";
    },
  },
  {
    on: "exchange",
    id: "skip-boundary",
    clause: "6.2.5.1, 4.4.5.2",
    severity: "error",
    kinds: ["skip", "blocking"],
    demands: "Exactly the segments further from the end of the last segment than the skip boundary are skipped.",
    check: checkSkipBoundary,
  },
];
