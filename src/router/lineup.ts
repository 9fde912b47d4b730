/**
 * The encoder sessions of a broadcast and which of them is on air:
 *
 *   session ─frames─▶ on air? ─yes─▶ the gate
 *                        └─no─▶ backlog ─its turn (`switch-rule.ts`, by hand, the other one gone)─▶ on air
 *   on air, silent or late or of no use, and no other one delivers ─▶ nobody is: the first that has a keyframe and keeps pace comes next
 *
 * Sessions that carry the same encode as the one on air are on air with it (`path-merge.ts`): the gate sees one.
 */
import { Fault } from "#faults/fault.ts";
import type { InterruptionReason, SwitchReason } from "#link/stream-event.ts";
import type { RawFrame, RawTrack } from "#media/frame.ts";
import type { PublishRequest, SessionEnd } from "#media/publish.ts";
import type { TrackConfig } from "#media/track.ts";
import type { Air, Switch } from "./air.ts";
import type { AirReason } from "./air-log.ts";
import { EncoderSession } from "./encoder-session.ts";
import { type SessionHealth, sessionHealth } from "./health.ts";
import { PictureJudge } from "./picture-judge.ts";
import type { BroadcastSettings, KeyframeJudgement, RouterPorts } from "./ports.ts";
import { LAG_MS_MAX } from "./path-lag.ts";
import { PathMerge } from "./path-merge.ts";
import { leavingFor, roleOf } from "./room.ts";
import { bestOf, isSteady, isUndecodable, returns, restReason } from "./switch-rule.ts";

/** How far a switch may bring stream time ahead of real time, milliseconds: a picture that was sent already is shown at once, and later. */
const AHEAD_MS_MAX = 1000;

/** Age of a keyframe that a switch may begin with, milliseconds: what follows it goes out in one burst, which subscribers must be able to take. */
const KEYFRAME_AGE_MS_MAX = 2000;

/** How much later than was bridged before the pictures of one path of several must come for it to count as late, milliseconds. */
const LATE_MS = 500;

/** Sound that has come for so long without a picture is sound alone, milliseconds. */
const PICTURELESS_AFTER_MS = 2000;

/** Who is connected, and who is on air. */
export class Lineup {
  readonly #settings: BroadcastSettings;
  readonly #ports: RouterPorts;
  readonly #air: Air;
  readonly #sessions: EncoderSession[] = [];
  #onAir: EncoderSession | undefined;
  /** The session on air and those that carry the same. */
  readonly #merge: PathMerge<EncoderSession>;
  readonly #judge: PictureJudge;
  /** Whose frame went to the gate last. */
  #source: EncoderSession | undefined;
  /** Goes on air at its next keyframe. */
  #wanted: { readonly session: EncoderSession; readonly why: SwitchReason } | undefined;
  /** Was put on air by hand and stays there whatever the policy. */
  #chosen: EncoderSession | undefined;
  /** A switch whose first picture is still to come. */
  #switching: Switch | undefined;
  /** Who was on air last, while nobody is, and the newest session then: one that comes later takes nobody's place. */
  #left: { readonly from: EncoderSession; readonly why: SwitchReason; readonly newest: number } | undefined;
  /** When a picture last went to the gate. */
  #fedMs = 0;
  /** Why the session on air is the one. */
  #why: AirReason = "back";
  #opened: number;
  #reconnects = 0;
  #switches = 0;

  /** @param options.opened Sessions that the broadcast had in another process: ids go on from there. */
  constructor(options: {
    readonly settings: BroadcastSettings;
    readonly ports: RouterPorts;
    readonly air: Air;
    readonly opened: number;
  }) {
    this.#opened = options.opened;
    this.#settings = options.settings;
    this.#ports = options.ports;
    this.#air = options.air;
    this.#judge = new PictureJudge(options.settings.stream, options.ports);
    this.#merge = new PathMerge((frame, nowMs, path) => this.#feed(frame, nowMs, path));
  }

  get onAir(): EncoderSession | undefined {
    return this.#onAir;
  }

  /** Why the session on air is the one. */
  get why(): AirReason {
    return this.#why;
  }

  /** Why another session goes on air whose first picture is still to come. */
  get switchingFor(): SwitchReason | undefined {
    return this.#switching?.why;
  }

  get sessions(): readonly EncoderSession[] {
    return this.#sessions;
  }

  /** Times that an encoder came while none was connected, but for the first. */
  get reconnects(): number {
    return this.#reconnects;
  }

  /** Times that another encoder came on air. */
  get switches(): number {
    return this.#switches;
  }

