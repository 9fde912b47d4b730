import type { Admission, Catalogue } from "#control/catalogue.ts";
import { Fault } from "#faults/fault.ts";
import type { Hooks } from "#hooks/index.ts";
import type { PublishRequestedEvent } from "#link/stream-event.ts";
import type { Gatekeeper, PublishRequest } from "#media/publish.ts";
import type { PullGate } from "#pull/ports.ts";
import type { Router } from "#router/index.ts";
import type { BroadcastSettings } from "#router/ports.ts";
import type { Config } from "./config-schema.ts";
import { slateFileOf } from "./platform-settings.ts";

/** What a hook learns of a request: all but the key and the path, which may be one. */
function askedOf(stream: string, request: PublishRequest): PublishRequestedEvent {
  const { protocol, app, address, encoder, params } = request;
  const asked = { type: "stream.publish-requested", stream, protocol, app, address, params } as const;
  return encoder === undefined ? asked : { ...asked, encoder };
}

/** What of the gate lets encoders in. */
type Gate = Pick<Router, "onAir" | "openSession">;

/** @throws Fault `LIMIT_REACHED` when the stream would be one too many on air. */
function checkRoom(config: Config, router: Gate, stream: string, address: string): void {
  const { publishers } = config.limits;
  const onAir = router.onAir();
  if (onAir.length < publishers || onAir.includes(stream)) return;
  throw new Fault("LIMIT_REACHED", `${publishers} streams are on air, and that is the limit`, {
    peer: address,
    hint: "Raise limits.publishers, or end another broadcast.",
  });
}

/** What the gate is told of a stream when one of its sessions opens, or it is on air without one. */
export function broadcastOf(
  config: Config,
  { stream, title, settings }: Pick<Admission, "stream" | "title" | "settings">,
): BroadcastSettings {
  const { segmentSeconds, partMs, graceSeconds, ladder, whenBusy, switchBack } = settings;
  const { continuity, slateAfterMs, slateWords, alwaysOn } = settings;
  const { windowSeconds } = config;
  // Rungs begin every segment with a keyframe, and so should what stands beside them.
  const quickStart = ladder === "off";
  const slate = { continuity, slateAfterMs, slateFile: slateFileOf(config, stream), slateWords, alwaysOn };
  const lengths = { segmentSeconds, partMs, graceSeconds, windowSeconds, quickStart };
  return { stream, title, ...lengths, whenBusy, switchBack, ...slate };
}

/** Joins the catalogue and the hooks, which know who may publish, with the gate, which takes the frames. */
export function makeGatekeeper(options: {
  readonly config: Config;
  readonly catalogue: Catalogue;
  readonly hooks: Pick<Hooks, "decides" | "decide">;
  readonly router: Gate;
}): Gatekeeper {
  const { config, catalogue, hooks, router } = options;
  const admissionOf = (request: PublishRequest): Admission => {
    const admission = catalogue.authenticate(request);
    checkRoom(config, router, admission.stream, request.address);
    return admission;
  };
  return {
    async admit(request) {
      let admission = admissionOf(request);
      if (hooks.decides) {
        await hooks.decide(askedOf(admission.stream, request));
        // The answer took its time: the key may have ended meanwhile, and others may have come.
        admission = admissionOf(request);
      }
      const sink = router.openSession(broadcastOf(config, admission), request);
      catalogue.published(admission);
      return sink;
    },
  };
}

/** Lets pulls onto the gate: an operator names them, so that no key and no hook is asked. */
export function makePullGate(options: {
  readonly config: Config;
  readonly catalogue: Catalogue;
  readonly router: Gate;
}): PullGate {
  const { config, catalogue, router } = options;
  return {
    admit(stream, { address, place }) {
      const known = catalogue.get(stream);
      if (known === undefined) throw new Fault("STREAM_UNKNOWN", `there is no stream ${stream}`, { peer: place });
      checkRoom(config, router, stream, address);
      const request: PublishRequest = {
        protocol: "pull",
        app: "pull",
        path: stream,
        params: {},
        address,
        encoder: place,
      };
      return router.openSession(
        broadcastOf(config, { stream, title: known.title, settings: known.effective }),
        request,
      );
    },
  };
}
