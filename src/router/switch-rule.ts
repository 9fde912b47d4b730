/**
 * Who should be on air. Decided anew at each tick and each keyframe, from what the sessions did so far:
 *
 *   on air ─silent, or slower than time goes by─▶ another one that delivers, at once; where there is none, after a while nobody
 *          ─delivers nothing that decodes──▶ another one, at its next keyframe; where there is none, after a while nobody
 *          ─its pictures are damaged──▶ another one that delivers, at once; where there is none, nobody
 *          ─`prefer-primary`, a primary that was steady for 10 s─▶ that one, at its next keyframe
 *
 * A session that closed and one that was chosen by hand are the broadcast's own business.
 */
import type { InterruptionReason } from "#link/stream-event.ts";
import type { ReturnPolicy, SessionEnd } from "#media/publish.ts";
import type { EncoderSession } from "./encoder-session.ts";
import { LAG_MS_MAX } from "./path-lag.ts";

/** How long an encoder must have delivered before it counts as steady, milliseconds. */
const STEADY_MS = 10_000;
/** How long the picture is held while frames come, before they count as undecodable, milliseconds. */
const UNDECODABLE_AFTER_MS = 1000;
/** Without a keyframe for so long, another encoder that sends some is better, milliseconds. */
const KEYFRAME_AGE_MS_MAX = 15_000;

/** The best of the sessions that deliver: a primary one before others, then the one that is steady longest. */
export function bestOf(sessions: readonly EncoderSession[], nowMs: number): EncoderSession | undefined {
  let best: EncoderSession | undefined;
  for (const session of sessions) {
    if (!session.delivers(nowMs)) continue;
    if (best === undefined || rank(session, nowMs) > rank(best, nowMs)) best = session;
  }
  return best;
}

function rank(session: EncoderSession, nowMs: number): number {
  return (session.role === "primary" ? 1e15 : 0) + session.steadyMs(nowMs);
}

/** Whether what is on air cannot be shown. `heldMs`: how long the gate has been holding a picture meanwhile. */
export function isUndecodable(onAir: EncoderSession, heldMs: number, nowMs: number): boolean {
  return heldMs >= UNDECODABLE_AFTER_MS || onAir.keyframeAgeMs(nowMs) > KEYFRAME_AGE_MS_MAX;
}

/** What may come in one burst before what follows is left out, milliseconds: relays send what they kept, a file comes without end. */
const AHEAD_MS_MAX = 5000;
/** How far it may fall behind an encoder that is a little slower than time goes by, milliseconds. */
const BEHIND_MS_MAX = 3000;

/** Share of what players bear that pictures may come late: those that come ever later have been failing for longer than they are late. */
const LATE_SHARE = 0.9;

/** What {@link restReason} looks at; times in milliseconds. */
export interface RestFacts {
  /** What viewers' players bear. */
  readonly afterMs: number;
  /** Since the last picture came. */
  readonly silentMs: number;
  /** Whether pictures come later and later. */
  readonly isLate: boolean;
  /** How much later than usual the next picture comes at the earliest. */
  readonly lateMs: number;
  /** How much later than another path the next picture may come. */
  readonly lagMs: number;
  /** How far behind stream time may be since paths were merged: the one that is left may always have lagged. */
  readonly bridgedMs: number;
  /** For how long the gate has been holding a picture. */
  readonly heldMs: number;
  /** How far stream time is behind real time. */
  readonly behindMs: number;
  /** Whether a decoder found its pictures damaged. */
  readonly isDamaged: boolean;
}

/** Why the session on air, which is the best there is, must not stay there; `undefined` while it may. */
export function restReason(facts: RestFacts): Exclude<InterruptionReason, SessionEnd> | undefined {
  const { afterMs, silentMs, isLate, lateMs, lagMs, bridgedMs, heldMs, behindMs, isDamaged } = facts;
  if (isDamaged) return "undecodable";
  if (behindMs < -AHEAD_MS_MAX) return "early";
  // What was sent ahead of its time is still to be seen; sound alone that goes on beside a held picture is not worth the wait.
  if (behindMs <= 0 && heldMs === 0) return undefined;
  if (silentMs >= afterMs + Math.min(LAG_MS_MAX, lagMs)) return "silent";
  const isTooLate = isLate && lateMs >= LATE_SHARE * afterMs;
  if (isTooLate || behindMs >= BEHIND_MS_MAX + bridgedMs) return "late";
  return heldMs >= afterMs ? "undecodable" : undefined;
}

/** Whether a session that has just sent a keyframe goes back on air by policy. */
export function returns(
  session: EncoderSession,
  onAir: EncoderSession,
  policy: { readonly switchBack: ReturnPolicy; readonly nowMs: number },
): boolean {
  const isBack = session.role === "primary" && onAir.role === "backup";
  return policy.switchBack === "prefer-primary" && isBack && isSteady(session, policy.nowMs);
}

/** Whether it has delivered for so long that it is known for what it is: it is preferred as a primary, and carries another encode if it is not merged. */
export function isSteady(session: EncoderSession, nowMs: number): boolean {
  return session.steadyMs(nowMs) >= STEADY_MS;
}
