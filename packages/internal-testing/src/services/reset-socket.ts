import type { Socket } from 'node:net';

/**
 * Ends a connection at once, with a reset (RST) where that can be done: a socket that is still being shut down is closed
 * instead. Node 20 forgets such a socket when it is to reset it (`reset EINVAL`), never closes it, and then spins for ever
 * where the process should exit.
 */
export function resetSocket(socket: Socket): void {
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}
