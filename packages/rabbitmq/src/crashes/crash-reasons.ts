/** The code of messages that end the process. */
export const CRASH_LOOP = 'CRASH_LOOP';

const WHAT_TO_DO =
  'Look for what ends the process (memory, a native module, process.exit), mend it, then redrive the message.';

/** By the attempt store. */
export const diedOfIt = (crashes: number): string =>
  `The process died ${crashes === 1 ? 'once' : `${crashes} times in a row`} while it handled nothing but this message, so it is not handled again. ${WHAT_TO_DO}`;

/** By the count of a quorum queue. */
export const gaveItBack = (count: number, limit: number): string =>
  `The message was delivered ${count} times and came back every time, most likely because the process died, and its queue would soon drop it (x-delivery-limit ${limit}), so it is not handled again. ${WHAT_TO_DO}`;
