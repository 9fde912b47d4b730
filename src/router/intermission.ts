/**
 * What viewers see while no encoder delivers, as the stream's `continuity` says: the slate, the last picture held, or the end of the broadcast.
 *
 *   encoder on air ─2 s─▶ its slate is made, beside everything else
 *   encoder gone ─`slateAfterMs`─▶ slate     encoder silent for as long, late, of no use ─▶ slate at once
 *   kept on air without any encoder ─▶ slate in the format of the last broadcast
 */
import type { InterruptionReason } from "#link/stream-event.ts";
import type { GateCheckpoint } from "#timeline/checkpoint.ts";
import type { Gate } from "#timeline/gate.ts";
import type { AirReason } from "./air-log.ts";
import type { EncoderSession } from "./encoder-session.ts";
import type { BroadcastSettings, RouterPorts } from "./ports.ts";
import { idleFormat, slateFormat } from "./slate-format.ts";
import { SlatePlayer } from "./slate-player.ts";

/** How long after an encoder went on air its slate is made, milliseconds: the first pictures have the processor to themselves. */
const SLATE_MADE_AFTER_MS = 2000;
/** How much of a slate goes out at once at most, milliseconds. */
const LEAD_MS_MAX = 500;
const NEVER = Number.POSITIVE_INFINITY;

/** The intermissions of one broadcast. */
export class Intermission {
  readonly #settings: BroadcastSettings;
  readonly #ports: RouterPorts;
  readonly #gate: Gate;
  readonly #checkpoint: GateCheckpoint | undefined;
  readonly #slate: SlatePlayer;
  readonly #end: () => void;
  /** When the session on air began. */
  #begunMs = 0;
  #dueMs = NEVER;
  #why: AirReason = "started";
  #isKept = false;

  /** @param options.end Ends the broadcast: its stream wants no intermission. */
  constructor(options: {
    readonly settings: BroadcastSettings;
    readonly ports: RouterPorts;
    readonly gate: Gate;
    readonly checkpoint: GateCheckpoint | undefined;
    readonly end: () => void;
  }) {
    const { settings, ports, gate } = options;
    this.#settings = settings;
    this.#ports = ports;
    this.#gate = gate;
    this.#checkpoint = options.checkpoint;
    this.#end = options.end;
    const { stream, title, slateFile: file, slateWords: words } = settings;
    this.#slate = new SlatePlayer({
      maker: ports.slates,
      gate,
      observer: ports.observer,
      texts: { stream, title, file, words },
      leadMs: Math.min(settings.partMs, LEAD_MS_MAX),
    });
  }

  /** The slate is on air. */
  get showsSlate(): boolean {
    return this.#slate.plays;
  }

  /** Why nobody is on air. */
  get why(): AirReason {
    return this.#why;
  }

  /** The broadcast is on air also without an encoder. */
  get isKept(): boolean {
    return this.#isKept;
  }

  /** From now on the broadcast is on air also without an encoder, or no longer. `hasEncoder`: one is on air. */
  keep(isKept: boolean, hasEncoder: boolean, nowMs: number): void {
    this.#isKept = isKept;
    if (isKept && !hasEncoder && !this.#slate.plays) this.#dueMs = nowMs;
  }

  /** An encoder goes on air. */
  encoderBegins(nowMs: number): void {
    this.#begunMs = nowMs;
    this.#dueMs = NEVER;
    this.#slate.pause();
  }

  /** None is on air any more. One whose connection ended may be back at once. */
  encoderLeft(why: InterruptionReason, nowMs: number): void {
    const isGone = why === "finished" || why === "lost" || why === "refused";
    this.#dueMs = isGone ? nowMs + this.#settings.slateAfterMs : nowMs;
    this.#why = why;
    this.#begin(nowMs);
  }

  /** Called several times a second, with the session on air. */
  tick(session: EncoderSession | undefined, nowMs: number, wallMs: number): void {
    this.#slate.tick(nowMs, wallMs);
    if (this.#settings.continuity === "slate") this.#prepare(session, nowMs);
    this.#begin(nowMs);
  }

  /** The broadcast is over. */
  close(): void {
    this.#dueMs = NEVER;
    this.#slate.close();
  }

  #prepare(session: EncoderSession | undefined, nowMs: number): void {
    const gate = this.#gate;
    if (session === undefined) {
      if (this.#isKept && !gate.started) this.#slate.prepare(idleFormat(this.#checkpoint), nowMs);
      return;
    }
    if (!gate.begun || nowMs - this.#begunMs < SLATE_MADE_AFTER_MS) return;
    const format = slateFormat(session, gate.timeline);
    if (format !== undefined) this.#slate.prepare(format, nowMs);
  }

  #begin(nowMs: number): void {
    const gate = this.#gate;
    // What was sent ahead of its time is still to be seen.
    if (nowMs < this.#dueMs || gate.aheadMs(nowMs) > 0 || (!gate.started && !this.#isKept)) return;
    const { continuity } = this.#settings;
    if (continuity === "end") this.#end();
    if (continuity !== "slate" || !this.#slate.isReady) return;
    this.#dueMs = NEVER;
    this.#slate.start(nowMs, this.#ports.clock.wallMs());
  }
}