  /** How each session is doing, in the order they came. */
  health(nowMs: number): SessionHealth[] {
    return this.#sessions.map((one) => {
      const isMerged = this.#merge.has(one);
      return sessionHealth(one, one === this.#onAir ? "on-air" : isMerged ? "merged" : "standby", nowMs);
    });
  }

  /** Lets an encoder in. @throws Fault `STREAM_BUSY` where the stream takes one at a time and another one delivers. */
  open(request: PublishRequest): EncoderSession {
    const { clock, observer } = this.#ports;
    const { stream, whenBusy } = this.#settings;
    const nowMs = clock.nowMs();
    const sessions = this.#sessions;
    const { leave, why } = leavingFor({ request, sessions, onAir: this.#onAir, settings: this.#settings, nowMs });
    const role = roleOf(request, sessions);
    const session = new EncoderSession({ id: ++this.#opened, request, role, nowMs, wallMs: clock.wallMs() });
    if (sessions.length === 0 && session.id > 1) this.#reconnects++;
    sessions.push(session);
    const { protocol, address, encoder } = request;
    observer.event("info", "session.opened", { stream, session: session.id, role, address, protocol, encoder });
    for (const old of leave) this.#dismiss(old, why, nowMs);
    // What is shown until its first keyframe stays on air.
    if (this.#onAir === undefined && !this.#air.started) this.#putOnAir(session, nowMs);
    else if (whenBusy === "replace" && session !== this.#onAir) this.#wanted = { session, why: "replaced" };
    return session;
  }

  /** Puts a session on air at its next keyframe. @throws Fault `SESSION_UNKNOWN`. */
  switchTo(id: number): void {
    const session = this.#sessions.find((one) => one.id === id);
    if (session === undefined) {
      throw new Fault("SESSION_UNKNOWN", `${this.#settings.stream} has no encoder session ${id}`, {
        hint: "The stream's health lists its sessions with their ids.",
      });
    }
    if (this.#merge.has(session)) {
      if (session !== this.#onAir) this.#why = "by-hand";
      this.#onAir = this.#chosen = session;
    }
    this.#wanted = session === this.#onAir ? undefined : { session, why: "by-hand" };
  }

  /** Takes a frame of a session. */
  take(session: EncoderSession, frame: RawFrame, nowMs: number): void {
    session.arrived(frame, nowMs);
    this.#merge.take(session, frame, nowMs, this.#sessions.length > 1);
    if (this.#onAir !== undefined && frame.keyframe) this.#considerRest(this.#onAir, nowMs);
    if (this.#merge.has(session)) return;
    this.#judge.consider(session, frame, nowMs);
    // A session whose clock jumped while another one carries the same is on air no longer.
    if (session === this.#onAir) this.#leadAnother(nowMs);
    if (frame.keyframe && session.leads(frame)) this.#considerKeyframe(session, nowMs);
  }

  /** A keyframe of the session on air was decoded. Where its pictures are found damaged, another one that delivers takes its place. */
  judged(judgement: KeyframeJudgement, nowMs: number): void {
    this.#judge.judged([...this.#merge.paths], judgement);
    this.tick(nowMs);
  }

  /** Takes codec parameters of a session. */
  configure(session: EncoderSession, raw: RawTrack, config: TrackConfig, nowMs: number): void {
    const isNew = session.configure(raw, config);
    if (!this.#merge.has(session)) return;
    if (!isNew || !this.#merge.part(session, nowMs)) this.#air.configure(raw, config, nowMs);
    else if (session === this.#onAir) this.#leadAnother(nowMs);
  }

  /** Where the session on air fails, another one that delivers takes its place; where none does, nobody is on air. */
  tick(nowMs: number): void {
    const air = this.#air;
    this.#merge.tick(nowMs);
    air.expectLag(this.#merge.lagMs(nowMs));
    if (this.#onAir !== undefined && this.#fails(this.#onAir, nowMs)) this.#leadAnother(nowMs);
    const onAir = this.#onAir;
    if (onAir === undefined) return;
    const isDamaged = onAir.decodability.problem !== undefined;
    if (isDamaged || this.#fails(onAir, nowMs)) {
      const better = bestOf(this.#sessions, nowMs);
      // One that came lately may be a path that is back.
      if (better !== undefined && (isDamaged || isSteady(better, nowMs) || !this.#isAwaited(nowMs))) {
        const why = isDamaged ? "undecodable" : onAir.isSilent(nowMs) ? "silent" : "late";
        this.#switch(better, why, nowMs);
        return;
      }
    }
    this.#considerRest(onAir, nowMs);
  }

  #considerRest(onAir: EncoderSession, nowMs: number): void {
    const air = this.#air;
    if (!air.started) return;
    const why = restReason({
      afterMs: this.#settings.slateAfterMs,
      silentMs: Math.min(onAir.silentMs(nowMs), nowMs - this.#fedMs),
      isLate: this.#isLate(onAir, nowMs),
      lagMs: this.#merge.lagMs(nowMs),
      lateMs: onAir.lateMs(nowMs),
      bridgedMs: this.#bridgedMs,
      heldMs: air.heldMs(nowMs),
      behindMs: -air.aheadMs(nowMs),
      isDamaged: onAir.decodability.problem !== undefined,
    });
    if (why !== undefined) this.#rest(why, nowMs);
  }

  /** A session is over. Does nothing when it was already. */
  end(session: EncoderSession, why: SessionEnd, nowMs: number): void {
    const at = this.#sessions.indexOf(session);
    if (at < 0) return;
    this.#sessions.splice(at, 1);
    session.backlog.clear();
    if (this.#wanted?.session === session) this.#wanted = undefined;
    const { address } = session.request;
    const { stream } = this.#settings;
    this.#ports.observer.event("info", "session.closed", { stream, session: session.id, address, why });
    const isOnAir = session === this.#onAir;
    this.#merge.remove(session, nowMs);
    if (isOnAir && !this.#leadAnother(nowMs)) this.#follow(why, nowMs);
  }

  /** Throws everybody out; nobody steps in. */
  expel(fault: Fault, nowMs: number): void {
    const leaving = this.#sessions.toSorted((a, b) => Number(a === this.#onAir) - Number(b === this.#onAir));
    for (const session of leaving) {
      this.end(session, "refused", nowMs);
      session.expelled.abort(fault);
    }
  }

  /** The broadcast is over: sessions end without a word to the gate. */
  close(fault: Fault): void {
    this.#onAir = undefined;
    this.#switching = undefined;
    this.#left = undefined;
    this.#wanted = undefined;
    this.#merge.clear();
    for (const session of this.#sessions.splice(0)) {
      session.backlog.clear();
      session.expelled.abort(fault);
    }
  }

  #considerKeyframe(session: EncoderSession, nowMs: number): void {
    const onAir = this.#onAir;
    const { switchBack } = this.#settings;
    // What comes in a burst would bring stream time ahead of real time.
    if (!session.delivers(nowMs)) return;
    if (this.#wanted?.session === session) this.#switch(session, this.#wanted.why, nowMs);
    else if (onAir === undefined) this.#considerResume(session, nowMs);
    else if (this.#fails(onAir, nowMs)) this.tick(nowMs);
    else if (isUndecodable(onAir, this.#air.heldMs(nowMs), nowMs)) this.#switch(session, "undecodable", nowMs);
    else if (this.#chosen !== onAir && returns(session, onAir, { switchBack, nowMs }))
      this.#switch(session, "primary-is-back", nowMs);
  }

  /** Whether another encoder should be on air. Where several carry the same, what is late from one came from another, or will have been as late. */
  #fails(onAir: EncoderSession, nowMs: number): boolean {
    return onAir.isSilent(nowMs) || this.#isLate(onAir, nowMs);
  }

  /** Whether what comes next may only be under way still: a path of those that are merged lags. */
  #isAwaited(nowMs: number): boolean {
    const lagMs = this.#merge.lagMs(nowMs);
    return lagMs > 0 && nowMs - this.#fedMs < lagMs + LATE_MS;
  }

  /** How much later than it began a path may be, milliseconds: where another one is merged with it, nothing is lost. */
  get #bridgedMs(): number {
    return this.#merge.hasMerged ? LAG_MS_MAX : 0;
  }

  #isLate(onAir: EncoderSession, nowMs: number): boolean {
    const bridgedMs = this.#merge.isLonely(nowMs) ? LAG_MS_MAX : 0;
    return onAir.isLate(nowMs) && this.#merge.pathCount < 2 && onAir.lateMs(nowMs) > bridgedMs + LATE_MS;
  }

  /** Of the sessions that carry the same, one that delivers is called the one on air. Answers whether there is one. */
  #leadAnother(nowMs: number): boolean {
    const paths = [...this.#merge.paths].filter((one) => one !== this.#onAir);
    // One that is late is as good: another one gave what it still has to give.
    const next =
      bestOf(paths, nowMs) ??
      paths.find((one) => !one.isSilent(nowMs)) ??
      (this.#onAir !== undefined && this.#merge.has(this.#onAir) ? undefined : paths[0]);
    if (next === undefined) return false;
    if (next !== this.#onAir) this.#why = "merged-path-lost";
    this.#onAir = next;
    return true;
  }

  #feed(frame: RawFrame, arrivedMs: number, path: EncoderSession): void {
    if (path !== this.#source) {
      this.#source = path;
      for (const { raw, config } of path.configs.values()) this.#air.configure(raw, config, arrivedMs);
    }
    if (path.leads(frame)) this.#fedMs = arrivedMs;
    this.#air.feed(frame, arrivedMs);
    const change = this.#switching;
    if (change === undefined || !this.#air.begun) return;
    this.#switching = undefined;
    this.#switches++;
    this.#air.switched(change);
  }

  /** Another session goes on air; the one before stands by, where it is still connected. */
  #switch(to: EncoderSession, why: SwitchReason, nowMs: number): void {
    const from = this.#onAir;
    if (from !== undefined && this.#air.started) this.#switching = { from: this.#switching?.from ?? from, to, why };
    this.#chosen = why === "by-hand" ? to : undefined;
    this.#putOnAir(to, nowMs, why);
    if (why !== "replaced") return;
    const fault = new Fault("STREAM_BUSY", "another encoder took over, as this stream's whenBusy says");
    for (const old of this.#sessions.filter((one) => one !== to)) this.#dismiss(old, fault, nowMs);
  }

  /** Nobody is on air. One that sends sound alone would only hold the picture there was. */
  #considerResume(session: EncoderSession, nowMs: number): void {
    if (session.hasPicture || !this.#air.hasPicture) {
      this.#resume(session, nowMs);
      return;
    }
    if (session.isToldPictureless || session.steadyMs(nowMs) < PICTURELESS_AFTER_MS) return;
    session.isToldPictureless = true;
    const fields = { stream: this.#settings.stream, session: session.id, address: session.request.address };
    const text =
      "the encoder sends sound alone, but this broadcast has a picture: let it send one, or end the broadcast";
    this.#ports.observer.event("warn", "session.pictureless", fields, text);
  }

  /** Nobody was on air; now this session is. It takes the place of the one before when it was there already then. */
  #resume(session: EncoderSession, nowMs: number): void {
    const left = this.#left;
    const takesPlace = left !== undefined && left.from !== session && session.id <= left.newest;
    if (takesPlace) this.#switching = { from: left.from, to: session, why: left.why };
    this.#chosen = undefined;
    this.#putOnAir(session, nowMs, takesPlace ? left.why : "back");
  }

  /** Nobody delivers: nobody is on air. Sessions that are connected stand by. */
  #rest(why: InterruptionReason, nowMs: number): void {
    const from = this.#onAir;
    // Where a switch was under way, viewers saw nothing yet of the one that should have come.
    const before = this.#switching ?? { from, why };
    if (from !== undefined && before.from !== undefined && this.#air.started)
      this.#left = { from: before.from, why: before.why, newest: this.#opened };
    this.#onAir = undefined;
    this.#switching = undefined;
    this.#source = undefined;
    this.#merge.clear();
    this.#air.leave(why, nowMs);
  }

  #dismiss(session: EncoderSession, why: Fault, nowMs: number): void {
    this.end(session, "lost", nowMs);
    session.expelled.abort(why);
  }

  /** The gate begins with the newest keyframe that the session has sent, where that is recent, or with its next one. */
  #putOnAir(session: EncoderSession, nowMs: number, why: AirReason = "back"): void {
    this.#onAir = session;
    this.#left = undefined;
    this.#why = why;
    if (this.#wanted?.session === session) this.#wanted = undefined;
    this.#source = session;
    this.#fedMs = nowMs;
    this.#air.begin(session, nowMs);
    this.#merge.begin(session);
    const kept = session.backlog.fromKeyframe(session.hasPicture);
    session.backlog.clear();
    const leading = kept.filter(({ frame }) => session.leads(frame));
    const [key] = leading;
    if (key === undefined) return;
    const ageMs = nowMs - key.nowMs;
    const spanMs = ((leading.at(-1)?.frame.dts ?? key.frame.dts) - key.frame.dts) | 0;
    const aheadMs = spanMs + Math.max(-ageMs, this.#air.aheadMs(nowMs));
    if (ageMs > KEYFRAME_AGE_MS_MAX || aheadMs > AHEAD_MS_MAX) return;
    for (const { frame, nowMs: arrivedMs } of kept) this.#merge.take(session, frame, arrivedMs);
  }

  /** The session on air is gone: another one that delivers steps in at once. */
  #follow(why: SessionEnd, nowMs: number): void {
    const next = bestOf(this.#sessions, nowMs);
    if (next === undefined) this.#rest(why, nowMs);
    else this.#switch(next, why, nowMs);
  }
}
