import { createHmac } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** A secret as the configuration has it. */
export const SECRET: string = `whsec_${Buffer.from("a secret of thirty-two bytes...!").toString("base64")}`;

/** One request that came in, its signature verified. */
export interface Received {
  readonly id: string;
  readonly type: string;
  readonly stream: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly timestamp: string;
  /** `webhook-timestamp`, Unix seconds. */
  readonly sentSeconds: number;
  readonly body: string;
}

/** Answers a request, or leaves it open. */
export type Answer = (received: Received, response: ServerResponse) => void;

/** Answers with a status and perhaps a JSON body. */
export function answer(status: number, json?: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return (_, response) => {
    response.writeHead(status, headers);
    response.end(json === undefined ? "" : JSON.stringify(json));
  };
}

/** Leaves the request open. */
export const hang: Answer = () => undefined;

/** An HTTP server that takes hooks as a program of an operator would: it believes nothing that is not signed. */
export class HookReceiver implements AsyncDisposable {
  readonly received: Received[] = [];
  /** Requests whose signature, headers or body were wrong. */
  readonly complaints: string[] = [];
  /** How the next requests are answered; an operator's program may change its mind. */
  answer: Answer = answer(204);
  readonly #server: Server;
  readonly #path: string;

  private constructor(path: string) {
    this.#path = path;
    this.#server = createServer((request, response) => {
      this.#take(request, response).catch((error: unknown) => this.complaints.push(String(error)));
    });
  }

  /** Listens on the loopback, on `port` or on one that the system chooses. */
  static async open(path = "/take", port = 0): Promise<HookReceiver> {
    const receiver = new HookReceiver(path);
    await new Promise<void>((resolve, reject) => {
      receiver.#server.once("error", reject);
      receiver.#server.listen(port, "127.0.0.1", resolve);
    });
    return receiver;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === "object" && address !== null ? address.port : 0;
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}${this.#path}`;
  }

  /** `stream type` of what came in, in its order. */
  get order(): string[] {
    return this.received.map(({ stream, type }) => `${stream} ${type.replace("stream.", "")}`);
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    if (request.url === "/ready") {
      response.end();
      return;
    }
    const header = (name: string): string => String(request.headers[name]);
    const [id, sent] = [header("webhook-id"), header("webhook-timestamp")];
    const key = Buffer.from(SECRET.replace("whsec_", ""), "base64");
    const right = `v1,${createHmac("sha256", key).update(`${id}.${sent}.${body}`).digest("base64")}`;
    if (header("webhook-signature") !== right) this.complaints.push(`signature of ${body}`);
    if (request.method !== "POST" || request.url !== this.#path)
      this.complaints.push(`${request.method} ${request.url}`);
    if (header("content-type") !== "application/json") this.complaints.push(header("content-type"));
    const message = JSON.parse(body) as { id: string; type: string; timestamp: string; data: Record<string, unknown> };
    if (message.id !== id) this.complaints.push(`id of ${body}`);
    const { type, timestamp, data } = message;
    const stream = String(data["stream"]);
    const received = { id, type, stream, data, timestamp, sentSeconds: Number(sent), body };
    this.received.push(received);
    this.answer(received, response);
  }
}
