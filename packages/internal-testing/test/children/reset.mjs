// Resets a connection that it is about to end; then there is nothing left to do, and it exits.
import { resetSocket } from '@acme/internal-testing/services';
import { connect, createServer } from 'node:net';

const server = createServer((peer) => peer.on('error', () => {}).resume());
server.listen(0, '127.0.0.1', () => {
  const socket = connect(server.address().port, '127.0.0.1', () => {
    socket.on('error', () => {}).end('more');
    resetSocket(socket);
    server.close();
  });
});
