import type { Socket } from "node:net";
import { Fault } from "#faults/fault.ts";
import type { Role } from "#flow/role.ts";
import type { PublishProtocol } from "#media/publish.ts";
import { RtmpConnection } from "#protocols/rtmp/connection.ts";
import { ConnectionCount, INGEST_LIMITS_DEFAULT, type IngestLimits, plainAddress } from "./limits.ts";
import { type ListenAddress, type Listener, listen, type SocketTaker, type TlsIdentity } from "./listener.ts";
import type { IngestPorts } from "./ports.ts";
import { PublishSession, type SessionContext, sessionCounters } from "./publish-session.ts";
import { Refusals } from "./refusals.ts";
import type { PublishStatistics } from "./statistics.ts";

/** Deadlines and bitrates of all connections are looked at so often, in milliseconds. */
const SWEEP_MS = 250;
/** Default time for {@link Ingest.close}, in milliseconds. */
const CLOSE_MS = 2000;
/** Told faults (address and kind) that are remembered, to tell each once a minute. */
const TOLD_FAULTS_MAX = 10_000;
const TELL_EVERY_MS = 60_000;

/** What {@link startIngest} takes. */
export interface IngestOptions extends IngestPorts {
  readonly rtmp?: ListenAddress;
  readonly rtmps?: ListenAddress & { readonly tls: TlsIdentity };
  /** What is left out is {@link INGEST_LIMITS_DEFAULT}. */
  readonly limits?: Partial<IngestLimits>;
}

/** An open port. */
export interface IngestAddress {
  readonly protocol: PublishProtocol;
  readonly host: string;
  readonly port: number;
}

/** The running ingest. */
export interface Ingest extends Role {
  readonly addresses: readonly IngestAddress[];
  /** Everybody who publishes now. */
  sessions(): PublishStatistics[];
  /** Uses another certificate for new RTMPS connections. @throws Fault `TLS_UNUSABLE`; the old one then stays. */
  replaceCertificate(tls: TlsIdentity): void;
}

/**
 * Opens the ports and takes encoders in.
 * @throws Fault `PORT_IN_USE`, `PORT_FORBIDDEN`, `TLS_UNUSABLE`; nothing is left open then.
 */
export async function startIngest(options: IngestOptions): Promise<Ingest> {
  const ingest = new RunningIngest(options);
  await ingest.open(options);
  return ingest;
}

class RunningIngest implements Ingest {
  readonly #options: IngestOptions;
  readonly #limits: IngestLimits;
  readonly #count: ConnectionCount;
  readonly #context: SessionContext;
  readonly #sessions = new Set<PublishSession>();
  readonly #listeners: { readonly protocol: PublishProtocol; readonly listener: Listener }[] = [];
  readonly #toldMs = new Map<string, number>();
  readonly #removeGauges: (() => void)[];
  readonly #closed = Promise.withResolvers<Error | null>();
  #sweep: ReturnType<typeof setInterval> | undefined;
  #nextId = 1;
  #closing: Promise<void> | undefined;
  #empty: (() => void) | undefined;

  constructor(options: IngestOptions) {
    const { gatekeeper, clock, observer, metrics } = options;
    this.#options = options;
    this.#limits = { ...INGEST_LIMITS_DEFAULT, ...options.limits };
    this.#count = new ConnectionCount(this.#limits);
    this.#context = {
      gatekeeper,
      clock,
      observer,
      metrics,
      counters: sessionCounters(metrics),
      refusals: new Refusals(),
      left: (session) => this.#left(session),
      mayTell: (address, what, nowMs) => this.#mayTell(address, what, nowMs),
    };
    this.#removeGauges = [
      metrics.gauge("grandstand_ingest_connections", "Open encoder connections.", () => this.#sessions.size),
      metrics.gauge("grandstand_ingest_publishing", "Encoders publishing now.", () => this.#publishing()),
    ];
  }

  get closed(): Promise<Error | null> {
    return this.#closed.promise;
  }

  get addresses(): readonly IngestAddress[] {
    return this.#listeners.map(({ protocol, listener: { host, port } }) => ({ protocol, host, port }));
  }

  async open({ rtmp, rtmps }: IngestOptions): Promise<void> {
    try {
      if (rtmp !== undefined) await this.#listen("rtmp", rtmp);
      if (rtmps !== undefined) await this.#listen("rtmps", rtmps, rtmps.tls);
    } catch (error) {
      await this.close({ deadlineMs: 0 });
      throw error;
    }
    this.#sweep = setInterval(() => this.#tick(), SWEEP_MS);
  }

