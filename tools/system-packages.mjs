// The programs that the tests play with: encoders, players, peers. Plain Node 20.
import { spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { delimiter, join } from "node:path";

/** What is looked for → the Debian package that has it. A name is a program on PATH, a path is a file. */
const NEEDED = [
  ["ffmpeg", "ffmpeg"],
  ["ffprobe", "ffmpeg"],
  ["chromium", "chromium"],
  ["nginx", "nginx"],
  ["/usr/share/nginx/modules-available/mod-rtmp.conf", "libnginx-mod-rtmp"],
  ["varnishd", "varnish"],
  ["wrk", "wrk"],
  ["h2load", "nghttp2-client"],
  ["ip", "iproute2"],
  ["ps", "procps"],
  ["openssl", "openssl"],
  ["/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf", "fonts-dejavu-core"],
  ["cvlc", "vlc-bin"],
  ["/usr/share/doc/vlc-plugin-base", "vlc-plugin-base"],
  ["gst-launch-1.0", "gstreamer1.0-tools"],
  ["/usr/share/doc/gstreamer1.0-plugins-base", "gstreamer1.0-plugins-base"],
  ["/usr/share/doc/gstreamer1.0-plugins-good", "gstreamer1.0-plugins-good"],
  ["/usr/share/doc/gstreamer1.0-plugins-bad", "gstreamer1.0-plugins-bad"],
  ["/usr/share/doc/gstreamer1.0-plugins-ugly", "gstreamer1.0-plugins-ugly"],
  ["/usr/share/doc/gstreamer1.0-libav", "gstreamer1.0-libav"],
];

function isThere(what) {
  if (what.startsWith("/")) return existsSync(what);
  const folders = [...(process.env.PATH ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.some((folder) => existsSync(join(folder, what)));
}

function missingPackages() {
  return [...new Set(NEEDED.filter(([what]) => !isThere(what)).map(([, debianPackage]) => debianPackage))];
}

function isDebian() {
  if (!existsSync("/etc/os-release")) return false;
  return /^ID(_LIKE)?=.*\b(debian|ubuntu)\b/m.test(readFileSync("/etc/os-release", "utf8"));
}

function apt(args) {
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  return spawnSync("apt-get", ["-q", "-y", ...args], { stdio: ["ignore", "ignore", "inherit"], env }).status === 0;
}

/** Installs the missing programs where it may (root on Debian or Ubuntu); ends the process with a clear line where it may not. */
export function ensureSystemPackages() {
  const missing = missingPackages();
  if (missing.length === 0) return;
  const names = missing.join(" ");
  if (!isDebian() || process.getuid?.() !== 0) {
    console.error(`The tests need programs that are not here: ${names}.`);
    console.error(`Install them, on Debian or Ubuntu with: sudo apt-get install --no-install-recommends ${names}`);
    process.exit(1);
  }
  console.error(`Installing what the tests need (once): ${names}…`);
  apt(["update"]);
  apt(["install", "--no-install-recommends", ...missing]);
  const still = missingPackages();
  if (still.length === 0) return;
  console.error(`apt-get could not install: ${still.join(" ")}. See its messages above.`);
  process.exit(1);
}
