// Provides servers and tells their addresses; stops them when told to, or waits to be killed.
import { provideServices } from '../../dist/services/index.js';

const lines = [];
const services = await provideServices({
  need: process.argv[2].split(','),
  log: (line) => lines.push(line),
});
process.once('message', () => {
  void services.stop().then(() => process.send({ stopped: true }));
});
process.send({ env: services.env, lines });
