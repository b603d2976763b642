// Provides servers and tells their addresses; stops them when told to, or waits to be killed.
import { provideServices } from '../../dist/services/index.js';
import { services as known } from '../../dist/services/servers/index.js';

// What the machine itself has on the default ports is not ours to use here: what is tested is what is started.
for (const service of Object.values(known)) Object.assign(service, { defaultUrls: [] });

const lines = [];
const services = await provideServices({
  need: process.argv[2].split(','),
  log: (line) => lines.push(line),
});
process.once('message', () => {
  void services.stop().then(() => process.send({ stopped: true }));
});
process.send({ env: services.env, lines });
