import type { Admission, Catalogue } from "#control/catalogue.ts";
import { Fault } from "#faults/fault.ts";
import type { Hooks } from "#hooks/index.ts";
import type { PublishRequestedEvent } from "#link/stream-event.ts";
import type { Gatekeeper, PublishRequest } from "#media/publish.ts";
import type { Router } from "#router/index.ts";
import type { Config } from "./config-schema.ts";

/** What a hook learns of a request: all but the key and the path, which may be one. */
function askedOf(stream: string, request: PublishRequest): PublishRequestedEvent {
  const { protocol, app, address, encoder, params } = request;
  const asked = { type: "stream.publish-requested", stream, protocol, app, address, params } as const;
  return encoder === undefined ? asked : { ...asked, encoder };
}

/** Joins the catalogue and the hooks, which know who may publish, with the gate, which takes the frames. */
export function makeGatekeeper(options: {
  readonly config: Config;
  readonly catalogue: Catalogue;
  readonly hooks: Pick<Hooks, "decides" | "decide">;
  readonly router: Router;
}): Gatekeeper {
  const { config, catalogue, hooks, router } = options;
  const { publishers } = config.limits;
  const admissionOf = (request: PublishRequest): Admission => {
    const admission = catalogue.authenticate(request);
    const onAir = router.onAir();
    if (onAir.length >= publishers && !onAir.includes(admission.stream)) {
      throw new Fault("LIMIT_REACHED", `${publishers} streams are on air, and that is the limit`, {
        peer: request.address,
        hint: "Raise limits.publishers, or end another broadcast.",
      });
    }
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
      const { stream, settings } = admission;
      const { segmentSeconds, partMs, graceSeconds, ladder } = settings;
      const { windowSeconds } = config;
      // Rungs begin every segment with a keyframe, and so should what stands beside them.
      const quickStart = ladder === "off";
      const wanted = { stream, segmentSeconds, partMs, graceSeconds, windowSeconds, quickStart };
      const sink = router.openSession(wanted, request);
      catalogue.published(admission);
      return sink;
    },
  };
}
