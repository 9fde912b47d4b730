import { Fault } from "#faults/fault.ts";
import type { Clock } from "#time/clock.ts";
import { AdminSessions, SESSION_SECONDS } from "./admin-session.ts";
import { AttemptLimit } from "./attempt-limit.ts";
import type { AdminToken } from "./ports.ts";

/** Characters of an `Authorization` header that are looked at. */
const AUTHORIZATION_CHARACTERS_MAX = 600;

/** The `__Host-` prefix ties the cookie to this very host; browsers grant it over TLS only. */
const SECURE_COOKIE = "__Host-grandstand-admin";
const PLAIN_COOKIE = "grandstand-admin";

function cookieOf(request: Request, name: string): string | undefined {
  for (const pair of (request.headers.get("cookie") ?? "").split(";")) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

/** Whether the browser that sent this speaks TLS to somebody: to us, or to the proxy in front of us. */
function isSecure(request: Request): boolean {
  return request.url.startsWith("https:") || (request.headers.get("origin") ?? "").startsWith("https:");
}

/**
 * Whether a page of ours sent this request. Browsers say so in `Sec-Fetch-Site`; older ones send `Origin`, which must name the host that was
 * asked, or the public address when a proxy asks on somebody's behalf.
 */
function isSameOrigin(request: Request, publicHost: string | undefined): boolean {
  const site = request.headers.get("sec-fetch-site");
  if (site !== null) return site === "same-origin" || site === "none";
  const origin = request.headers.get("origin");
  if (origin === null || !URL.canParse(origin)) return false;
  const { host } = new URL(origin);
  return host === request.headers.get("host") || host === publicHost;
}

/** What {@link Access} needs. */
export interface AccessOptions {
  readonly admin: AdminToken;
  readonly clock: Clock;
  readonly publicUrl?: string;
}

/** Who is asking, and whether they may. */
export class Access {
  readonly #options: AccessOptions;
  readonly #sessions: AdminSessions;
  readonly #attempts = new AttemptLimit();
  readonly #publicHost: string | undefined;

  constructor(options: AccessOptions) {
    this.#options = options;
    this.#sessions = new AdminSessions(options.admin.text);
    this.#publicHost = options.publicUrl === undefined ? undefined : new URL(options.publicUrl).host;
  }

  /**
   * Compares a token, slowing down who guesses.
   * @throws Fault `UNAUTHORIZED` when it is wrong, `LIMIT_REACHED` after too many wrong ones from this address (`at`: seconds to wait).
   */
  checkToken(token: string, address: string): void {
    const nowMs = this.#options.clock.nowMs();
    const waitSeconds = this.#attempts.waitSeconds(address, nowMs);
    if (waitSeconds > 0) {
      throw new Fault("LIMIT_REACHED", "too many wrong tokens came from this address", {
        at: waitSeconds,
        hint: `Wait ${waitSeconds} s and try again.`,
      });
    }
    if (this.#options.admin.verify(token)) return;
    this.#attempts.wrong(address, nowMs);
    throw new Fault("UNAUTHORIZED", "this is not the admin token", {
      hint: "Copy it from the start banner; it is kept in the data folder.",
    });
  }

  #openCookie(request: Request): string | undefined {
    const wallMs = this.#options.clock.wallMs();
    // Only a browser that speaks TLS can have the first, so that the second cannot be smuggled in beside it.
    for (const name of isSecure(request) ? [SECURE_COOKIE] : [SECURE_COOKIE, PLAIN_COOKIE]) {
      const cookie = cookieOf(request, name);
      if (cookie !== undefined && this.#sessions.isOpen(cookie, wallMs)) return cookie;
    }
    return undefined;
  }

  /** Whether a page request comes from a logged-in browser. */
  isLoggedIn(request: Request): boolean {
    return this.#openCookie(request) !== undefined;
  }

  /**
   * Lets an operator's API request pass: the admin token as bearer, or a log-in cookie sent by a page of ours.
   * @throws Fault `UNAUTHORIZED`, `LIMIT_REACHED`, `REQUEST_REFUSED` when another site's page sent it.
   */
  requireAdmin(request: Request, address: string): void {
    const authorization = request.headers.get("authorization");
    if (authorization !== null) {
      const match = /^Bearer +(\S+)$/i.exec(authorization.slice(0, AUTHORIZATION_CHARACTERS_MAX));
      this.checkToken(match?.[1] ?? "", address);
      return;
    }
    if (this.#openCookie(request) === undefined) {
      throw new Fault("UNAUTHORIZED", "the request lacks the admin token", {
        hint: "Send it as `Authorization: Bearer TOKEN`, or log in at /admin.",
      });
    }
    if (request.method !== "GET" && request.method !== "HEAD") this.requireSameOrigin(request);
  }

  /** @throws Fault `REQUEST_REFUSED` unless a page of ours sent the request. */
  requireSameOrigin(request: Request): void {
    if (isSameOrigin(request, this.#publicHost)) return;
    throw new Fault("REQUEST_REFUSED", "the request was sent from another site's page", {
      hint: "Use the control room of this server, or send the admin token as bearer.",
    });
  }

  /** `Set-Cookie` that logs this browser in. */
  logInCookie(request: Request): string {
    const value = this.#sessions.open(this.#options.clock.wallMs());
    const rest = `=${value}; Path=/; HttpOnly; SameSite=Lax; Max-Age=${SESSION_SECONDS}`;
    return isSecure(request) ? `${SECURE_COOKIE}${rest}; Secure` : `${PLAIN_COOKIE}${rest}`;
  }

  /** Ends the session of this browser; the answer are the `Set-Cookie` headers that clear it. */
  logOut(request: Request): string[] {
    const cookie = this.#openCookie(request);
    if (cookie !== undefined) this.#sessions.end(cookie, this.#options.clock.wallMs());
    const gone = "=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0";
    return [`${SECURE_COOKIE}${gone}; Secure`, `${PLAIN_COOKIE}${gone}`];
  }
}
