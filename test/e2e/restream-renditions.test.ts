import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  freePort,
  MAIN_KEY,
  type Platform,
  startEncoder,
  startPlatform,
  startTool,
  type Tool,
  untilOnAir,
} from "./platform.ts";
import { addTarget, changeTarget, type NginxTarget, startNginxTarget, untilTarget } from "./restream-target.ts";

const folder = mkdtempSync(join(tmpdir(), "grandstand-renditions-"));
const CERT = join(folder, "cert.pem");
const RUNG_KEY = "rung-key-0123456789";

let platform: Platform;
let other: Platform;
let nginx: NginxTarget;
let encoder: Tool;
let rtmps: string;

function run(command: string, args: readonly string[]): void {
  const { status, stderr } = spawnSync(command, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command}: ${stderr}`);
}

beforeAll(async () => {
  const clip = join(folder, "clip.mkv");
  const inputs = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=4", "-f", "lavfi", "-i", "sine=r=48000:d=4"];
  const x265 = ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none:keyint=50:min-keyint=50"];
  run("ffmpeg", ["-v", "error", "-y", ...inputs, ...x265, "-c:a", "libopus", clip]);
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
  const key = join(folder, "key.pem");
  run("openssl", [
    "req",
    "-x509",
    "-newkey",
    "rsa:2048",
    "-nodes",
    "-days",
    "2",
    "-keyout",
    key,
    "-out",
    CERT,
    ...subject,
  ]);
  const [rtmpsPort, httpsPort] = [await freePort(), await freePort()];
  rtmps = `rtmps://localhost:${rtmpsPort}/live`;
  const tls = [
    "--tls-cert",
    CERT,
    "--tls-key",
    key,
    "--tls-rtmps-port",
    String(rtmpsPort),
    "--tls-https-port",
    String(httpsPort),
  ];
  [platform, other, nginx] = await Promise.all([
    startPlatform({ flags: ["--transcode-ladder", "240"], prefix: ["env", `NODE_EXTRA_CA_CERTS=${CERT}`] }),
    startPlatform({ flags: tls }),
    startNginxTarget(),
  ]);
  nginx.keys.add(RUNG_KEY);
  const push = ["src/cli/main.ts", "publish", clip, `${platform.rtmp}/${MAIN_KEY}`, "--loop"];
  encoder = startTool(process.execPath, push);
  await untilOnAir(platform, "main", 30_000);
}, 90_000);

afterAll(async () => {
  await encoder[Symbol.asyncDispose]();
  await nginx[Symbol.asyncDispose]();
  await Promise.all([platform.stop(), other.stop()]);
  rmSync(folder, { recursive: true, force: true });
}, 30_000);

describe("a source of HEVC and Opus", () => {
  test("is refused for a target that knows H.264 and AAC only, in words", async () => {
    const { id } = await addTarget(platform, { name: "Plain", url: nginx.url, key: RUNG_KEY });
    const { lastProblem } = await untilTarget(platform, id, "the refusal", ({ state }) => state === "refused");
    expect(lastProblem).toMatchObject({
      code: "CODEC_UNSUPPORTED",
      message: "the target does not take the picture's codec, HEVC",
      hint: "Encode H.264, or let the target have a rung of the stream's ladder.",
    });
    await changeTarget(platform, id, { rendition: "240p" });
    await untilTarget(platform, id, "seconds of the rung", ({ sentBytes }) => sentBytes > 150_000, 30_000);
    await changeTarget(platform, id, { enabled: false });
    await untilTarget(platform, id, "the end", ({ state }) => state === "stopped");
    const whole = nginx.recordings(RUNG_KEY).at(-1) ?? "";
    const probe = ["-v", "error", "-show_entries", "stream=codec_name,height", "-of", "csv=p=0", whole];
    const { stdout } = spawnSync("ffprobe", probe, { encoding: "utf8" });
    expect(stdout.trim().split("\n").sort()).toEqual(["aac", "h264,240"]);
    const { stderr } = spawnSync("ffmpeg", ["-v", "warning", "-nostdin", "-i", whole, "-f", "null", "-"], {
      encoding: "utf8",
    });
    expect(stderr).toBe("");
  }, 90_000);

  test("goes as it is, its sound as AAC, over an encrypted connection to a server that says it takes HEVC", async () => {
    const { id } = await addTarget(platform, { name: "Stand", url: rtmps, key: MAIN_KEY });
    await untilTarget(platform, id, "the source there", ({ state }) => state === "live", 30_000);
    const text = await untilOnAir(other, "main", 30_000);
    const byAddress = rtmps.replace("localhost", "127.0.0.1");
    await changeTarget(platform, id, { url: byAddress });
    await untilTarget(
      platform,
      id,
      "it there again",
      ({ state, url }) => state === "live" && url === byAddress,
      30_000,
    );
    expect(text).toMatch(/CODECS="hvc1[^"]*,mp4a\.40\.2"/);
  }, 60_000);

  test("is refused until the encoder comes back with H.264", async () => {
    const { id } = await addTarget(platform, { name: "Patient", url: nginx.url, key: RUNG_KEY });
    await untilTarget(platform, id, "the refusal", ({ state }) => state === "refused");
    await encoder[Symbol.asyncDispose]();
    encoder = startEncoder({ url: `${platform.rtmp}/${MAIN_KEY}` });
    await untilTarget(platform, id, "the picture", ({ state }) => state === "live", 40_000);
  }, 60_000);

  test("does not go to a server whose certificate nobody vouches for", async () => {
    await using stranger = await startPlatform({ flags: ["--transcode-ladder", "off"] });
    await using push = startTool(process.execPath, [
      "src/cli/main.ts",
      "publish",
      "--test",
      "--size",
      "320x180",
      `${stranger.rtmp}/${MAIN_KEY}`,
    ]);
    await untilOnAir(stranger, "main", 30_000);
    const { id } = await addTarget(stranger, { name: "Stand", url: rtmps, key: "some-other-key-0123" });
    const { lastProblem } = await untilTarget(stranger, id, "the loss", ({ state }) => state === "retrying");
    expect(lastProblem?.message).toContain("certificate");
    push.kill();
  }, 60_000);
});
