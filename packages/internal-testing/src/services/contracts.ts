/** The real servers that specs, examples and benchmarks talk to. */
export type ServiceName = 'postgres' | 'rabbitmq' | 'redis' | 'mariadb';

/** A command to run in an instance's folder, as the instance's user. */
export interface Command {
  readonly file: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Where a private instance lives: a folder of its own and loopback ports that nobody else listens on. */
export interface Place {
  readonly folder: string;
  readonly ports: readonly number[];
  /** Extra server settings, in the server's own words. */
  readonly settings: Readonly<Record<string, string>>;
}

/** How a private instance is run from installed binaries. */
export interface PrivateRecipe {
  /** Who runs it when we are root: PostgreSQL refuses root, and none of them needs it. */
  readonly user: string;
  /** How many free ports it needs; the first one is the client port. */
  readonly ports: number;
  /** Ends it at once, leaving nothing outside its folder. */
  readonly abruptSignal: NodeJS.Signals;
  /** Ends it as an operator would. */
  readonly gracefulSignal: NodeJS.Signals;
  /** Commands that run once, one after another, before the first start (`initdb`). */
  prepare(place: Place): Promise<Command[]>;
  /** Long-running processes, the server last; each must be up (`companionPort` answers) before the next is started. */
  processes(place: Place): ({ readonly name: string; readonly companionPort?: number } & Command)[];
  /** Addresses for clients by environment variable, the main one included. */
  addresses(place: Place): Record<string, string>;
  /** Removes what a server that was killed leaves outside its folder. */
  cleanUp?(place: Place): Command;
  /** The server's own command-line tool against this instance, where it has one that tests need. */
  control?(place: Place, args: readonly string[]): Command;
}

/** How a container is run where a Docker engine answers. */
interface ContainerRecipe {
  readonly image: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  /** Container ports, the client port first. */
  readonly ports: readonly number[];
  /** Addresses for clients; `ports` are the published ones, in the order above. */
  addresses(ports: readonly number[]): Record<string, string>;
}

/** One kind of server that can be run from installed binaries. */
export interface ServerKind {
  readonly name: string;
  /** For people: `PostgreSQL`. */
  readonly label: string;
  /** Names the server's address in the environment. */
  readonly variable: string;
  /** Debian packages that bring the binaries. */
  readonly packages: readonly string[];
  /** The server's version; rejects when it does not answer in time or refuses the login. */
  ping(url: string, timeoutMs: number): Promise<string>;
  /** How to run installed binaries; undefined when they are not installed. */
  locate(): PrivateRecipe | undefined;
}

/** Everything this package knows about one kind of server that it provides. */
export interface Service extends ServerKind {
  readonly name: ServiceName;
  /** The default port with the default development logins, in the order they are tried. */
  readonly defaultUrls: readonly string[];
  readonly container: ContainerRecipe;
  /** Further addresses that follow from a server we did not start (management API). */
  discover?(url: string): Promise<Record<string, string>>;
  /** What clients have made in a server at these addresses, as `schema orders`: nothing, where it was just started. */
  contents(addresses: Readonly<Record<string, string>>): Promise<string[]>;
}
