import { type ChildProcess, spawn } from "node:child_process";
import { createSocket, type Socket as Datagrams } from "node:dgram";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type AddressInfo, createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer as createTlsServer } from "node:tls";
import { systemClock } from "#time/system-clock.ts";
import type { Identity } from "./authority-under-test.ts";

const START_MS_MAX = 15_000;
const POLL_MS = 20;

/** A camera that speaks RTSP with everything inside its one connection (RFC 2326 §10.12): FFmpeg's RTP packets, passed on. */
export interface RtspServerUnderTest extends AsyncDisposable {
  readonly port: number;
  /** Requests, without their headers. */
  readonly asked: readonly string[];
}

async function bound(socket: Datagrams): Promise<number> {
  await new Promise<void>((resolve) => socket.bind(0, "127.0.0.1", () => resolve()));
  return socket.address().port;
}

function startEncoder(ports: readonly number[], sdp: string): ChildProcess {
  const sources = ["testsrc2=size=320x180:rate=30", "sine=sample_rate=48000"];
  const inputs = sources.flatMap((source) => ["-re", "-f", "lavfi", "-i", source]);
  const x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-tune", "zerolatency", "-g", "30", "-pix_fmt", "yuv420p"];
  const [picture, sound] = ports.map((port) => `rtp://127.0.0.1:${port}?pkt_size=1200`);
  return spawn("ffmpeg", [
    ...["-v", "error", "-nostdin", ...inputs, "-flags", "+global_header", "-sdp_file", sdp],
    ...["-map", "0:v", ...x264, "-f", "rtp", picture ?? ""],
    ...["-map", "1:a", "-c:a", "aac", "-f", "rtp", sound ?? ""],
  ]);
}

/** The description as a camera gives it: each medium has an address of its own. */
function described(text: string): string {
  let medium = 0;
  const lines = text.split(/\r?\n/).filter((line) => line !== "" && !line.startsWith("SDP:"));
  return lines
    .flatMap((line) => (line.startsWith("m=") ? [line.replace(/ \d+ /, " 0 "), `a=control:track${medium++}`] : [line]))
    .join("\r\n")
    .concat("\r\n");
}

/** Answers one connection; the result is called with each RTP packet. */
function attend(
  socket: Socket,
  description: () => string,
  asked: string[],
): (channel: number, packet: Uint8Array) => void {
  let text = "";
  let isPlaying = false;
  const answer = (request: string): void => {
    const [line = ""] = request.split("\r\n");
    asked.push(line);
    const header = (name: string): string => new RegExp(`^${name}: *(.*)$`, "im").exec(request)?.[1]?.trim() ?? "";
    const extra: string[] = [];
    let body = "";
    if (line.startsWith("OPTIONS")) extra.push("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER");
    else if (line.startsWith("DESCRIBE")) body = description();
    else if (line.startsWith("SETUP")) extra.push(`Transport: ${header("Transport")}`);
    if (body !== "") extra.push("Content-Type: application/sdp", `Content-Length: ${body.length}`);
    socket.write(["RTSP/1.0 200 OK", `CSeq: ${header("CSeq")}`, "Session: 1", ...extra, "", body].join("\r\n"));
    if (line.startsWith("PLAY")) isPlaying = true;
  };
  socket.on("data", (chunk: Uint8Array) => {
    text += new TextDecoder("latin1").decode(chunk);
    for (;;) {
      // Receivers report how they fare, inside the same connection.
      const size = text.charCodeAt(2) * 256 + text.charCodeAt(3);
      const end = text.indexOf("\r\n\r\n");
      if (text.startsWith("$") && text.length >= 4 + size) text = text.slice(4 + size);
      else if (!text.startsWith("$") && end >= 0) {
        answer(text.slice(0, end));
        text = text.slice(end + 4);
      } else return;
    }
  });
  return (channel, packet) => {
    if (!isPlaying || socket.destroyed) return;
    const head = new Uint8Array([0x24, channel, packet.byteLength >> 8, packet.byteLength & 0xff]);
    socket.write(Buffer.concat([head, packet]));
  };
}

/** Starts one; with an identity it speaks TLS. */
export async function startRtspServer(identity?: Identity): Promise<RtspServerUnderTest> {
  const folder = mkdtempSync(join(tmpdir(), "grandstand-rtsp-"));
  const sdp = join(folder, "camera.sdp");
  const media = [createSocket("udp4"), createSocket("udp4")];
  const ports = [];
  for (const socket of media) ports.push(await bound(socket));
  const encoder = startEncoder(ports, sdp);
  const asked: string[] = [];
  const sockets = new Set<Socket>();
  const senders = new Set<(channel: number, packet: Uint8Array) => void>();
  for (const [i, socket] of media.entries()) {
    socket.on("message", (packet) => {
      for (const send of senders) send(2 * i, packet);
    });
  }
  const enter = (socket: Socket): void => {
    const send = attend(socket, () => described(readFileSync(sdp, "utf8")), asked);
    sockets.add(socket);
    senders.add(send);
    socket.on("error", () => undefined);
    socket.once("close", () => senders.delete(send) && sockets.delete(socket));
  };
  const server = identity === undefined ? createServer(enter) : createTlsServer({ ...identity }, enter);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const endMs = systemClock.nowMs() + START_MS_MAX;
  while (!existsSync(sdp) || !readFileSync(sdp, "utf8").includes("m=audio")) {
    if (systemClock.nowMs() > endMs) throw new Error("FFmpeg wrote no description");
    await systemClock.sleep(POLL_MS);
  }
  return {
    port: (server.address() as AddressInfo).port,
    asked,
    [Symbol.asyncDispose]: async () => {
      encoder.kill("SIGKILL");
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of media) socket.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