  sessions(): PublishStatistics[] {
    const nowMs = this.#options.clock.nowMs();
    return [...this.#sessions].map((session) => session.statistics(nowMs)).filter((one) => one !== undefined);
  }

  replaceCertificate(tls: TlsIdentity): void {
    for (const { protocol, listener } of this.#listeners) if (protocol === "rtmps") listener.replaceIdentity(tls);
  }

  close(options: { deadlineMs?: number } = {}): Promise<void> {
    this.#closing ??= this.#close(options.deadlineMs ?? CLOSE_MS);
    return this.#closing;
  }

  async #listen(protocol: PublishProtocol, address: ListenAddress, tls?: TlsIdentity): Promise<void> {
    const taker: SocketTaker = {
      socket: (socket) => this.#enter(socket, protocol),
      tlsFailed: (from) => this.#tlsFailed(plainAddress(from)),
    };
    const listener = await listen(address, taker, tls);
    this.#listeners.push({ protocol, listener });
    const { host, port } = listener;
    this.#options.observer.event("info", "ingest.listening", { protocol, host, port }, "ready for encoders");
  }

  #enter(socket: Socket, protocol: PublishProtocol): void {
    const { clock, observer } = this.#options;
    const address = plainAddress(socket.remoteAddress ?? "unknown");
    const place = this.#closing === undefined ? this.#count.enter(address) : "closing";
    if (place !== "entered") {
      socket.on("error", () => undefined);
      socket.destroy();
      if (place !== "closing" && this.#mayTell(address, place, clock.nowMs())) {
        const fields = { address, protocol, limit: place, connections: this.#count.total };
        observer.event("warn", "ingest.connection.refused", fields, "a connection limit was reached");
      }
      return;
    }
    const session = new PublishSession(this.#context, { id: this.#nextId++, protocol, address });
    this.#sessions.add(session);
    const { publishWithinMs, idleMs } = this.#limits;
    session.attach(
      new RtmpConnection(socket, { listener: session, nowMs: () => clock.nowMs(), publishWithinMs, idleMs }),
    );
  }

  #tlsFailed(address: string): void {
    const { clock, observer } = this.#options;
    if (!this.#mayTell(address, "tls", clock.nowMs())) return;
    const hint = "Use rtmps:// on this port, and a certificate the encoder trusts; rtmp:// has its own port.";
    const fields = { address, protocol: "rtmps", code: "RTMP_HANDSHAKE", hint };
    observer.event("warn", "ingest.connection.failed", fields, "the TLS handshake failed");
  }

  #left(session: PublishSession): void {
    if (!this.#sessions.delete(session)) return;
    this.#count.leave(session.address);
    if (this.#sessions.size === 0) this.#empty?.();
  }

  #tick(): void {
    const nowMs = this.#options.clock.nowMs();
    for (const session of this.#sessions) session.tick(nowMs);
  }

  #publishing(): number {
    let count = 0;
    for (const session of this.#sessions) if (session.publishing) count++;
    return count;
  }

  #mayTell(from: string, what: string, nowMs: number): boolean {
    const address = `${from} ${what}`;
    const toldMs = this.#toldMs.get(address);
    if (toldMs !== undefined && nowMs - toldMs < TELL_EVERY_MS) return false;
    this.#toldMs.delete(address);
    this.#toldMs.set(address, nowMs);
    if (this.#toldMs.size > TOLD_FAULTS_MAX) {
      for (const oldest of this.#toldMs.keys()) {
        this.#toldMs.delete(oldest);
        break;
      }
    }
    return true;
  }

  async #close(deadlineMs: number): Promise<void> {
    const stopped = this.#listeners.map(({ listener }) => listener.close());
    for (const session of this.#sessions) session.shutDown();
    if (this.#sessions.size > 0 && deadlineMs > 0) await this.#emptyWithin(deadlineMs);
    for (const session of this.#sessions) session.connection?.destroy(new Fault("CONNECTION_LOST", "the server stops"));
    await Promise.all(stopped);
    clearInterval(this.#sweep);
    for (const remove of this.#removeGauges) remove();
    this.#closed.resolve(null);
  }

  #emptyWithin(deadlineMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, deadlineMs);
      this.#empty = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}
