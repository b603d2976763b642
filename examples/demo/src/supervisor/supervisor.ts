import { join } from 'node:path';
import { DemoFailure } from '../until.js';
import { Supervised, type ServiceSpec } from './supervised.js';

/** Starts services, starts again what ends, and counts how often. */
export class Supervisor {
  private readonly services: ReadonlyMap<string, Supervised>;

  constructor(specs: readonly ServiceSpec[], logFolder: string, onRestart: (text: string) => void) {
    this.services = new Map(
      specs.map((spec) => [
        spec.name,
        new Supervised(spec, join(logFolder, `${spec.name}.log`), onRestart),
      ]),
    );
  }

  get restarts(): Record<string, number> {
    return Object.fromEntries([...this.services].map(([name, { restarts }]) => [name, restarts]));
  }

  start(): void {
    for (const service of this.services.values()) service.start();
  }

  markReady(): void {
    for (const service of this.services.values()) service.markReady();
  }

  /** @throws {DemoFailure} when a service cannot be kept running */
  assertRunning(): void {
    for (const { gaveUp, logFile } of this.services.values()) {
      if (gaveUp) throw new DemoFailure(`${gaveUp}\nThe whole log: ${logFile}`);
    }
  }

  /** `kill -9`. Resolves when the process is gone; the restart follows by itself. */
  async kill(name: string): Promise<void> {
    await this.services.get(name)?.kill();
  }

  async stop(): Promise<void> {
    await Promise.all([...this.services.values()].map((service) => service.stop()));
  }
}
