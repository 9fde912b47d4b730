import type { Api } from "#api/index.ts";
import type { Edge } from "#edge/index.ts";
import type { Observer } from "#observe/event.ts";
import { type HttpContext, type HttpServer, startHttpServer } from "#runtime/http-server.ts";
import type { CertificatePair } from "./certificate.ts";
import type { Config } from "./config-schema.ts";

/** The HTTP listeners of a node. */
export interface HttpListeners {
  readonly servers: readonly HttpServer[];
  /** @throws Fault `TLS_UNUSABLE`; the old certificate stays. */
  replaceCertificate(pair: CertificatePair): Promise<void>;
  close(options: { deadlineMs: number }): Promise<void>;
}

/** Opens HTTP, and HTTPS when there is a certificate: media goes to the edge, everything else to the API. @throws Fault `PORT_IN_USE` and its kind; nothing is left open then. */
export async function openHttp(options: {
  readonly config: Config;
  readonly certificate: CertificatePair | undefined;
  readonly edge: Edge;
  readonly api: Api;
  readonly observer: Observer;
}): Promise<HttpListeners> {
  const { config, certificate, edge, api, observer } = options;
  const notFound = (): Response => new Response("not found\n", { status: 404 });
  const handle = (request: Request, context: HttpContext): Response | Promise<Response> =>
    edge.handle(request, context) ?? api.handle(request, context) ?? notFound();
  const onError = (error: Error): void => {
    observer.event("error", "http.request.failed", { stack: error.stack ?? error.message }, "a request met a bug");
  };
  const shared = { host: config.host, handle, onError, limits: { requestsInFlight: config.limits.requestsInFlight } };
  const servers: HttpServer[] = [];
  const close = async ({ deadlineMs }: { deadlineMs: number }): Promise<void> => {
    await Promise.all(servers.map((server) => server.close({ deadlineMs })));
  };
  let secure: HttpServer | undefined;
  try {
    servers.push(await startHttpServer({ ...shared, port: config.httpPort }));
    if (certificate !== undefined) {
      const { httpsPort: port, http3 } = config.tls;
      secure = await startHttpServer({ ...shared, port, http3, tls: certificate });
      servers.push(secure);
    }
  } catch (error) {
    await close({ deadlineMs: 0 });
    throw error;
  }
  for (const { origin } of servers) observer.event("info", "http.listening", { origin }, "ready for viewers");
  return { servers, close, replaceCertificate: async (pair) => secure?.replaceCertificate(pair) };
}
