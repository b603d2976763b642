import { Failure, stopIfInterrupted } from './shell.mjs';

/** Provides the real servers for `use` and takes away what was started for it, whatever happens. */
export async function withServices(use) {
  const { provideServices, TestingError } = await import('../../dist/services/index.js');
  const services = await provideServices().catch((error) => {
    stopIfInterrupted();
    throw TestingError.is(error) ? new Failure(error.message) : error;
  });
  try {
    stopIfInterrupted();
    return await use(services.env);
  } finally {
    await services.stop();
  }
}
