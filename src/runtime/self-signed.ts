import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TlsIdentity } from "./http-server.ts";

const made = new Map<string, TlsIdentity>();

/** A self-signed certificate for `localhost` and `127.0.0.1`, for tests; the same one for the same name within a process. Needs `openssl`. */
export function selfSigned(name: string): TlsIdentity {
  const known = made.get(name);
  if (known !== undefined) return known;
  const folder = mkdtempSync(join(tmpdir(), "grandstand-cert-"));
  try {
    const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    const request = [
      "req",
      "-x509",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:prime256v1",
      "-nodes",
      "-days",
      "2",
    ];
    const names = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    execFileSync("openssl", [...request, ...names, "-keyout", key, "-out", cert], { stdio: "ignore" });
    const identity = { cert: readFileSync(cert, "utf8"), key: readFileSync(key, "utf8") };
    made.set(name, identity);
    return identity;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
