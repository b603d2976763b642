import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { TestingError, reason } from '../testing.errors.js';
import type { Service } from './contracts.js';

const execute = promisify(execFile);
const START_DEADLINE_MS = 120_000;

/** Removes the container when whoever started it is gone, `kill -9` included. */
const GUARDIAN = `trap '' HUP INT TERM; while read -r _; do :; done; docker rm --force --volumes "$1"`;

/** Why no container can be run here; undefined when an engine answers. The client alone is not enough. */
export async function dockerObstacle(): Promise<string | undefined> {
  try {
    await execute('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 3_000 });
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'ENOENT'
      ? 'docker is not installed'
      : 'no Docker engine answers';
  }
}

/** A container that we started. */
export interface Container {
  readonly env: Record<string, string>;
  stop(): Promise<void>;
}

/** Runs the service's container, published on free loopback ports, and waits until it answers. */
export async function startContainer(service: Service): Promise<Container> {
  const { image, env, command, ports, addresses } = service.container;
  const { stdout } = await execute(
    'docker',
    [
      ...['run', '--detach', '--rm', '--label', 'acme-internal-testing'],
      ...ports.flatMap((port) => ['--publish', `127.0.0.1::${port}`]),
      ...Object.entries(env).flatMap(([key, value]) => ['--env', `${key}=${value}`]),
      image,
      ...command,
    ],
    { timeout: 10 * 60_000 },
  );
  const id = stdout.trim().split('\n').at(-1) as string;
  const guardian = spawn('sh', ['-c', GUARDIAN, 'sh', id], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guardian.unref();
  (guardian.stdin as unknown as { unref(): void }).unref();
  try {
    const published = await Promise.all(ports.map((port) => publishedPort(id, port)));
    const found = addresses(published);
    await untilItAnswers(service, found[service.variable] as string);
    return { env: found, stop: () => removed(guardian) };
  } catch (error) {
    await removed(guardian);
    throw error;
  }
}

async function publishedPort(id: string, port: number): Promise<number> {
  const { stdout } = await execute('docker', ['port', id, String(port)], { timeout: 10_000 });
  return Number(stdout.trim().split('\n')[0]?.split(':').at(-1));
}

async function untilItAnswers(service: Service, url: string): Promise<void> {
  const deadline = Date.now() + START_DEADLINE_MS;
  for (;;) {
    try {
      await service.ping(url, 2_000);
      return;
    } catch (error) {
      if (Date.now() > deadline) {
        throw new TestingError(
          'CONTAINER_NOT_READY',
          `${service.container.image} does not answer ${START_DEADLINE_MS / 1000} s after its start: ${reason(error)}`,
          { cause: error },
        );
      }
    }
    await new Promise((done) => setTimeout(done, 100));
  }
}

/** The guardian does the removing, so that there is one way only: we let go of it and wait. */
function removed(guardian: ChildProcess): Promise<void> {
  return new Promise((done) => {
    guardian.ref();
    guardian.once('exit', () => done());
    guardian.stdin?.end();
  });
}
