import { type AdminToken, openAdminToken } from "./admin-token.ts";
import { Catalogue, type CatalogueOptions } from "./catalogue.ts";
import type { DeclaredTarget } from "./declared-targets.ts";
import { type DeclaredPull, PullSources } from "./pull-sources.ts";
import { RestreamTargets } from "./restream-targets.ts";
import type { StreamSettings } from "./stream-settings.ts";

/** A stream as the configuration file declares it. */
export interface DeclaredStream {
  readonly name: string;
  readonly key: string;
  readonly title: string;
  readonly settings: StreamSettings;
  readonly targets?: readonly DeclaredTarget[];
  readonly pull?: DeclaredPull | undefined;
}

/** What {@link startControl} needs. */
export interface ControlOptions extends CatalogueOptions {
  readonly declared: readonly DeclaredStream[];
  /** From the configuration; absent: kept in the data folder. */
  readonly adminToken?: string;
}

/** The catalogue, the restream targets, the sources of pulls and the admin token of a running platform. */
export interface Control {
  readonly catalogue: Catalogue;
  readonly targets: RestreamTargets;
  readonly pulls: PullSources;
  readonly adminToken: AdminToken;
}

/** Stream that the first start makes when none is declared. */
export const FIRST_STREAM = "main";

/**
 * Loads the catalogue, brings declared streams up to date and, when there is no stream at all, makes {@link FIRST_STREAM} with a random key.
 * @throws Fault `STORE_FAILED`, `DISK_FULL`, `DATA_DIR_UNUSABLE`, `CONFIG_INVALID`.
 */
export async function startControl(options: ControlOptions): Promise<Control> {
  const catalogue = new Catalogue(options);
  await catalogue.load();
  const targets = await openTargets(catalogue, options);
  const pulls = await openPulls(catalogue, options);
  await catalogue.synchronise(options.declared);
  if (catalogue.list().length === 0) await catalogue.addReadable(FIRST_STREAM);
  const adminToken = await openAdminToken(options.secrets, options.adminToken);
  return { catalogue, targets, pulls, adminToken };
}

type FeedOptions = Pick<CatalogueOptions, "store" | "secrets" | "observer"> & Partial<Pick<ControlOptions, "declared">>;

/** The targets of a catalogue's streams; those of a stream go with it. @throws Fault `STORE_FAILED`, `DATA_DIR_UNUSABLE`, `CONFIG_INVALID`. */
export async function openTargets(catalogue: Catalogue, options: FeedOptions): Promise<RestreamTargets> {
  const { store, secrets, observer } = options;
  const hasStream = (stream: string): boolean => catalogue.get(stream) !== undefined;
  const declared = new Map((options.declared ?? []).map(({ name, targets = [] }) => [name, targets]));
  const targets = await RestreamTargets.open({ table: store.targets, secrets, observer, hasStream, declared });
  catalogue.onRemoved((stream) => targets.forget(stream));
  return targets;
}

/** Where a catalogue's streams are fetched from; what is kept of a stream goes with it. @throws Fault `STORE_FAILED`, `DATA_DIR_UNUSABLE`. */
export async function openPulls(catalogue: Catalogue, options: FeedOptions): Promise<PullSources> {
  const { store, secrets, observer } = options;
  const hasStream = (stream: string): boolean => catalogue.get(stream) !== undefined;
  const declared = new Map(
    (options.declared ?? []).flatMap(({ name, pull }) => (pull === undefined ? [] : [[name, pull] as const])),
  );
  const pulls = await PullSources.open({ table: store.pulls, secrets, observer, hasStream, declared });
  catalogue.onRemoved((stream) => pulls.forget(stream));
  return pulls;
}
