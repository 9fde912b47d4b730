import { spawnSync } from "node:child_process";
import { x264 } from "./encoder-matrix.ts";
import { startTool, type Tool } from "./platform.ts";

/*
 * An encoder on a host of its own: a network namespace whose only way out is a cable of two ends that can be cut or made thin.
 */

/** The platform's end of the cable. */
const HERE = "10.203.47.1";
const THERE = "10.203.47.2";

function run(...command: readonly string[]): void {
  const { status, stderr } = spawnSync(command[0] ?? "", command.slice(1), { encoding: "utf8" });
  if (status !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}

/** A host with an uplink. */
export interface FarHost extends Disposable {
  /** Address under which it reaches this machine. */
  readonly address: string;
  /** Runs a program there. */
  start(command: string, args: readonly string[]): Tool;
  /** From now on the uplink loses every packet, in both directions; no connection is closed. */
  cut(): void;
  /** From now on the uplink carries so many kilobits a second. */
  thin(kilobits: number): void;
  /** The uplink carries everything again. */
  mend(): void;
}

/** Makes the host. Needs root and iproute2. */
export function startFarHost(): FarHost {
  const name = `far${process.pid}`;
  const [here, there] = [`h${process.pid}`, `t${process.pid}`];
  run("ip", "netns", "add", name);
  const remove = (): void => void spawnSync("ip", ["netns", "del", name]);
  try {
    run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name);
    run("ip", "addr", "add", `${HERE}/24`, "dev", here);
    run("ip", "link", "set", here, "up");
    run("ip", "-n", name, "addr", "add", `${THERE}/24`, "dev", there);
    run("ip", "-n", name, "link", "set", there, "up");
  } catch (error) {
    remove();
    throw error;
  }
  const shape = (...rule: readonly string[]): void =>
    run("tc", "-n", name, "qdisc", "replace", "dev", there, "root", ...rule);
  return {
    address: HERE,
    start: (command, args) => startTool("ip", ["netns", "exec", name, command, ...args]),
    cut: () => shape("blackhole"),
    thin: (kilobits) => shape("tbf", "rate", `${kilobits}kbit`, "burst", "8kb", "latency", "400ms"),
    mend: () => shape("pfifo"),
    [Symbol.dispose]: remove,
  };
}

/** The kilobits a second that {@link farEncoder} sends, about. */
export const FAR_KILOBITS = 500;

/** An encoder on that host: 320x180, a keyframe a second. */
export function farEncoder(host: FarHost, url: string): Tool {
  const sources = ["testsrc2=size=320x180:rate=30", "sine=frequency=440:sample_rate=48000"];
  const inputs = sources.flatMap((source) => ["-re", "-f", "lavfi", "-i", source]);
  const rates = ["-b:v", "400k", "-minrate", "400k", "-maxrate", "400k", "-bufsize", "400k", "-nal-hrd", "cbr"];
  return host.start("ffmpeg", [
    "-v",
    "error",
    ...inputs,
    ...x264(30),
    ...rates,
    "-c:a",
    "aac",
    "-b:a",
    "96k",
    "-f",
    "flv",
    url,
  ]);
}
