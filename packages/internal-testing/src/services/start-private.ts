import { reason, TestingError } from '../testing.errors.js';
import { aptObstacle, installPackages } from './apt.js';
import type { PrivateRecipe, ServerKind, ServiceName } from './contracts.js';
import { PrivateServer } from './private-server.js';
import { services } from './servers/index.js';

/**
 * Starts a server for tests that stop, restart, freeze or flood it: always from installed binaries (installed by apt-get when
 * we are root), never a shared one. `settings` are in the server's own words: `{ max_connections: '5' }`.
 *
 * Rejects with `PRIVATE_SERVER_UNAVAILABLE` when there are no binaries and none can be installed.
 */
export async function startPrivate(
  name: ServiceName,
  options: { readonly settings?: Readonly<Record<string, string>> } = {},
): Promise<PrivateServer> {
  const service = services[name];
  return PrivateServer.start(service, await installed(service), options.settings);
}

/**
 * How to run a kind of server, once its binaries are there.
 *
 * Rejects with `PRIVATE_SERVER_UNAVAILABLE` when there are none and none can be installed.
 */
export async function installed(kind: ServerKind): Promise<PrivateRecipe> {
  const obstacle = await installBinaries([kind]);
  if (obstacle) {
    throw new TestingError(
      'PRIVATE_SERVER_UNAVAILABLE',
      `A private ${kind.label} is needed, and its binaries are not installed: ${obstacle}\n` +
        `What to do: ${installCommand([kind])}`,
    );
  }
  return kind.locate() as PrivateRecipe;
}

/** Installs the binaries that are missing, all in one run of apt-get. Returns why there still are none. */
export async function installBinaries(
  wanted: readonly ServerKind[],
  log: (line: string) => void = () => {},
): Promise<string | undefined> {
  const absent = absentOf(wanted);
  if (absent.length === 0) return undefined;
  const obstacle = aptObstacle();
  if (obstacle) return obstacle;
  const packages = absent.flatMap((service) => service.packages);
  log(`Installing ${packages.join(', ')} with apt-get`);
  try {
    await installPackages(packages);
  } catch (error) {
    return error instanceof Error ? error.message : reason(error);
  }
  return absentOf(absent).length ? 'apt-get brought no usable binaries' : undefined;
}

/** Those whose binaries are not installed. */
export function absentOf<Kind extends ServerKind>(wanted: readonly Kind[]): Kind[] {
  return wanted.filter((service) => !service.locate());
}

/** What a person types instead. */
export function installCommand(absent: readonly ServerKind[]): string {
  const packages = absent.flatMap((service) => service.packages).join(' ');
  return `as root on Debian, apt-get install --no-install-recommends ${packages}`;
}
