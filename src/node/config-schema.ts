import { isIP } from "node:net";
import { z } from "zod";
import { ADMIN_TOKEN_CHARACTERS_MAX, ADMIN_TOKEN_CHARACTERS_MIN } from "#control/admin-token.ts";
import type { DeclaredTarget } from "#control/declared-targets.ts";
import { isDeclarableKey, KEY_ALLOWED } from "#control/stream-key.ts";
import { isStreamName, STREAM_NAME_ALLOWED } from "#control/stream-name.ts";
import type { Latency } from "#control/stream-settings.ts";
import { HOOKS_MAX, type HookSettings } from "#hooks/hook-settings.ts";
import { SECRET_ALLOWED, secretBytes } from "#hooks/signature.ts";
import type { BusyPolicy, Continuity, ReturnPolicy } from "#media/publish.ts";
import { STREAM_EVENT_TYPES } from "#link/stream-event.ts";
import { LADDER_ALLOWED, parseLadder } from "#media/ladder.ts";
import { parsePullSource, PULL_ALLOWED } from "#media/pull-source.ts";
import { choice, decimal, KEY_FACTS, onOff, text, whole } from "./config-keys.ts";
import { ALWAYS_ON, PATH, SETTING_KEYS } from "./setting-keys.ts";
import { TARGETS } from "./target-keys.ts";

const PORT = { min: 1, max: 65_535 } as const;

