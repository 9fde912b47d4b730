import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A certificate with its private key, both in PEM. */
export interface Identity {
  readonly cert: string;
  readonly key: string;
}

/** A certificate authority that only tests know. Needs `openssl`. */
export class AuthorityUnderTest implements Disposable {
  /** Its own certificate in PEM. */
  readonly ca: string;
  readonly #folder = mkdtempSync(join(tmpdir(), "grandstand-authority-"));

  constructor() {
    const usage = ["-addext", "basicConstraints=critical,CA:TRUE"];
    this.#openssl(
      "req",
      "-x509",
      ...NEW_KEY,
      "-days",
      "2",
      "-subj",
      "/CN=Test authority",
      ...usage,
      ...this.#files("ca"),
    );
    this.ca = this.#read("ca.pem");
  }

  /** A certificate for these names, such as `DNS:localhost`. */
  issue(...names: string[]): Identity {
    writeFileSync(join(this.#folder, "names"), `subjectAltName=${names.join(",")}\n`);
    const request = join(this.#folder, "request.pem");
    this.#openssl("req", ...NEW_KEY, "-subj", "/CN=test", "-keyout", this.#path("leaf.key"), "-out", request);
    const by = ["-CA", this.#path("ca.pem"), "-CAkey", this.#path("ca.key"), "-CAcreateserial", "-days", "2"];
    this.#openssl(
      "x509",
      "-req",
      "-in",
      request,
      ...by,
      "-extfile",
      this.#path("names"),
      "-out",
      this.#path("leaf.pem"),
    );
    return { cert: this.#read("leaf.pem"), key: this.#read("leaf.key") };
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #files(name: string): string[] {
    return ["-keyout", this.#path(`${name}.key`), "-out", this.#path(`${name}.pem`)];
  }

  #read(name: string): string {
    return readFileSync(this.#path(name), "utf8");
  }

  #openssl(...args: string[]): void {
    execFileSync("openssl", args, { stdio: "ignore" });
  }
}

const NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
