/**
 * The pauses after which the consumers of the shop try a message again, in milliseconds; the last as often as needed. Each is a wait
 * queue of its own, beside the queue that is read: `<queue>.retry.<ms>`.
 */
export const retryPauses = [500, 1_000, 2_000, 5_000] as const;
