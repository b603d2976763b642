import { Failure, stopIfInterrupted } from './shell.mjs';

/**
 * Provides the real servers for `use` and takes away what was started for it, whatever happens. `use` gets the addresses, and
 * a check to run at its end: tests leave a server as they found it. Where others have given the server they may be working in
 * it, so only one that we started can tell.
 */
export async function withServices(use) {
  const { provideServices, TestingError } = await import('../../dist/services/index.js');
  const services = await provideServices().catch((error) => {
    stopIfInterrupted();
    throw TestingError.is(error) ? new Failure(error.message) : error;
  });
  try {
    stopIfInterrupted();
    return await use(services.env, async () => {
      const left = await services.leftBehind();
      for (const one of left) console.error(`Left behind in ${one}`);
      return { passed: 0, failed: left.length };
    });
  } finally {
    await services.stop();
  }
}
