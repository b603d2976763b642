/** How everybody tries again who can choose. */
export const RETRY = { attempts: 5, pauseMs: 1_000 };