function isHost(value: string): boolean {
  return isIP(value) !== 0 || /^[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?$/.test(value);
}

function isWebUrl(value: string): boolean {
  return URL.canParse(value) && ["http:", "https:"].includes(new URL(value).protocol);
}

function isHookUrl(value: string): boolean {
  if (!isWebUrl(value)) return false;
  const { username, password } = new URL(value);
  return username === "" && password === "";
}

const tls = z.strictObject({
  cert: text({
    ...PATH,
    description: "PEM certificate chain; with it and `tls.key` the platform speaks HTTPS and RTMPS too.",
  }).optional(),
  key: text({ ...PATH, description: "PEM private key of the certificate, without a passphrase." }).optional(),
  httpsPort: whole({ ...PORT, description: "TCP port for HTTPS, used when a certificate is given." }).default(8443),
  rtmpsPort: whole({ ...PORT, description: "TCP port for RTMPS, used when a certificate is given." }).default(1936),
  http3: onOff({ description: "HTTP/3 on the UDP port of the same number as `tls.httpsPort`. Experimental." }).default(
    false,
  ),
});

const limits = z.strictObject({
  publishers: whole({ min: 1, max: 10_000, description: "Encoders on air at the same time." }).default(1000),
  connections: whole({ min: 1, max: 100_000, description: "RTMP and RTMPS connections, publishing or not." }).default(
    2000,
  ),
  connectionsPerAddress: whole({
    min: 1,
    max: 100_000,
    description: "RTMP and RTMPS connections from one address.",
  }).default(200),
  parkedRequests: whole({
    min: 10,
    max: 200_000,
    description: "Players waiting for the next part; more are answered 503.",
  }).default(30_000),
  requestsInFlight: whole({
    min: 10,
    max: 200_000,
    description: "HTTP requests being answered, parked ones included; more are answered 503.",
  }).default(50_000),
});

function ladder(description: string): z.ZodString {
  const matches = (value: string): boolean => parseLadder(value) !== undefined;
  return text({ description, allowed: LADDER_ALLOWED, matches, placeholder: "LADDER" });
}

const transcode = z.strictObject({
  ladder: ladder(
    "Smaller pictures for slower connections, made by this machine. `default`: of 1080, 720, 480, 360 and 240 lines those below the source.",
  ).default("off"),
  profile: choice(["realtime", "balanced", "quality"], {
    description: "What counts more when pictures are encoded: little delay and load, or quality.",
  }).default("realtime"),
  coding: choice(["identical", "locked"], {
    description:
      "`identical`: every transcoder makes the same bytes. `locked`: one can take over from another at any picture, with bytes of its own; hardware encoders always do.",
  }).default("identical"),
  hardware: choice(["none", "auto", "nvenc", "vaapi", "qsv", "videotoolbox"], {
    description:
      "What encodes: the processor (`none`), the first that works (`auto`), or one by name. Where it does not work the processor encodes, and the log says why. Decoding is the processor's.",
  }).default("none"),
  extraCodec: choice(["none", "hevc", "av1"], {
    description:
      "A codec that each rung is encoded in besides H.264, for players that know it: less traffic for much more work.",
  }).default("none"),
  redundancy: whole({
    min: 1,
    max: 2,
    description: "Transcoders of each broadcast that do the same work, so that the loss of one costs viewers nothing.",
  }).default(1),
  megapixelsPerSecond: decimal({
    min: 1,
    max: 100_000,
    description:
      "Megapixels of rungs a second that this machine may encode (1280x720 at 30 a second: 28); what is more is not made. Without it, measured.",
    placeholder: "MP",
  }).optional(),
});

const site = z.strictObject({
  name: text({
    description: "What the pages call themselves.",
    allowed: "a text of 1 to 60 characters",
    matches: /^[^\p{C}]{1,60}$/u,
  }).default("Grandstand"),
  accent: text({
    description: "Accent colour of the pages.",
    allowed: "a CSS colour such as #2fbf71 or oklch(0.78 0.19 150)",
    matches: /^(#[0-9a-fA-F]{3,8}|[a-z]{3,30}|(rgb|hsl|oklch|oklab|lab|lch)\([0-9.,%/ a-z-]{1,60}\))$/,
    placeholder: "COLOUR",
  }).optional(),
  logo: text({ ...PATH, description: "Picture shown in place of the name: SVG or PNG." }).optional(),
});

const stream = z.strictObject({
  name: text({ description: "Name in the watch page's address.", allowed: STREAM_NAME_ALLOWED, matches: isStreamName }),
  key: text({ description: "Stream key.", allowed: KEY_ALLOWED, matches: isDeclarableKey, isSecret: true }),
  title: text({
    description: "What viewers read.",
    allowed: "a text of at most 200 characters",
    matches: /^[^\p{C}]{0,200}$/u,
  }).default(""),
  latency: SETTING_KEYS.latency.optional(),
  segmentSeconds: SETTING_KEYS.segmentSeconds.optional(),
  partMs: SETTING_KEYS.partMs.optional(),
  graceSeconds: SETTING_KEYS.graceSeconds.optional(),
  ladder: ladder("The stream's own ladder; without it the one of `transcode.ladder`.").optional(),
  pull: text({
    description: "Where the stream is fetched from, in place of an encoder that sends it; see [pull](pull.md).",
    allowed: PULL_ALLOWED,
    matches: (value) => parsePullSource(value) !== undefined,
    isSecret: true,
  }).optional(),
  pullLoop: onOff({ description: "A file of `pull`, also one of the web, begins again at its end." }).optional(),
  whenBusy: SETTING_KEYS.whenBusy.optional(),
  switchBack: SETTING_KEYS.switchBack.optional(),
  continuity: SETTING_KEYS.continuity.optional(),
  slateAfterMs: SETTING_KEYS.slateAfterMs.optional(),
  slateFile: SETTING_KEYS.slateFile.optional(),
  slateWords: SETTING_KEYS.slateWords.optional(),
  alwaysOn: ALWAYS_ON.optional(),
  targets: TARGETS.optional(),
});

const hookEvents = {
  description:
    "What it is told. With `stream.publish-requested` it is asked about every publication and may refuse it; see [hooks](hooks.md).",
  allowed: `a list of ${STREAM_EVENT_TYPES.join(", ")}`,
};

const hook = z.strictObject({
  url: text({
    description: "Where messages are posted.",
    allowed: "a URL that begins with https:// or http:// and holds no user and password",
    matches: isHookUrl,
    isSecret: true,
  }),
  secret: text({
    description: "Signs the messages.",
    allowed: SECRET_ALLOWED,
    matches: (value) => secretBytes(value) !== undefined,
    isSecret: true,
  }),
  events: z
    .array(z.enum(STREAM_EVENT_TYPES))
    .min(1)
    .describe(hookEvents.description)
    .register(KEY_FACTS, { kind: "list", ...hookEvents }),
  timeoutMs: whole({ min: 100, max: 10_000, description: "How long it may take to answer, milliseconds." }).default(
    3000,
  ),
  onFailure: choice(["refuse", "allow"], {
    description: "What becomes of a publication when the hook that decides about it gives no usable answer in time.",
  }).default("refuse"),
});

const hooksText = "Other programs that are told what happens to streams, and may refuse publications.";

const root = z.strictObject({
  host: text({
    description: "Address to listen on: 0.0.0.0 (every one), 127.0.0.1 (this machine only) or one of this machine's.",
    allowed: "an IP address or host name of this machine",
    matches: isHost,
    placeholder: "ADDRESS",
  }).default("0.0.0.0"),
  httpPort: whole({ ...PORT, description: "TCP port for pages, players and the API.", placeholder: "PORT" }).default(
    8080,
  ),
  rtmpPort: whole({ ...PORT, description: "TCP port for encoders.", placeholder: "PORT" }).default(1935),
  tls: tls.prefault({}),
  dataDir: text({
    description: "Folder for the database and the secrets. Made when it is missing.",
    allowed: "the path of a folder",
    matches: /^[^\0]+$/,
    placeholder: "PATH",
  }).default("./data"),
  publicUrl: text({
    description: "Address under which viewers reach the platform, when a proxy or CDN stands in front.",
    allowed: "a URL that begins with http:// or https://",
    matches: isWebUrl,
    placeholder: "URL",
  }).optional(),
  adminToken: text({
    description: "Token for the API and the admin page. Without it, one is made and kept in the data folder.",
    allowed: `${ADMIN_TOKEN_CHARACTERS_MIN} to ${ADMIN_TOKEN_CHARACTERS_MAX} printable characters without spaces`,
    matches: new RegExp(`^[\\x21-\\x7e]{${ADMIN_TOKEN_CHARACTERS_MIN},${ADMIN_TOKEN_CHARACTERS_MAX}}$`),
    isSecret: true,
    placeholder: "TOKEN",
  }).optional(),
  logFormat: choice(["pretty", "json"], { description: "How events are printed: for people or for programs." }).default(
    "pretty",
  ),
  logLevel: choice(["debug", "info", "warn", "error"], {
    description: "The least important events that are printed.",
  }).default("info"),
  latency: SETTING_KEYS.latency.default("lowest"),
  segmentSeconds: SETTING_KEYS.segmentSeconds.default(2),
  partMs: SETTING_KEYS.partMs.optional(),
  windowSeconds: decimal({
    min: 10,
    max: 3600,
    description: "How far back a viewer can go, in seconds. It is kept in memory.",
    placeholder: "S",
  }).default(60),
  graceSeconds: SETTING_KEYS.graceSeconds.default(60),
  pullPrivate: onOff({
    description: "Streams may be fetched from inside this network: private and local addresses, and RTSP.",
  }).default(false),
  pullInsecure: onOff({
    description: "Any certificate of a server that streams are fetched from is taken, such as a camera's own.",
  }).default(false),
  whenBusy: SETTING_KEYS.whenBusy.default("backup"),
  switchBack: SETTING_KEYS.switchBack.default("sticky"),
  continuity: SETTING_KEYS.continuity.default("slate"),
  slateAfterMs: SETTING_KEYS.slateAfterMs.default(1000),
  slateFile: SETTING_KEYS.slateFile.optional(),
  slateWords: SETTING_KEYS.slateWords.default("We'll be right back"),
  transcode: transcode.prefault({}),
  limits: limits.prefault({}),
  site: site.prefault({}),
  hooks: z
    .array(hook)
    .max(HOOKS_MAX)
    .describe(hooksText)
    .register(KEY_FACTS, {
      kind: "list",
      description: hooksText,
      allowed: `a list of at most ${HOOKS_MAX} hooks, each with url, secret and events`,
    })
    .default([]),
  streams: z
    .array(stream)
    .max(1000)
    .describe(
      "Streams declared here are managed here: the API cannot change them. With none, the first start makes `main`.",
    )
    .register(KEY_FACTS, {
      kind: "list",
      description:
        "Streams declared here are managed here: the API cannot change them. With none, the first start makes `main`.",
      allowed: "a list of at most 1000 streams, each with name and key",
    })
    .default([]),
});

/** A stream that the configuration file declares. */
export interface DeclaredStreamConfig {
  readonly name: string;
  readonly key: string;
  readonly title: string;
  readonly latency?: Latency | undefined;
  readonly segmentSeconds?: number | undefined;
  readonly partMs?: number | undefined;
  readonly graceSeconds?: number | undefined;
  readonly ladder?: string | undefined;
  readonly pull?: string | undefined;
  readonly pullLoop?: boolean | undefined;
  readonly whenBusy?: BusyPolicy | undefined;
  readonly switchBack?: ReturnPolicy | undefined;
  readonly continuity?: Continuity | undefined;
  readonly slateAfterMs?: number | undefined;
  readonly slateFile?: string | undefined;
  readonly slateWords?: string | undefined;
  readonly alwaysOn?: boolean | undefined;
  readonly targets?: readonly DeclaredTarget[] | undefined;
}

/** The configuration as every part of the program takes it: complete and valid. What each key means stands in its schema. */
export interface Config {
  readonly host: string;
  readonly httpPort: number;
  readonly rtmpPort: number;
  readonly tls: {
    readonly cert?: string | undefined;
    readonly key?: string | undefined;
    readonly httpsPort: number;
    readonly rtmpsPort: number;
    readonly http3: boolean;
  };
  readonly dataDir: string;
  readonly publicUrl?: string | undefined;
  readonly adminToken?: string | undefined;
  readonly logFormat: "pretty" | "json";
  readonly logLevel: "debug" | "info" | "warn" | "error";
  readonly latency: Latency;
  readonly segmentSeconds: number;
  readonly partMs?: number | undefined;
  readonly windowSeconds: number;
  readonly graceSeconds: number;
  readonly pullPrivate: boolean;
  readonly pullInsecure: boolean;
  readonly whenBusy: BusyPolicy;
  readonly switchBack: ReturnPolicy;
  readonly continuity: Continuity;
  readonly slateAfterMs: number;
  readonly slateFile?: string | undefined;
  readonly slateWords: string;
  readonly transcode: {
    readonly ladder: string;
    readonly profile: "realtime" | "balanced" | "quality";
    readonly coding: "identical" | "locked";
    readonly hardware: "none" | "auto" | "nvenc" | "vaapi" | "qsv" | "videotoolbox";
    readonly extraCodec: "none" | "hevc" | "av1";
    readonly redundancy: number;
    readonly megapixelsPerSecond?: number | undefined;
  };
  readonly limits: {
    readonly publishers: number;
    readonly connections: number;
    readonly connectionsPerAddress: number;
    readonly parkedRequests: number;
    readonly requestsInFlight: number;
  };
  readonly site: { readonly name: string; readonly accent?: string | undefined; readonly logo?: string | undefined };
  readonly hooks: readonly HookSettings[];
  readonly streams: readonly DeclaredStreamConfig[];
}

/** The whole configuration. Flags, environment variables, the file, `--help`, the reference page and the JSON Schema all come from here. */
export const configSchema: z.ZodType<Config> = root;

/** One entry below `streams`. */
export const streamSchema: z.ZodType<DeclaredStreamConfig> = stream;

/** One entry below `hooks`. */
export const hookSchema: z.ZodType<HookSettings> = hook;
